// SPDX-License-Identifier: LGPL-2.1-or-later
#include "names/ResolverThread.hpp"

#include <algorithm>
#include <array>
#include <csignal>
#include <utility>

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <glib.h>

namespace launcher {

namespace {

// A search list may take several look-ups, one after the other.
constexpr std::int64_t kGiveUpUs = 2800000;
// With addresses to fall back on nobody waits for longer.
constexpr std::int64_t kGiveUpStaleUs = 1000000;
// Each look-up reads /etc/resolv.conf itself; only how many servers it names is known from before.
constexpr std::int64_t kServersUs = 5000000;
constexpr std::uint32_t kWake = 0;

/// As RFC 6761 has it, and GLib had it: these never go to a name server.
bool isLocalhost(const std::string& name) {
  return name == "localhost" || name == "localhost." || name.ends_with(".localhost") ||
         name.ends_with(".localhost.");
}

}  // namespace

ResolverThread::ResolverThread(NameResolver::Options options)
    : options_(std::move(options)),
      epoll_fd_(::epoll_create1(EPOLL_CLOEXEC)),
      wake_fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      per_source_(options_.limits.perSource),
      in_all_(options_.limits.inAll),
      cache_(options_.cached) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = kWake;
  ::epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, wake_fd_, &event);
}

ResolverThread::~ResolverThread() {
  ::close(wake_fd_);
  ::close(epoll_fd_);
}

void ResolverThread::setLimits(NameResolver::Limits limits) {
  per_source_ = limits.perSource;
  in_all_ = limits.inAll;
}

void ResolverThread::post(std::shared_ptr<NameWaiter> waiter) {
  const std::lock_guard lock(mutex_);
  posted_.push_back(std::move(waiter));
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(wake_fd_, &one, sizeof one);
}

void ResolverThread::stop() {
  const std::lock_guard lock(mutex_);
  stopping_ = true;
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(wake_fd_, &one, sizeof one);
}

void ResolverThread::run() {
  // c-ares writes to TCP sockets of name servers, which may have closed them.
  sigset_t pipe;
  sigemptyset(&pipe);
  sigaddset(&pipe, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &pipe, nullptr);
  std::array<epoll_event, 64> events;
  while (true) {
    const int count =
        ::epoll_wait(epoll_fd_, events.data(), static_cast<int>(events.size()), waitMs());
    const std::int64_t now = g_get_monotonic_time();
    for (int i = 0; i < count; ++i) {
      const std::uint64_t data = events[static_cast<std::size_t>(i)].data.u64;
      // What was removed since has left its events behind.
      const auto item = pending_.find(static_cast<std::uint32_t>(data >> 32));
      if (item == pending_.end()) continue;
      item->second.query->onReady(static_cast<int>(data & 0xffffffffU),
                                  events[static_cast<std::size_t>(i)].events);
      look(item, now);
    }
    if (!takePosted()) break;
    for (auto item = pending_.begin(); item != pending_.end();) {
      const auto next = std::next(item);
      if (item->second.dueAt <= now) {
        item->second.query->onTime();
        look(item, now);
      }
      item = next;
    }
  }
  pending_.clear();
}

int ResolverThread::waitMs() const {
  if (pending_.empty()) return -1;
  std::int64_t first = G_MAXINT64;
  for (const auto& [id, pending] : pending_)
    first = std::min(first, pending.dueAt);
  const std::int64_t left = first - g_get_monotonic_time();
  return static_cast<int>(std::clamp<std::int64_t>((left + 999) / 1000, 0, kGiveUpUs / 1000));
}

bool ResolverThread::takePosted() {
  std::uint64_t count = 0;
  [[maybe_unused]] const auto got = ::read(wake_fd_, &count, sizeof count);
  std::vector<std::shared_ptr<NameWaiter>> posted;
  {
    const std::lock_guard lock(mutex_);
    // Looked at behind the read, which may have taken the wake-up of stop().
    if (stopping_) return false;
    posted.swap(posted_);
  }
  for (const auto& waiter : posted) {
    if (waiter->cancelled) {
      withdraw(waiter);
    } else {
      ask(waiter);
    }
  }
  return true;
}

void ResolverThread::tell(const NameWaiter& waiter, const NameAnswer& answer) {
  if (!waiter.cancelled) waiter.answer(answer);
}

void ResolverThread::ask(const std::shared_ptr<NameWaiter>& waiter) {
  using Kind = NameAnswer::Kind;
  waiter->name = dnsName(waiter->host);
  if (waiter->name.empty()) {
    return tell(*waiter, {Kind::NoSuchName, {}, waiter->host + ": is no name of a host"});
  }
  if (isLocalhost(waiter->name)) return tell(*waiter, {Kind::Found, {"::1", "127.0.0.1"}, {}});
  const std::int64_t now = options_.clock();
  if (const auto known = cache_.find(waiter->name, now, waiter->askAgain)) {
    return tell(*waiter, *known);
  }
  if (const auto same = by_name_.find(waiter->name); same != by_name_.end()) {
    pending_.at(same->second).waiters.push_back(waiter);
    return;
  }
  if (admit(*waiter)) begin(waiter, now);
}

bool ResolverThread::admit(const NameWaiter& waiter) {
  using Kind = NameAnswer::Kind;
  const auto counted = by_source_.find(waiter.source);
  const std::size_t mine = counted == by_source_.end() ? 0 : counted->second;
  if (mine >= per_source_) {
    tell(waiter, {Kind::SourceBusy,
                  {},
                  std::to_string(mine) + " look-ups of this source are under way, as many as " +
                      "limits.lookups-per-source allows"});
    return false;
  }
  if (pending_.size() < in_all_ || pushOut(mine)) return true;
  tell(waiter, {Kind::AllBusy,
                {},
                std::to_string(pending_.size()) +
                    " look-ups are under way, as many as limits.max-lookups allows"});
  return false;
}

/// Whoever has more of them under way by two or more gives his last one up.
bool ResolverThread::pushOut(std::size_t mine) {
  const auto most =
      std::max_element(by_source_.begin(), by_source_.end(),
                       [](const auto& a, const auto& b) { return a.second < b.second; });
  if (most == by_source_.end() || most->second < mine + 2) return false;
  const auto last = std::find_if(pending_.rbegin(), pending_.rend(), [most](const auto& item) {
    return item.second.source == most->first;
  });
  const auto gone = remove(std::prev(last.base()));
  for (const auto& waiter : gone.mapped().waiters) {
    tell(*waiter,
         {NameAnswer::Kind::AllBusy,
          {},
          gone.mapped().name + ": given up for another source, limits.max-lookups is reached"});
  }
  return true;
}

void ResolverThread::countServersAnew() {
  const std::int64_t now = g_get_monotonic_time();
  if (servers_read_at_ != 0 && (!options_.servers.empty() || now - servers_read_at_ < kServersUs)) {
    return;
  }
  servers_read_at_ = now;
  settings_ = {options_.servers, DnsQuery::countServers(options_.servers)};
}

void ResolverThread::begin(const std::shared_ptr<NameWaiter>& waiter, std::int64_t nowUs) {
  countServersAnew();
  const std::uint32_t id = next_id_;
  next_id_ = next_id_ == G_MAXUINT32 ? 1 : next_id_ + 1;
  const auto [item, added] = pending_.try_emplace(id);
  Pending& pending = item->second;
  pending.name = waiter->name;
  pending.source = waiter->source;
  pending.waiters = {waiter};
  const std::int64_t now = g_get_monotonic_time();
  pending.giveUpAt = now + (cache_.hasStale(pending.name, nowUs) ? kGiveUpStaleUs : kGiveUpUs);
  by_name_[pending.name] = id;
  ++by_source_[pending.source];
  pending.query = std::make_unique<DnsQuery>(epoll_fd_, id, pending.name, settings_);
  look(item, now);
}

void ResolverThread::withdraw(const std::shared_ptr<NameWaiter>& waiter) {
  const auto same = by_name_.find(waiter->name);
  if (same == by_name_.end()) return;
  const auto item = pending_.find(same->second);
  auto& waiters = item->second.waiters;
  const auto mine = std::find(waiters.begin(), waiters.end(), waiter);
  if (mine == waiters.end()) return;
  waiters.erase(mine);
  if (waiters.empty()) remove(item);
}

void ResolverThread::look(Table::iterator item, std::int64_t nowUs) {
  Pending& pending = item->second;
  if (const auto& outcome = pending.query->outcome()) return finish(item, *outcome);
  if (nowUs >= pending.giveUpAt) {
    return finish(
        item,
        {{NameAnswer::Kind::Temporary, {}, pending.name + ": no answer of a name server in time"},
         0});
  }
  const auto due = pending.query->due();
  pending.dueAt = due ? std::min(nowUs + *due, pending.giveUpAt) : pending.giveUpAt;
}

void ResolverThread::finish(Table::iterator item, const DnsQuery::Outcome& outcome) {
  const DnsQuery::Outcome result = outcome;
  const auto gone = remove(item);
  const NameAnswer answer =
      cache_.store(gone.mapped().name, result.answer, result.ttlUs, options_.clock());
  for (const auto& waiter : gone.mapped().waiters)
    tell(*waiter, answer);
}

ResolverThread::Table::node_type ResolverThread::remove(Table::iterator item) {
  auto node = pending_.extract(item);
  node.mapped().query.reset();
  by_name_.erase(node.mapped().name);
  const auto counted = by_source_.find(node.mapped().source);
  if (--counted->second == 0) by_source_.erase(counted);
  return node;
}

}  // namespace launcher
