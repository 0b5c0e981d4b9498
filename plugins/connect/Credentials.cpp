// SPDX-License-Identifier: LGPL-2.1-or-later
#include "connect/Credentials.hpp"

#include <utility>

#include <glib.h>

#include "connect/Encoding.hpp"

namespace wsbridge {

std::string twilioSignature(const std::string& url, const std::string& token) {
  return base64(hmac(G_CHECKSUM_SHA1, token, url));
}

std::string urlSignature(const std::string& url, int64_t timestamp_s, const std::string& key) {
  const std::string text = "GET\n" + url + "\n" + std::to_string(timestamp_s);
  g_autofree char* digest =
      g_compute_hmac_for_string(G_CHECKSUM_SHA256, reinterpret_cast<const guchar*>(key.data()),
                                key.size(), text.data(), static_cast<gssize>(text.size()));
  return std::string("sha256=") + digest;
}

bool sign(HandshakeRequest& request, const Endpoint& endpoint, const Credentials& credentials,
          int64_t now_s) {
  if (credentials.authorization) {
    auto header = credentials.authorization->header(now_s);
    if (!header) return false;
    request.authorization = std::move(*header);
  }
  if (!credentials.twilio_auth_token.empty()) {
    request.extra_headers.emplace_back(
        "X-Twilio-Signature", twilioSignature(endpoint.url(), credentials.twilio_auth_token));
  }
  if (!credentials.signature_key.empty()) {
    request.extra_headers.emplace_back("X-Wsbridge-Timestamp", std::to_string(now_s));
    request.extra_headers.emplace_back(
        "X-Wsbridge-Signature", urlSignature(endpoint.url(), now_s, credentials.signature_key));
  }
  return true;
}

}  // namespace wsbridge
