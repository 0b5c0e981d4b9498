// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Writes a client's unfragmented message, RFC 6455 section 5.2. Not synchronised.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace wsbridge {

/// Masking keys that nobody can foresee (section 5.3), drawn from the system many at a time.
class MaskKeys {
 public:
  std::array<uint8_t, 4> next();

 private:
  std::array<std::array<uint8_t, 4>, 64> keys_{};
  size_t left_ = 0;
};

enum class Opcode : uint8_t { Text = 1, Binary = 2 };

/// Appends the frame.
void appendFrame(Opcode opcode, std::span<const uint8_t> payload, std::array<uint8_t, 4> key,
                 std::vector<uint8_t>& out);

}  // namespace wsbridge
