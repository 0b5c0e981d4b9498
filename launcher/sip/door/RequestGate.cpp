// SPDX-License-Identifier: LGPL-2.1-or-later
#include "sip/door/RequestGate.hpp"

namespace launcher {

const char* RequestGate::key(Limit limit) {
  switch (limit) {
    case Limit::Allow:
      return "sip.allow";
    case Limit::Strangers:
      return "limits.stranger-requests";
    case Limit::Requests:
      return "limits.peer-requests";
    case Limit::AllRequests:
      return "limits.all-requests";
    case Limit::Setups:
      return "limits.peer-setups";
    case Limit::None:
      break;
  }
  return "";
}

RequestGate::Decision RequestGate::decide(const Request& request, const IpAddress& from,
                                          const Config::Sip& sip, const Config::Limits& limits,
                                          std::int64_t nowUs) {
  expire(nowUs);
  const std::string callId(request.callId);
  const bool dialog = dialogs_.contains(callId);
  const auto setup = setups_.find(callId);
  if (request.method == "ACK") {
    // Whatever it acknowledges was let in; others belong to nothing, and nobody may answer an ACK.
    const bool known = dialog || setup != setups_.end();
    forget(callId);
    return {known ? Verdict::Pass : Verdict::Silent, Limit::None, known};
  }
  if (dialog && (request.inDialog || request.method == "CANCEL"))
    return {Verdict::Pass, Limit::None, true};
  // The same INVITE again, or the CANCEL of it.
  if (setup != setups_.end() && setup->second.branch == request.branch)
    return {Verdict::Pass, Limit::None, true};
  const IpAddress source = from.source();
  if (!sip.allow.contains(from)) {
    if (!strangers_.take(static_cast<unsigned>(limits.strangerRequests), nowUs))
      return {Verdict::Silent, Limit::Strangers};
    // Of a dialog that is over or never was: the stack says so.
    if (request.inDialog) return {};
    return {Verdict::Forbidden, Limit::Allow};
  }
  return decidePeer(request, source, limits, nowUs);
}

RequestGate::Decision RequestGate::decidePeer(const Request& request, const IpAddress& source,
                                              const Config::Limits& limits, std::int64_t nowUs) {
  Source& peer = sourceOf(source, nowUs);
  const auto refuse = [&](Limit limit) -> Decision {
    const bool answer = peer.answers.take(static_cast<unsigned>(limits.peerRequests), nowUs);
    return {answer ? Verdict::TooMany : Verdict::Silent, limit};
  };
  if (!peer.requests.take(static_cast<unsigned>(limits.peerRequests), nowUs))
    return refuse(Limit::Requests);
  if (!all_.take(static_cast<unsigned>(limits.allRequests), nowUs))
    return refuse(Limit::AllRequests);
  if (request.method != "INVITE") return {};
  const auto most = static_cast<std::size_t>(limits.peerSetups);
  if ((most > 0 && peer.setups >= most) || setups_.size() >= kMaxSetups)
    return refuse(Limit::Setups);
  const std::string callId(request.callId);
  const std::uint64_t number = next_number_++;
  const auto [entry, isNew] =
      setups_.emplace(callId, Setup{source, std::string(request.branch), number});
  // Another one under the same name belongs to the first; the stack answers it 482.
  if (!isNew) return {};
  ++peer.setups;
  due_.push_back({nowUs + kSetupUs, callId, number});
  return {};
}

RequestGate::Source& RequestGate::sourceOf(const IpAddress& source, std::int64_t nowUs) {
  const auto found = sources_.find(source);
  if (found != sources_.end()) return found->second;
  if (sources_.size() >= kMaxSources) {
    // A bucket that has not been asked for a second is as good as a new one.
    std::erase_if(sources_, [nowUs](const auto& entry) {
      return entry.second.setups == 0 && nowUs - entry.second.requests.usedAtUs() > 2'000'000;
    });
    if (sources_.size() >= kMaxSources) return crowd_;
  }
  return sources_[source];
}

void RequestGate::dialogEnded(const std::string& callId) {
  const auto found = dialogs_.find(callId);
  if (found != dialogs_.end() && --found->second == 0) dialogs_.erase(found);
}

void RequestGate::forget(const std::string& callId) {
  const auto found = setups_.find(callId);
  if (found == setups_.end()) return;
  const auto peer = sources_.find(found->second.source);
  Source& source = peer == sources_.end() ? crowd_ : peer->second;
  if (source.setups > 0) --source.setups;
  setups_.erase(found);
}

void RequestGate::expire(std::int64_t nowUs) {
  while (!due_.empty() && due_.front().atUs <= nowUs) {
    const auto found = setups_.find(due_.front().callId);
    if (found != setups_.end() && found->second.number == due_.front().number) forget(found->first);
    due_.pop_front();
  }
}

}  // namespace launcher
