// SPDX-License-Identifier: LGPL-2.1-or-later
#include "FloorRelay.hpp"

#include <cerrno>
#include <cstring>
#include <utility>

#include <arpa/inet.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "wire/Sdp.hpp"
#include "wire/Text.hpp"

namespace bench {

using namespace wire;
namespace {

// An RTP socket on the relay's own address that only the caller's packets reach.
FileDescriptor openRtp(const in_addr& address, const sockaddr_in& caller, uint16_t& port) {
  FileDescriptor fd(socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  sockaddr_in local{};
  local.sin_family = AF_INET;
  local.sin_addr = address;
  socklen_t length = sizeof local;
  if (!fd.valid() || bind(fd.get(), reinterpret_cast<const sockaddr*>(&local), length) != 0 ||
      connect(fd.get(), reinterpret_cast<const sockaddr*>(&caller), sizeof caller) != 0)
    return {};
  getsockname(fd.get(), reinterpret_cast<sockaddr*>(&local), &length);
  port = ntohs(local.sin_port);
  return fd;
}

bool parseEndpoint(const std::string& uri, FloorSettings& settings) {
  constexpr std::string_view kScheme = "ws://";
  if (!uri.starts_with(kScheme)) return false;
  const size_t slash = uri.find('/', kScheme.size());
  settings.endpointHost = uri.substr(kScheme.size(), slash - kScheme.size());
  settings.endpointTarget = slash == std::string::npos ? "/" : uri.substr(slash);
  return parseAddress(settings.endpointHost, settings.endpoint);
}

}  // namespace

std::string FloorRelay::listen(const sockaddr_in& address, unsigned loops, Nanoseconds gather) {
  const auto fault = [](const char* what) {
    return std::string(what) + ": " + std::strerror(errno);
  };
  socket_ = FileDescriptor(socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  wake_ = FileDescriptor(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  if (!socket_.valid() || !wake_.valid()) return fault("socket");
  if (bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return fault("bind");
  const int size = 1 << 20;
  setsockopt(socket_.get(), SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
  socklen_t length = sizeof address_;
  getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&address_), &length);
  for (unsigned i = 0; i < loops; ++i) {
    loops_.push_back(std::make_unique<FloorLoop>(gather));
    if (std::string what = loops_.back()->launch(); !what.empty()) return what;
  }
  return "";
}

void FloorRelay::stop() {
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = write(wake_.get(), &one, sizeof one);
}

void FloorRelay::run() {
  for (;;) {
    pollfd items[] = {{socket_.get(), POLLIN, 0}, {wake_.get(), POLLIN, 0}};
    poll(items, 2, -1);
    if (items[1].revents != 0) break;
    if (items[0].revents != 0) receive();
  }
  loops_.clear();
  lines_.clear();
}

void FloorRelay::send(const std::string& text, const sockaddr_in& to) const {
  [[maybe_unused]] const ssize_t sent = sendto(socket_.get(), text.data(), text.size(), 0,
                                               reinterpret_cast<const sockaddr*>(&to), sizeof to);
}

void FloorRelay::receive() {
  char buffer[65536];
  sockaddr_in from{};
  socklen_t length = sizeof from;
  const ssize_t got = recvfrom(socket_.get(), buffer, sizeof buffer, 0,
                               reinterpret_cast<sockaddr*>(&from), &length);
  SipMessage message;
  if (got < 0 || !parseSip({buffer, static_cast<size_t>(got)}, message)) return;
  if (message.status != 0 || message.method == "ACK") return;
  if (message.method == "INVITE") {
    onInvite(message, from);
    return;
  }
  send(responseTo(message, 200, "OK", "floor"), from);
  if (message.method != "BYE" && message.method != "CANCEL") return;
  const auto line = lines_.find(message.header("Call-ID"));
  if (line == lines_.end()) return;
  line->second.loop->remove(std::move(line->second.call));
  lines_.erase(line);
}

void FloorRelay::onInvite(const SipMessage& message, const sockaddr_in& from) {
  const std::string& callId = message.header("Call-ID");
  send(responseTo(message, 100, "Trying", "floor"), from);
  if (lines_.contains(callId)) return;
  FloorSettings settings;
  SdpAnswer caller;
  for (const char* name : {"pcmu", "pcma", "l16"}) {
    const Codec* codec = findCodec(name);
    caller = parseAnswer(message.body, codec->rtpmap, codec->payloadType);
    if (!caller.usable) continue;
    settings.codec = codec;
    break;
  }
  uint16_t port = 0;
  if (settings.codec != nullptr) settings.rtp = openRtp(address_.sin_addr, caller.rtp, port);
  const std::string uri = percentDecode(message.header("P-wsbridge-websocket-uri"));
  if (!settings.rtp.valid() || !parseEndpoint(uri, settings)) {
    send(responseTo(message, 488, "Not Acceptable Here", "floor"), from);
    return;
  }
  settings.payloadType = static_cast<uint8_t>(caller.payloadType);
  const std::string local = addressText(address_);
  const std::string sdp = makeOffer(local.substr(0, local.find(':')), port, caller.payloadType,
                                    settings.codec->rtpmap, 20, 0);
  std::string accepted =
      responseTo(message, 200, "OK", "floor", "Contact: <sip:floor@" + local + ">\r\n", sdp);
  std::string refused = responseTo(message, 503, "Service Unavailable", "floor");
  settings.onDecided = [this, from, accepted = std::move(accepted), refused = std::move(refused)](
                           bool open) { send(open ? accepted : refused, from); };
  FloorLoop* loop = loops_[calls_ % loops_.size()].get();
  auto call = std::make_shared<FloorCall>(std::move(settings), ++calls_);
  lines_.emplace(callId, Line{call, loop});
  loop->add(std::move(call));
}

}  // namespace bench
