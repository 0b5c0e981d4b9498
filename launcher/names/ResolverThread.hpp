// SPDX-License-Identifier: LGPL-2.1-or-later
// What runs on the thread of a NameResolver: the look-ups under way, who waits for each, and their
// limits. run() is the thread; post() and stop() may be called from any thread, all else belongs to
// run().
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "names/DnsQuery.hpp"
#include "names/NameResolver.hpp"

namespace launcher {

struct NameWaiter {
  std::string host;
  std::string source;
  NameResolver::Answer answer;
  bool askAgain = false;
  std::string name = {};  ///< as asked for
  std::atomic<bool> cancelled{false};
};

class ResolverThread {
 public:
  explicit ResolverThread(NameResolver::Options options);
  ~ResolverThread();
  ResolverThread(const ResolverThread&) = delete;
  ResolverThread& operator=(const ResolverThread&) = delete;

  void run();
  void stop();
  /// Begins the waiter's look-up, or ends it when it is cancelled.
  void post(std::shared_ptr<NameWaiter> waiter);
  void setLimits(NameResolver::Limits limits);

 private:
  struct Pending {
    std::string name;
    std::string source;  ///< that it counts for
    std::int64_t giveUpAt = 0;
    std::int64_t dueAt = 0;
    std::unique_ptr<DnsQuery> query;
    std::vector<std::shared_ptr<NameWaiter>> waiters;
  };
  using Table = std::map<std::uint32_t, Pending>;  ///< in the order of their beginning

  void ask(const std::shared_ptr<NameWaiter>& waiter);
  void begin(const std::shared_ptr<NameWaiter>& waiter, std::int64_t nowUs);
  [[nodiscard]] bool admit(const NameWaiter& waiter);
  bool pushOut(std::size_t mine);
  void withdraw(const std::shared_ptr<NameWaiter>& waiter);
  void look(Table::iterator item, std::int64_t nowUs);
  void finish(Table::iterator item, const DnsQuery::Outcome& outcome);
  Table::node_type remove(Table::iterator item);
  /// False when the thread is to end.
  [[nodiscard]] bool takePosted();
  int waitMs() const;
  void countServersAnew();
  static void tell(const NameWaiter& waiter, const NameAnswer& answer);

  const NameResolver::Options options_;
  int epoll_fd_ = -1;
  int wake_fd_ = -1;
  std::atomic<std::size_t> per_source_;
  std::atomic<std::size_t> in_all_;
  NameCache cache_;
  Table pending_;
  std::unordered_map<std::string, std::uint32_t> by_name_;
  std::unordered_map<std::string, std::size_t> by_source_;
  std::uint32_t next_id_ = 1;
  DnsQuery::Settings settings_;
  std::int64_t servers_read_at_ = 0;

  std::mutex mutex_;
  std::vector<std::shared_ptr<NameWaiter>> posted_;
  bool stopping_ = false;
};

}  // namespace launcher
