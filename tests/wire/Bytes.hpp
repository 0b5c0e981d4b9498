// SPDX-License-Identifier: LGPL-2.1-or-later
// Numbers as bytes in the order of the network. Pure; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace wire {

inline void putBig(uint8_t* at, uint64_t value, size_t bytes) {
  for (size_t i = bytes; i-- > 0; value >>= 8)
    at[i] = static_cast<uint8_t>(value);
}
inline uint64_t getBig(const uint8_t* at, size_t bytes) {
  uint64_t value = 0;
  for (size_t i = 0; i < bytes; ++i)
    value = value << 8 | at[i];
  return value;
}
inline void appendBig(std::string& out, uint64_t value, size_t bytes) {
  out.resize(out.size() + bytes);
  putBig(reinterpret_cast<uint8_t*>(out.data()) + out.size() - bytes, value, bytes);
}

}  // namespace wire
