// SPDX-License-Identifier: LGPL-2.1-or-later
#include "sip/stack/SofiaGuards.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <utility>

#include <dlfcn.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <sofia-sip/msg_mclass.h>
#include <sofia-sip/nta.h>
#include <sofia-sip/nta_stateless.h>
#include <sofia-sip/nta_tport.h>
#include <sofia-sip/sip.h>
#include <sofia-sip/sip_header.h>
#include <sofia-sip/sip_parser.h>
#include <sofia-sip/sip_protos.h>
#include <sofia-sip/sip_util.h>
#include <sofia-sip/su_addrinfo.h>
#include <sofia-sip/su_wait.h>
#include <sofia-sip/tport.h>
#include <sofia-sip/tport_tag.h>

#include "log/Log.hpp"
#include "sip/stack/MessageCheck.hpp"
#include "sip/stack/SipTrace.hpp"

namespace {

std::atomic<unsigned> lookUps{0};
std::atomic<unsigned> checks{0};
std::atomic<unsigned> receptions{0};
/// SIP thread only.
std::vector<std::string> redirectHosts;
/// Null on every other thread.
thread_local launcher::SipGuard* guard = nullptr;
bool isDatagram(int descriptor) {
  int type = 0;
  socklen_t size = sizeof type;
  return getsockopt(descriptor, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_DGRAM;
}
/// Kept to accept and close connections with when there is no other descriptor.
thread_local int spare = -1;
int openSpare() {
  return open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
}
/// Where the message that is being read came from.
struct Reception {
  int socket = -1;
  bool datagram = false;
  sockaddr_storage address{};
  socklen_t length = 0;
};
thread_local Reception reception;
/// The message that was refused last was whole: those behind it on its connection can be read.
thread_local bool keepsConnection = false;

bool isEmptyLines(const su_iovec_t& part, issize_t size) {
  const auto* text = static_cast<const char*>(part.siv_base);
  const auto length = std::min(static_cast<std::size_t>(size), std::size_t{part.siv_len});
  return std::all_of(text, text + length, [](char c) { return c == '\r' || c == '\n'; });
}

/// Who sent what is being read, by a connection as well.
bool findPeer() {
  if (reception.datagram) return true;
  reception.length = sizeof reception.address;
  return getpeername(reception.socket, reinterpret_cast<sockaddr*>(&reception.address),
                     &reception.length) == 0;
}

/// False: the request is not to be read any further.
bool passes(sip_t* sip) {
  if (!guard || reception.socket < 0) return true;
  if (!findPeer()) return false;
  return guard->request(sip,
                        {reception.socket, reception.datagram,
                         reinterpret_cast<const sockaddr*>(&reception.address), reception.length});
}

/// The library's own function of that name.
template <typename Function>
Function* original(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

}  // namespace

#define WSBRIDGE_EXPORT __attribute__((visibility("default")))

extern "C" {

WSBRIDGE_EXPORT int su_getaddrinfo(const char* node, const char* service,
                                   const su_addrinfo_t* hints, su_addrinfo_t** result) {
  static auto* const next = original<decltype(su_getaddrinfo)>("su_getaddrinfo");
  lookUps.fetch_add(1, std::memory_order_relaxed);
  su_addrinfo_t numeric{};
  if (hints) numeric = *hints;
  numeric.ai_flags |= AI_NUMERICHOST;
  return next ? next(node, service, &numeric, result) : EAI_FAIL;
}

WSBRIDGE_EXPORT issize_t su_vrecv(su_socket_t socket, su_iovec_t parts[], isize_t count, int flags,
                                  su_sockaddr_t* from, socklen_t* fromLength) {
  static auto* const next = original<decltype(su_vrecv)>("su_vrecv");
  const issize_t size = next ? next(socket, parts, count, flags, from, fromLength) : -1;
  if (size <= 0) return size;
  reception.socket = socket;
  reception.datagram = from != nullptr;
  if (!from) {
    if (guard && !isEmptyLines(parts[0], size)) guard->received(socket);
    return size;
  }
  receptions.fetch_add(1, std::memory_order_relaxed);
  reception.length = *fromLength;
  std::memcpy(&reception.address, from, *fromLength);
  if (launcher::mayBeSip(*static_cast<const unsigned char*>(parts[0].siv_base))) return size;
  errno = EAGAIN;
  return -1;
}

/// Weak, so that a test may have one of its own.
WSBRIDGE_EXPORT __attribute__((weak)) issize_t su_vsend(su_socket_t socket,
                                                        const su_iovec_t parts[], isize_t count,
                                                        int flags, const su_sockaddr_t* to,
                                                        socklen_t length) {
  static auto* const next = original<decltype(su_vsend)>("su_vsend");
  if (guard && launcher::log::enabled(launcher::log::Level::Debug)) {
    std::string whole;
    for (isize_t i = 0; i < count; ++i)
      whole.append(static_cast<const char*>(parts[i].siv_base), parts[i].siv_len);
    launcher::traceSent(whole, to ? &to->su_sa : nullptr);
  }
  return next(socket, parts, count, flags, to, length);
}

WSBRIDGE_EXPORT int accept(int listener, sockaddr* address, socklen_t* length) {
  static auto* const next = original<decltype(accept)>("accept");
  int descriptor = next(listener, address, length);
  if (!guard || !address) return descriptor;
  if (descriptor < 0 && (errno == EMFILE || errno == ENFILE)) {
    // Left in the queue it would wake the stack up again and again.
    close(std::exchange(spare, -1));
    descriptor = next(listener, address, length);
    if (descriptor >= 0) close(descriptor);
    spare = openSpare();
    errno = EAGAIN;
    return -1;
  }
  if (descriptor < 0 || guard->connection(descriptor, address)) return descriptor;
  close(descriptor);
  errno = EAGAIN;
  return -1;
}

/// Weak for the same reason.
WSBRIDGE_EXPORT __attribute__((weak)) int connect(int descriptor, const sockaddr* address,
                                                  socklen_t length) {
  static auto* const next = original<decltype(connect)>("connect");
  const int result = next(descriptor, address, length);
  if (result == 0 || !guard || !isDatagram(descriptor)) return result;
  // Where no way leads to a name server, the stack's resolver would try for ever, on the SIP
  // thread. A socket that leads nowhere makes its question one that nobody answers.
  return launcher::connectNowhere(descriptor, address->sa_family);
}

WSBRIDGE_EXPORT int su_close(su_socket_t socket) {
  static auto* const next = original<decltype(su_close)>("su_close");
  if (guard) guard->closed(socket);
  return next(socket);
}

WSBRIDGE_EXPORT int sip_sanity_check(const sip_t* sip) {
  static auto* const next = original<decltype(sip_sanity_check)>("sip_sanity_check");
  checks.fetch_add(1, std::memory_order_relaxed);
  keepsConnection = false;
  if (!next || next(sip) < 0) return -1;
  if (guard && launcher::log::enabled(launcher::log::Level::Debug) && findPeer())
    launcher::traceReceived(sip, reinterpret_cast<const sockaddr*>(&reception.address));
  // The stack owns the message and reads it after this.
  auto* mine = const_cast<sip_t*>(sip);
  if (sip->sip_request) {
    if (passes(mine)) return launcher::isAcceptableRequest(sip) ? 0 : -1;
    keepsConnection = !reception.datagram;
    // Without a Via the stack answers nobody.
    mine->sip_via = nullptr;
    return -1;
  }
  launcher::stripUnusableTargets(mine, redirectHosts);
  return 0;
}

/// Called next after a request was refused, whatever the reason.
WSBRIDGE_EXPORT int tport_shutdown(tport_t* transport, int how) {
  static auto* const next = original<decltype(tport_shutdown)>("tport_shutdown");
  if (std::exchange(keepsConnection, false)) return 0;
  return next ? next(transport, how) : -1;
}

WSBRIDGE_EXPORT int sip_response_terminates_dialog(int status, sip_method_t method, int* graceful) {
  static auto* const next =
      original<decltype(sip_response_terminates_dialog)>("sip_response_terminates_dialog");
  if (method == sip_method_update) {
    if (graceful) *graceful = 0;
    return 0;
  }
  return next(status, method, graceful);
}

}  // extern "C"

namespace launcher {

namespace {

/// Its answer would go to the host in maddr, RFC 3261 18.2.2.
constexpr char kProbe[] =
    "OPTIONS sip:probe@127.0.0.1 SIP/2.0\r\n"
    "Via: SIP/2.0/UDP 127.0.0.1:9;maddr=guard.invalid;branch=z9hG4bKprobe\r\n"
    "From: <sip:probe@127.0.0.1>;tag=1\r\n"
    "To: <sip:probe@127.0.0.1>\r\n"
    "Call-ID: probe\r\n"
    "CSeq: 1 OPTIONS\r\n"
    "Content-Length: 0\r\n\r\n";

constexpr int kSteps = 50;
constexpr su_duration_t kStepMs = 20;

int answerProbe(nta_agent_magic_t*, nta_agent_t* agent, msg_t* message, sip_t*) noexcept {
  return nta_msg_treply(agent, message, 200, "OK", TAG_END());
}

bool sendProbe(nta_agent_t* agent) {
  const sip_via_t* via = nta_agent_via(agent);
  if (!via || !via->v_port) return false;
  const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<std::uint16_t>(std::stoi(via->v_port)));
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const auto sent =
      sendto(fd, kProbe, sizeof kProbe - 1, 0, reinterpret_cast<sockaddr*>(&to), sizeof to);
  close(fd);
  return sent > 0;
}

}  // namespace

Result<void> proveSofiaGuards(su_root_s* root) {
  nta_agent_t* agent = nta_agent_create(root, URL_STRING_MAKE("sip:127.0.0.1:*;transport=udp"),
                                        answerProbe, nullptr, TPTAG_STUN_SERVER(0), TAG_END());
  if (!agent) return Failure{"no UDP port on 127.0.0.1 to try Sofia-SIP with"};
  struct Proof {
    const char* function;
    const std::atomic<unsigned>& calls;
    const unsigned before = calls;
    bool called() const { return calls != before; }
  };
  const Proof proofs[] = {
      {"su_vrecv()", receptions}, {"sip_sanity_check()", checks}, {"su_getaddrinfo()", lookUps}};
  const auto missing = [&proofs] {
    return std::find_if(std::begin(proofs), std::end(proofs),
                        [](const Proof& proof) { return !proof.called(); });
  };
  const bool sent = sendProbe(agent);
  for (int i = 0; sent && i < kSteps && missing() != std::end(proofs); ++i)
    su_root_step(root, kStepMs);
  nta_agent_destroy(agent);
  if (!sent) return Failure{"a datagram to 127.0.0.1 cannot be sent"};
  const Proof* lost = missing();
  if (lost == std::end(proofs)) return {};
  return Failure{std::string("Sofia-SIP does not call the gateway's ") + lost->function +
                 ": its library must not be linked with -Bsymbolic, nor statically"};
}

int connectNowhere(int descriptor, int family) {
  static auto* const next = original<decltype(connect)>("connect");
  constexpr std::uint16_t kDiscard = 9;
  sockaddr_storage nowhere{};
  nowhere.ss_family = static_cast<sa_family_t>(family);
  if (family == AF_INET6) {
    auto& six = reinterpret_cast<sockaddr_in6&>(nowhere);
    six.sin6_addr = in6addr_loopback;
    six.sin6_port = htons(kDiscard);
    return next(descriptor, reinterpret_cast<const sockaddr*>(&nowhere), sizeof six);
  }
  auto& four = reinterpret_cast<sockaddr_in&>(nowhere);
  four.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  four.sin_port = htons(kDiscard);
  return next(descriptor, reinterpret_cast<const sockaddr*>(&nowhere), sizeof four);
}

void setSipGuard(SipGuard* next) {
  guard = next;
  if (spare >= 0) close(spare);
  spare = next ? openSpare() : -1;
}

void allowRedirects(const std::vector<std::string>& hosts) {
  redirectHosts = hosts;
}

const msg_mclass_s* sipMessageClass() {
  static const msg_mclass_t* const made = []() -> const msg_mclass_t* {
    const msg_mclass_t* whole = sip_default_mclass();
    msg_mclass_t* own = msg_mclass_clone(whole, 0, 1);
    if (!own) return whole;
    for (short i = 0; i < whole->mc_hash_size; ++i) {
      const msg_href_t& row = whole->mc_hash[i];
      if (row.hr_class == sip_session_expires_class || row.hr_class == sip_min_se_class) continue;
      msg_mclass_insert(own, &row);
    }
    return own;
  }();
  return made;
}

}  // namespace launcher
