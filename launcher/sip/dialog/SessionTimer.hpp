// SPDX-License-Identifier: LGPL-2.1-or-later
// The session timer of one dialog, RFC 4028: who refreshes, how often, when the session is over,
// and what is done about an answer to a refresh. Pure: header values in, header values and times
// out. One thread at a time.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace launcher {

/// What a message says of the session timer.
struct SessionHeaders {
  std::optional<std::string> sessionExpires;  ///< value of Session-Expires
  std::optional<std::string> minSe;           ///< value of Min-SE
  bool supported = false;                     ///< `timer` in Supported or Require
};

class SessionTimer {
 public:
  /// The shortest session that we agree to, RFC 4028 5.
  static constexpr unsigned kMinSe = 90;  ///< s

  enum class Role { None, Ours, Theirs };  ///< whose turn it is to refresh
  enum class Verdict { Fine, Malformed, TooBrief };

  /// Headers to go with an answer or a request, empty where there is none.
  struct Headers {
    std::string sessionExpires;
    std::string minSe;
    bool require = false;  ///< `Require: timer`
  };

  /// An INVITE, a re-INVITE or an UPDATE of the other side. Takes effect with agreed().
  [[nodiscard]] Verdict request(const SessionHeaders& headers);
  /// For the 2xx to that request.
  [[nodiscard]] Headers answer() const;
  /// The 2xx has been sent.
  void agreed();

  /// For a refresh of ours.
  [[nodiscard]] Headers refresh() const;
  /// The 2xx to a request of ours, which had Session-Expires when it was a refresh.
  void accepted(const SessionHeaders& headers, bool wasRefresh);
  /// A 422 with its Min-SE: true when another try with refresh() makes sense.
  [[nodiscard]] bool tooBrief(const SessionHeaders& headers);

  [[nodiscard]] Role role() const { return role_; }
  unsigned interval() const { return interval_; }  ///< s, 0 without a timer
  /// From the last refresh on: when ours is due, and when the session is over.
  [[nodiscard]] std::chrono::milliseconds refreshAfter() const {
    return std::chrono::milliseconds(std::int64_t{interval_} * 500);
  }
  [[nodiscard]] std::chrono::seconds expiresAfter() const;

 private:
  Role role_ = Role::None;
  unsigned interval_ = 0;
  unsigned their_min_se_ = 0;
  // Of a request that has not been answered yet.
  Role pending_role_ = Role::None;
  unsigned pending_interval_ = 0;
};

/// `1800;refresher=uac` and `90`; nothing when it is not that, or not within 32 bits.
struct SessionExpires {
  unsigned seconds = 0;
  std::string refresher;  ///< uac, uas or empty
};
[[nodiscard]] std::optional<SessionExpires> parseSessionExpires(std::string_view value);

}  // namespace launcher
