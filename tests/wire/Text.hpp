// SPDX-License-Identifier: LGPL-2.1-or-later
// Small helpers on text. Pure; any thread.
#pragma once

#include <string>
#include <string_view>

#include <netinet/in.h>

namespace wire {

// printf into a string.
[[gnu::format(printf, 1, 2)]] std::string format(const char* pattern, ...);

std::string_view trim(std::string_view text);
// Each takes its piece off the front of the text, trimmed; empty when nothing is left.
std::string_view nextLine(std::string_view& text);
std::string_view nextWord(std::string_view& text);
int toNumber(std::string_view text);                    // the decimal number it begins with, or 0
bool sameText(std::string_view a, std::string_view b);  // without regard to ASCII case
std::string percentEncode(std::string_view text);       // all but the unreserved of RFC 3986
std::string percentDecode(std::string_view text);       // a % that is no escape stays as it is
std::string jsonQuote(std::string_view text);

// `ADDR:PORT`, IPv4 literal only; false when it is none.
bool parseAddress(std::string_view text, sockaddr_in& address);
std::string addressText(const sockaddr_in& address);

}  // namespace wire
