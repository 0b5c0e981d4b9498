// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>
#include <vector>

// The messages of RFC 4475, with what this gateway does about each. Values only, for any thread.
namespace e2e {

struct TortureMessage {
  std::string name;           // as the RFC's appendix has it
  std::vector<int> statuses;  // any of these; none: silence
  std::string text;           // lines end with CRLF
};

std::vector<TortureMessage> tortureMessages();

}  // namespace e2e
