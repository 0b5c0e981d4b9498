// SPDX-License-Identifier: LGPL-2.1-or-later
// One look-up of one name by c-ares: /etc/hosts, the search list and all name servers, each asked
// within two seconds. Owns a channel of its own, so that it can be cancelled alone and its
// questions leave from a port of their own. Its sockets are watched in the epoll set of the
// resolver's thread, which alone may use it. When it goes, the look-up is cancelled silently.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "names/NameCache.hpp"

struct ares_channeldata;
struct ares_addrinfo;

namespace launcher {

class DnsQuery {
 public:
  struct Settings {
    std::string servers;          ///< ADDR[:PORT] with commas; empty: those of the system
    std::size_t serverCount = 1;  ///< how many that are
  };
  struct Outcome {
    NameAnswer answer;
    std::int64_t ttlUs = 0;
  };

  /// Begins; what /etc/hosts knows is there at once. The events of the epoll set carry
  /// (`id` << 32 | descriptor).
  DnsQuery(int epollFd, std::uint32_t id, const std::string& name, const Settings& settings);
  ~DnsQuery();
  DnsQuery(const DnsQuery&) = delete;
  DnsQuery& operator=(const DnsQuery&) = delete;

  void onReady(int fd, std::uint32_t events);
  void onTime();
  /// When onTime() is due the next time, from now on, µs; nothing while no server is waited for.
  [[nodiscard]] std::optional<std::int64_t> due() const;
  const std::optional<Outcome>& outcome() const { return outcome_; }

  /// How many name servers such settings stand for; reads /etc/resolv.conf.
  [[nodiscard]] static std::size_t countServers(const std::string& servers);

 private:
  static void onSocket(void* self, int fd, int readable, int writable) noexcept;
  static void onAnswer(void* self, int status, int timeouts, ares_addrinfo* found) noexcept;
  void take(const ares_addrinfo& found);

  const int epoll_fd_;
  const std::uint32_t id_;
  const std::string name_;
  ares_channeldata* channel_ = nullptr;
  bool going_ = false;
  std::optional<Outcome> outcome_;
};

}  // namespace launcher
