// SPDX-License-Identifier: LGPL-2.1-or-later
#include "routing/TwilioSids.hpp"

#include "base/GPtr.hpp"

namespace launcher {

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
