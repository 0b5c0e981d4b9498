// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <ostream>
#include <string>
#include <vector>

#include "WsFrame.hpp"

// What an endpoint can send without end that is no audio. Values only, for any thread.
namespace e2e {

using namespace testsupport;

struct EndpointFlood {
  const char* name;
  std::string bytes;       // of whole frames, again and again
  std::string first = {};  // once, before

  friend std::ostream& operator<<(std::ostream& out, const EndpointFlood& flood) {
    return out << flood.name;
  }
};

std::string repeated(size_t count, const std::string& what);
const std::vector<EndpointFlood>& endpointFloods();

}  // namespace e2e
