// SPDX-License-Identifier: LGPL-2.1-or-later
#include "names/DnsQuery.hpp"

#include <algorithm>
#include <memory>
#include <vector>

#include <ares.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace launcher {

namespace {

// Three rounds over all servers, of which c-ares makes each twice as long as the one before: every
// server has been asked twice after 1.05 s. Answers count however late they come, until the third
// round ends after 2.45 s: within half of the connect-timeout of 6 s, which the look-ups of several
// endpoints may take.
constexpr int kFirstRoundMs = 350;
constexpr int kRounds = 3;
// More addresses of one name are not tried.
constexpr std::size_t kMaxAddresses = 16;

using FoundPtr = std::unique_ptr<ares_addrinfo, decltype(&ares_freeaddrinfo)>;

ares_channel openChannel(const DnsQuery::Settings& settings, ares_options options, int mask) {
  ares_channel channel = nullptr;
  options.timeout = std::max(kFirstRoundMs / static_cast<int>(settings.serverCount), 1);
  options.tries = kRounds;
  mask |= ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES;
  if (ares_init_options(&channel, &options, mask) != ARES_SUCCESS) return nullptr;
  if (!settings.servers.empty() &&
      ares_set_servers_ports_csv(channel, settings.servers.c_str()) != ARES_SUCCESS) {
    ares_destroy(channel);
    return nullptr;
  }
  return channel;
}

std::string textOf(const sockaddr& address) {
  char buffer[INET6_ADDRSTRLEN] = "";
  const bool v4 = address.sa_family == AF_INET;
  const void* bytes =
      v4 ? static_cast<const void*>(&reinterpret_cast<const sockaddr_in&>(address).sin_addr)
         : static_cast<const void*>(&reinterpret_cast<const sockaddr_in6&>(address).sin6_addr);
  inet_ntop(address.sa_family, bytes, buffer, sizeof buffer);
  return buffer;
}

/// Whether there is a way to it; nothing is sent.
bool hasRoute(const ares_addrinfo_node& node) {
  sockaddr_in6 to = reinterpret_cast<const sockaddr_in6&>(*node.ai_addr);
  to.sin6_port = htons(9);
  const int fd = ::socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  const bool found = ::connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0;
  ::close(fd);
  return found;
}

/// The coarse order of RFC 6724: IPv6, IPv4, IPv6 of a kind that seldom leads anywhere, and what
/// there is no way to.
int rankOf(const ares_addrinfo_node& node) {
  if (node.ai_family == AF_INET) return 1;
  if (!hasRoute(node)) return 3;
  const auto& bytes = reinterpret_cast<const sockaddr_in6&>(*node.ai_addr).sin6_addr.s6_addr;
  const bool local = (bytes[0] & 0xfe) == 0xfc;
  const bool tunnel = bytes[0] == 0x20 &&
                      (bytes[1] == 0x02 || (bytes[1] == 0x01 && bytes[2] == 0 && bytes[3] == 0));
  return local || tunnel ? 2 : 0;
}

}  // namespace

std::size_t DnsQuery::countServers(const std::string& servers) {
  ares_channel channel = openChannel({servers, 1}, {}, 0);
  if (!channel) return 1;
  ares_addr_port_node* list = nullptr;
  std::size_t count = 0;
  if (ares_get_servers_ports(channel, &list) == ARES_SUCCESS) {
    for (const auto* node = list; node; node = node->next)
      ++count;
    ares_free_data(list);
  }
  ares_destroy(channel);
  return std::max<std::size_t>(count, 1);
}

DnsQuery::DnsQuery(int epollFd, std::uint32_t id, const std::string& name, const Settings& settings)
    : epoll_fd_(epollFd), id_(id), name_(name) {
  ares_options options{};
  options.sock_state_cb = onSocket;
  options.sock_state_cb_data = this;
  channel_ = openChannel(settings, options, ARES_OPT_SOCK_STATE_CB);
  if (!channel_) {
    outcome_ =
        Outcome{{NameAnswer::Kind::Temporary, {}, name + ": the look-up cannot be started"}, 0};
    return;
  }
  ares_addrinfo_hints hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  // Sorting opens a socket for each address, of which a stranger's name may have thousands.
  hints.ai_flags = ARES_AI_NOSORT | ARES_AI_ENVHOSTS;
  going_ = true;
  ares_getaddrinfo(channel_, name.c_str(), nullptr, &hints, onAnswer, this);
}

DnsQuery::~DnsQuery() {
  going_ = false;
  if (channel_) ares_destroy(channel_);
}

void DnsQuery::onReady(int fd, std::uint32_t events) {
  const bool failed = (events & (EPOLLERR | EPOLLHUP)) != 0;
  ares_process_fd(channel_, failed || (events & EPOLLIN) ? fd : ARES_SOCKET_BAD,
                  failed || (events & EPOLLOUT) ? fd : ARES_SOCKET_BAD);
}

void DnsQuery::onTime() {
  ares_process_fd(channel_, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
}

std::optional<std::int64_t> DnsQuery::due() const {
  timeval left{};
  if (!channel_ || !ares_timeout(channel_, nullptr, &left)) return std::nullopt;
  return std::int64_t{left.tv_sec} * 1000000 + left.tv_usec;
}

void DnsQuery::onSocket(void* self, int fd, int readable, int writable) noexcept {
  const auto& query = *static_cast<DnsQuery*>(self);
  epoll_event event{};
  event.events = (readable ? EPOLLIN : 0U) | (writable ? EPOLLOUT : 0U);
  event.data.u64 = std::uint64_t{query.id_} << 32 | static_cast<std::uint32_t>(fd);
  if (event.events == 0) {
    ::epoll_ctl(query.epoll_fd_, EPOLL_CTL_DEL, fd, nullptr);
  } else if (::epoll_ctl(query.epoll_fd_, EPOLL_CTL_MOD, fd, &event) != 0) {
    ::epoll_ctl(query.epoll_fd_, EPOLL_CTL_ADD, fd, &event);
  }
}

void DnsQuery::onAnswer(void* self, int status, int, ares_addrinfo* found) noexcept {
  const FoundPtr owned(found, ares_freeaddrinfo);
  auto& query = *static_cast<DnsQuery*>(self);
  if (!query.going_) return;
  query.going_ = false;
  using Kind = NameAnswer::Kind;
  if (status == ARES_SUCCESS && owned && owned->nodes) return query.take(*owned);
  const bool none = status == ARES_SUCCESS || status == ARES_ENOTFOUND || status == ARES_ENODATA ||
                    status == ARES_EBADNAME;
  const std::string why = status == ARES_SUCCESS ? "no address" : ares_strerror(status);
  query.outcome_ =
      Outcome{{none ? Kind::NoSuchName : Kind::Temporary, {}, query.name_ + ": " + why}, 0};
}

void DnsQuery::take(const ares_addrinfo& found) {
  std::vector<const ares_addrinfo_node*> nodes;
  std::size_t v4 = 0;
  std::size_t v6 = 0;
  int ttl = found.nodes->ai_ttl;
  for (const auto* node = found.nodes; node; node = node->ai_next) {
    std::size_t& count = node->ai_family == AF_INET ? v4 : v6;
    if (node->ai_family != AF_INET && node->ai_family != AF_INET6) continue;
    // Half of the room for each family, so that neither keeps the other out.
    if (++count <= kMaxAddresses / 2) nodes.push_back(node);
    ttl = std::min(ttl, node->ai_ttl);
  }
  for (const auto* alias = found.cnames; alias; alias = alias->next)
    ttl = std::min(ttl, alias->ttl);
  std::vector<std::pair<int, std::string>> ranked;
  ranked.reserve(nodes.size());
  for (const auto* node : nodes)
    ranked.emplace_back(v4 > 0 && v6 > 0 ? rankOf(*node) : 0, textOf(*node->ai_addr));
  std::stable_sort(ranked.begin(), ranked.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  outcome_ = Outcome{{}, std::int64_t{ttl} * 1000000};
  for (auto& [rank, address] : ranked) {
    auto& list = outcome_->answer.addresses;
    if (std::find(list.begin(), list.end(), address) == list.end()) list.push_back(address);
  }
}

}  // namespace launcher
