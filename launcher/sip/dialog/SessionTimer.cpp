// SPDX-License-Identifier: LGPL-2.1-or-later
#include "sip/dialog/SessionTimer.hpp"

#include <algorithm>

#include "base/Text.hpp"

namespace launcher {

namespace {

/// A day; what asks for more is as good as without an end.
constexpr std::int64_t kLongest = 86400;
/// Before the end whoever does not refresh sends the BYE, RFC 4028 10.
constexpr unsigned kByeAhead = 32;

std::string withRefresher(unsigned seconds, const char* refresher) {
  return std::to_string(seconds) + ";refresher=" + refresher;
}

}  // namespace

std::optional<SessionExpires> parseSessionExpires(std::string_view value) {
  const std::size_t semicolon = value.find(';');
  const auto seconds = text::parseInteger(text::trim(value.substr(0, semicolon)));
  if (!seconds || *seconds <= 0 || *seconds > UINT32_MAX) return std::nullopt;
  SessionExpires parsed{static_cast<unsigned>(std::min(*seconds, kLongest)), {}};
  if (semicolon == std::string_view::npos) return parsed;
  for (const std::string& parameter : text::splitList(value.substr(semicolon + 1), ";")) {
    const std::size_t equals = parameter.find('=');
    if (equals == std::string::npos) continue;
    if (!text::equalsNoCase(text::trim(parameter.substr(0, equals)), "refresher")) continue;
    parsed.refresher = text::lower(text::trim(parameter.substr(equals + 1)));
    if (parsed.refresher != "uac" && parsed.refresher != "uas") return std::nullopt;
  }
  return parsed;
}

SessionTimer::Verdict SessionTimer::request(const SessionHeaders& headers) {
  pending_role_ = Role::None;
  pending_interval_ = 0;
  if (headers.minSe) {
    const auto least = parseSessionExpires(*headers.minSe);
    if (!least) return Verdict::Malformed;
    their_min_se_ = least->seconds;
  }
  // Without the header there is no timer from then on, RFC 4028 9.
  if (!headers.sessionExpires) return Verdict::Fine;
  const auto wanted = parseSessionExpires(*headers.sessionExpires);
  if (!wanted) return Verdict::Malformed;
  // A proxy may have put it there: a caller that does not know the extension has no use for a 422.
  if (wanted->seconds < kMinSe && headers.supported) return Verdict::TooBrief;
  pending_interval_ = wanted->seconds;
  const bool ours = !headers.supported || wanted->refresher == "uas";
  pending_role_ = ours ? Role::Ours : Role::Theirs;
  return Verdict::Fine;
}

SessionTimer::Headers SessionTimer::answer() const {
  if (pending_role_ == Role::None) return {};
  const bool theirs = pending_role_ == Role::Theirs;
  return {withRefresher(pending_interval_, theirs ? "uac" : "uas"), {}, theirs};
}

void SessionTimer::agreed() {
  role_ = pending_role_;
  interval_ = pending_interval_;
}

SessionTimer::Headers SessionTimer::refresh() const {
  if (interval_ == 0) return {};
  const unsigned least = std::max(kMinSe, their_min_se_);
  // Below that an interval came only from a proxy.
  return {withRefresher(std::max(interval_, their_min_se_), role_ == Role::Theirs ? "uas" : "uac"),
          std::to_string(std::min(least, std::max(interval_, their_min_se_))), false};
}

void SessionTimer::accepted(const SessionHeaders& headers, bool wasRefresh) {
  if (!headers.sessionExpires) {
    // Whoever does not know the extension leaves refreshing to us, RFC 4028 7.2.
    if (wasRefresh && role_ == Role::Ours) return;
    role_ = Role::None;
    interval_ = 0;
    return;
  }
  const auto agreed = parseSessionExpires(*headers.sessionExpires);
  if (!agreed) return;
  interval_ = agreed->seconds;
  role_ = agreed->refresher == "uas" ? Role::Theirs : Role::Ours;
}

bool SessionTimer::tooBrief(const SessionHeaders& headers) {
  const auto least = headers.minSe ? parseSessionExpires(*headers.minSe) : std::nullopt;
  if (!least || least->seconds <= std::max(interval_, their_min_se_)) return false;
  their_min_se_ = least->seconds;
  return true;
}

std::chrono::seconds SessionTimer::expiresAfter() const {
  if (role_ == Role::Ours) return std::chrono::seconds(interval_);
  return std::chrono::seconds(interval_ - std::min(kByeAhead, interval_ / 3));
}

}  // namespace launcher
