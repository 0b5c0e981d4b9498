// SPDX-License-Identifier: LGPL-2.1-or-later
#include "connect/Encoding.hpp"

namespace wsbridge {

std::string base64(std::span<const uint8_t> bytes) {
  g_autofree char* text = g_base64_encode(bytes.data(), bytes.size());
  return text;
}

std::vector<uint8_t> hmac(GChecksumType hash, std::string_view key, std::string_view text) {
  GHmac* keyed = g_hmac_new(hash, bytesOf(key).data(), key.size());
  g_hmac_update(keyed, bytesOf(text).data(), static_cast<gssize>(text.size()));
  gsize size = static_cast<gsize>(g_checksum_type_get_length(hash));
  std::vector<uint8_t> digest(size);
  g_hmac_get_digest(keyed, digest.data(), &size);
  g_hmac_unref(keyed);
  return digest;
}

}  // namespace wsbridge
