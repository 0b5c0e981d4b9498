// SPDX-License-Identifier: LGPL-2.1-or-later
// Bodies of SIP INFO that carry a key: application/dtmf-relay and application/dtmf. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "sip/dialog/TelephoneEvent.hpp"

namespace launcher {

[[nodiscard]] bool isDtmfType(std::string_view contentType);
inline constexpr const char* kDtmfRelayType = "application/dtmf-relay";
/// A body of that type.
[[nodiscard]] std::string makeDtmfBody(const Digit& digit);
std::optional<Digit> parseDtmfBody(std::string_view contentType, std::string_view body);

}  // namespace launcher
