// SPDX-License-Identifier: LGPL-2.1-or-later
// Looks up the hosts of endpoints. Owns one thread, on which any number of look-ups run side by
// side: none waits for another. Equal names are asked for once, answers are cached. How many run
// for one source, and in all, is limited; what the cache or a look-up under way answers counts for
// nobody. resolve() may be called from any thread; answers come on the resolver's own and must only
// be posted on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "names/NameCache.hpp"

namespace launcher {

class ResolverThread;
struct NameWaiter;

/// A look-up that somebody waits for. Destruction cancels it; an answer that is just on its way may
/// still come. It may outlive the resolver.
class NameLookup {
 public:
  NameLookup() = default;
  NameLookup(std::shared_ptr<NameWaiter> waiter, std::weak_ptr<ResolverThread> thread);
  ~NameLookup();
  NameLookup(NameLookup&& other) noexcept = default;
  NameLookup& operator=(NameLookup&& other) noexcept;

 private:
  void cancel();

  std::shared_ptr<NameWaiter> waiter_;
  std::weak_ptr<ResolverThread> thread_;
};

class NameResolver {
 public:
  using Answer = std::function<void(NameAnswer)>;

  struct Limits {
    std::size_t perSource = 64;
    std::size_t inAll = 128;
  };
  struct Options {
    std::string servers;  ///< ADDR[:PORT] with commas; empty: those of the system
    Limits limits;
    std::size_t cached = 4096;            ///< names
    std::function<std::int64_t()> clock;  ///< µs, for the cache; nothing: the monotonic one
  };
  enum class Failures { FromCache, AskAgain };

  explicit NameResolver(Options options);
  /// Look-ups under way are cancelled; what waits for them hears nothing.
  ~NameResolver();
  NameResolver(const NameResolver&) = delete;
  NameResolver& operator=(const NameResolver&) = delete;

  /// `source` stands for whoever makes us ask. With AskAgain a temporary failure of before does not
  /// count.
  [[nodiscard]] NameLookup resolve(const std::string& host, const std::string& source,
                                   Answer answer, Failures failures = Failures::FromCache);
  /// Of look-ups that begin from now on.
  void setLimits(Limits limits);

 private:
  std::shared_ptr<ResolverThread> shared_;
  std::thread thread_;
};

/// The name as it goes to a name server: ASCII (IDNA), in lower case. Nothing when it is none, such
/// as one of more than 253 bytes or with a label of more than 63.
[[nodiscard]] std::string dnsName(const std::string& host);

}  // namespace launcher
