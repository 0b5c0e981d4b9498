// SPDX-License-Identifier: LGPL-2.1-or-later
// CallState: the one state of a call, and the one table of its transitions, which a test walks.
// Pure.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

namespace launcher {

enum class CallState : std::uint8_t {
  New,
  Dialling,        ///< our INVITE is not answered yet
  Resolving,       ///< the endpoints' names are looked up
  Opening,         ///< the pipeline connects to an endpoint
  Unacknowledged,  ///< our offer is out in the 200: the answer comes with the ACK
  Attaching,       ///< the half of the pipeline towards the caller is made
  Active,
  Draining,  ///< the endpoint has closed; what it has sent is still played
  Over,
};

enum class CallStep : std::uint8_t {
  Dial,
  Resolve,  ///< there is an endpoint to look up, and an agreement or an offer of ours
  Connect,  ///< the endpoints' addresses are known and allowed
  Bridge,   ///< the WebSocket is open, and what goes to the caller is agreed
  Offer,    ///< the WebSocket is open, and our offer goes out
  Agree,    ///< the ACK has brought a usable answer
  Attach,   ///< the pipeline is whole
  DrainPlayout,
  End,
};

struct CallTransition {
  CallState from;
  CallStep step;
  CallState to;
};

/// All but the end, which every state takes but Over.
inline constexpr std::array<CallTransition, 9> kCallTransitions = {{
    {CallState::New, CallStep::Dial, CallState::Dialling},
    {CallState::New, CallStep::Resolve, CallState::Resolving},
    {CallState::Dialling, CallStep::Resolve, CallState::Resolving},
    {CallState::Resolving, CallStep::Connect, CallState::Opening},
    {CallState::Opening, CallStep::Bridge, CallState::Active},
    {CallState::Opening, CallStep::Offer, CallState::Unacknowledged},
    {CallState::Unacknowledged, CallStep::Agree, CallState::Attaching},
    {CallState::Attaching, CallStep::Attach, CallState::Active},
    {CallState::Active, CallStep::DrainPlayout, CallState::Draining},
}};

/// Returns the state that the step leads to, nothing when the state does not take it.
[[nodiscard]] constexpr std::optional<CallState> nextState(CallState from, CallStep step) {
  if (step == CallStep::End)
    return from == CallState::Over ? std::nullopt : std::optional(CallState::Over);
  for (const CallTransition& row : kCallTransitions) {
    if (row.from == from && row.step == step) return row.to;
  }
  return std::nullopt;
}

}  // namespace launcher
