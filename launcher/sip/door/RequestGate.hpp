// SPDX-License-Identifier: LGPL-2.1-or-later
// Who may begin something at the SIP port, and how often: decides about each request before a
// transaction is made of it. Requests of a dialog that stands, and the ACK of an INVITE that was
// let in, always pass. Peers are the sources in `sip.allow`, each with limits of its own; all
// others share one small allowance, so that they cannot use up what a peer is entitled to. Pure:
// the caller brings the clock, monotonic µs. SIP thread only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "base/Networks.hpp"
#include "base/TokenBucket.hpp"
#include "config/Config.hpp"

namespace launcher {

class RequestGate {
 public:
  enum class Verdict {
    Pass,
    Forbidden,  ///< 403: not in sip.allow
    TooMany,    ///< 503: one answer, nothing is kept
    Silent,     ///< not even that
  };
  /// The limit behind a verdict, and the key that moves it.
  enum class Limit { None, Allow, Strangers, Requests, AllRequests, Setups };
  struct Decision {
    Verdict verdict = Verdict::Pass;
    Limit limit = Limit::None;
    bool known = false;  ///< belongs to a dialog, or to an INVITE that was let in
  };
  struct Request {
    std::string_view method;
    std::string_view callId;
    std::string_view branch;
    bool inDialog = false;  ///< its To has a tag
  };

  [[nodiscard]] static const char* key(Limit limit);

  /// Not confirmed by an ACK after this, an INVITE that was let in is forgotten; 64*T1.
  static constexpr std::int64_t kSetupUs = 32'000'000;
  static constexpr std::size_t kMaxSetups = 4096;
  static constexpr std::size_t kMaxSources = 4096;

  [[nodiscard]] Decision decide(const Request& request, const IpAddress& from,
                                const Config::Sip& sip, const Config::Limits& limits,
                                std::int64_t nowUs);

  /// A dialog stands, or is being set up, under that Call-ID. Balanced.
  void dialogBegan(const std::string& callId) { ++dialogs_[callId]; }
  void dialogEnded(const std::string& callId);

  [[nodiscard]] std::size_t setups() const { return setups_.size(); }
  std::size_t sources() const { return sources_.size(); }

 private:
  struct Setup {
    IpAddress source;
    std::string branch;
    std::uint64_t number;
  };
  struct Source {
    TokenBucket requests;
    TokenBucket answers;
    std::size_t setups = 0;
  };

  [[nodiscard]] Decision decidePeer(const Request& request, const IpAddress& source,
                                    const Config::Limits& limits, std::int64_t nowUs);
  [[nodiscard]] Source& sourceOf(const IpAddress& source, std::int64_t nowUs);
  void forget(const std::string& callId);
  void expire(std::int64_t nowUs);

  std::unordered_map<std::string, unsigned> dialogs_;
  std::unordered_map<std::string, Setup> setups_;  ///< by Call-ID: not acknowledged yet
  struct Due {
    std::int64_t atUs;
    std::string callId;
    std::uint64_t number;
  };
  std::deque<Due> due_;
  std::uint64_t next_number_ = 1;
  std::map<IpAddress, Source> sources_;
  Source crowd_;  ///< those for whom the table has no room
  TokenBucket strangers_;
  TokenBucket all_;
};

}  // namespace launcher
