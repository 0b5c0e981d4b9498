// SPDX-License-Identifier: LGPL-2.1-or-later
// The names that the dialect twilio gives a call: two letters and 32 hexadecimal digits. Pure but
// for randomTwilioCallSid(); any thread.
#pragma once

#include <string>

namespace launcher {

struct TwilioSids {
  std::string account;
  std::string call;
  bool operator==(const TwilioSids&) const = default;
};

/// Of calls while websocket.twilio-account-sid is empty.
[[nodiscard]] std::string ownTwilioAccountSid();
/// Nobody can guess it.
[[nodiscard]] std::string randomTwilioCallSid();

}  // namespace launcher
