// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Credentials: what a handshake proves itself with, and how. What depends on the endpoint's URL or
// on the time is made anew for every attempt. Pure but for the clock that the caller gives.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "connect/Authorization.hpp"
#include "connect/Endpoint.hpp"

namespace wsbridge {

struct Credentials {
  std::shared_ptr<const Authorization> authorization;  // may be null
  std::string twilio_auth_token = {};                  // empty: no X-Twilio-Signature
  std::string signature_key = {};                      // empty: no X-Wsbridge-Signature
};

/// Adds to the request what is made for this attempt. False: a key cannot sign.
bool sign(HandshakeRequest& request, const Endpoint& endpoint, const Credentials& credentials,
          int64_t now_s);

/// The value of X-Wsbridge-Signature: "sha256=" and HMAC-SHA256, in hex, of the lines method, URL
/// and time stamp.
std::string urlSignature(const std::string& url, int64_t timestamp_s, const std::string& key);
/// The value of X-Twilio-Signature: the URL signed by HMAC-SHA1, in base64.
std::string twilioSignature(const std::string& url, const std::string& token);

}  // namespace wsbridge
