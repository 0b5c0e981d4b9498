// SPDX-License-Identifier: LGPL-2.1-or-later
// The headers of a message that the stack has no class for. SIP thread only.
#pragma once

#include <optional>
#include <string>

#include <sofia-sip/sip.h>

#include "base/Text.hpp"

namespace launcher {

/// The value of the first one of that name, in one line.
inline std::optional<std::string> unknownHeader(const sip_t* sip, const char* name) {
  for (const sip_unknown_t* header = sip->sip_unknown; header; header = header->un_next) {
    if (header->un_name && text::equalsNoCase(header->un_name, name))
      return text::unfolded(header->un_value ? header->un_value : "");
  }
  return std::nullopt;
}

}  // namespace launcher
