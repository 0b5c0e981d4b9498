// SPDX-License-Identifier: LGPL-2.1-or-later
#include "connection/Credentials.hpp"

#include <array>

#include <glib.h>

namespace wsbridge {

std::string twilioSignature(const std::string& url, const std::string& token) {
  GHmac* hmac =
      g_hmac_new(G_CHECKSUM_SHA1, reinterpret_cast<const guchar*>(token.data()), token.size());
  g_hmac_update(hmac, reinterpret_cast<const guchar*>(url.data()), static_cast<gssize>(url.size()));
  std::array<guint8, 20> digest{};
  gsize size = digest.size();
  g_hmac_get_digest(hmac, digest.data(), &size);
  g_hmac_unref(hmac);
  g_autofree char* encoded = g_base64_encode(digest.data(), size);
  return encoded;
}

void sign(HandshakeRequest& request, const Endpoint& endpoint, const Credentials& credentials,
          int64_t now_s) {
  if (credentials.authorization) request.authorization = credentials.authorization->header(now_s);
  if (!credentials.twilio_auth_token.empty()) {
    request.extra_headers.emplace_back(
        "X-Twilio-Signature", twilioSignature(endpoint.url(), credentials.twilio_auth_token));
  }
}

}  // namespace wsbridge
