// SPDX-License-Identifier: LGPL-2.1-or-later
// What wsbridge-echo --report has written about the calls of one run: how much audio the endpoint
// has received of each. Any thread.
#pragma once

#include <map>
#include <string>
#include <string_view>

namespace bench {

// Adds `call=<run>-<index>` to the query of the endpoint's URI.
std::string labelUri(const std::string& uri, std::string_view run, unsigned index);

// Milliseconds of audio by index of the call; lines of other runs do not count.
std::map<unsigned, double> parseEndpointReport(std::string_view text, std::string_view run);
std::map<unsigned, double> readEndpointReport(const std::string& path, std::string_view run);

}  // namespace bench
