// SPDX-License-Identifier: LGPL-2.1-or-later
// What the gateway says that it understands.
#pragma once

namespace launcher {

inline constexpr const char* kAllow =
    "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, NOTIFY, MESSAGE";
/// Outside a dialog nobody is there to be told.
inline constexpr const char* kAllowOutside =
    "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, NOTIFY";
inline constexpr const char* kAccept =
    "application/sdp, application/dtmf-relay, application/dtmf, text/plain, application/json";

}  // namespace launcher
