// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Bytes as text, and keyed digests: what headers and signatures are made of. Pure.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <glib.h>

namespace wsbridge {

/// Of RFC 4648 section 4, with padding.
std::string base64(std::span<const uint8_t> bytes);
/// HMAC, RFC 2104.
std::vector<uint8_t> hmac(GChecksumType hash, std::string_view key, std::string_view text);

inline std::span<const uint8_t> bytesOf(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

}  // namespace wsbridge
