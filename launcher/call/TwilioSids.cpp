// SPDX-License-Identifier: LGPL-2.1-or-later
#include "call/TwilioSids.hpp"

#include <algorithm>

#include "base/GPtr.hpp"

namespace launcher {

namespace {

constexpr std::size_t kDigits = 32;

}  // namespace

bool isTwilioSid(std::string_view letters, std::string_view text) {
  if (!text.starts_with(letters) || text.size() != letters.size() + kDigits) return false;
  return text.find_first_not_of("0123456789abcdef", letters.size()) == std::string_view::npos;
}

std::string ownTwilioAccountSid() {
  const CharPtr digits(g_compute_checksum_for_string(G_CHECKSUM_MD5, "gst-wsbridge", -1));
  return std::string("AC") + digits.get();
}

std::string randomTwilioCallSid() {
  const CharPtr uuid(g_uuid_string_random());
  std::string sid = "CA";
  for (const char* c = uuid.get(); *c; ++c) {
    if (*c != '-') sid.push_back(*c);
  }
  return sid;
}

}  // namespace launcher
