// SPDX-License-Identifier: LGPL-2.1-or-later
#include "websocket/FrameWriter.hpp"

#include <cstring>

#include <sys/random.h>

#include <glib.h>

namespace wsbridge {

namespace {

constexpr uint8_t kFin = 0x80;
constexpr uint8_t kMasked = 0x80;
constexpr size_t kMaxHeader = 14;
constexpr size_t kShort = 126;
constexpr size_t kMedium = 65536;

size_t writeHeader(Opcode opcode, size_t payload, std::array<uint8_t, 4> key, uint8_t* out) {
  size_t at = 0;
  out[at++] = static_cast<uint8_t>(kFin | static_cast<uint8_t>(opcode));
  if (payload < kShort) {
    out[at++] = static_cast<uint8_t>(kMasked | payload);
  } else {
    const size_t bytes = payload < kMedium ? 2 : 8;
    out[at++] = static_cast<uint8_t>(kMasked | (bytes == 2 ? 126 : 127));
    for (size_t i = bytes; i > 0; --i)
      out[at++] = static_cast<uint8_t>(payload >> (8 * (i - 1)));
  }
  std::memcpy(out + at, key.data(), key.size());
  return at + key.size();
}

}  // namespace

std::array<uint8_t, 4> MaskKeys::next() {
  if (left_ == 0) {
    const ssize_t got = getrandom(keys_.data(), sizeof keys_, 0);
    if (got != static_cast<ssize_t>(sizeof keys_)) {  // before the kernel has any entropy
      for (auto& key : keys_) {
        const guint32 number = g_random_int();
        std::memcpy(key.data(), &number, key.size());
      }
    }
    left_ = keys_.size();
  }
  return keys_[--left_];
}

void appendFrame(Opcode opcode, std::span<const uint8_t> payload, std::array<uint8_t, 4> key,
                 std::vector<uint8_t>& out) {
  const size_t begin = out.size();
  out.resize(begin + kMaxHeader + payload.size());
  const size_t header = writeHeader(opcode, payload.size(), key, out.data() + begin);
  out.resize(begin + header + payload.size());
  uint8_t* to = out.data() + begin + header;
  uint32_t word_key = 0;
  std::memcpy(&word_key, key.data(), sizeof word_key);
  const size_t words = payload.size() / sizeof word_key;
  for (size_t i = 0; i < words; ++i) {
    uint32_t word = 0;
    std::memcpy(&word, payload.data() + i * sizeof word, sizeof word);
    word ^= word_key;
    std::memcpy(to + i * sizeof word, &word, sizeof word);
  }
  for (size_t i = words * sizeof word_key; i < payload.size(); ++i)
    to[i] = payload[i] ^ key[i % key.size()];
}

}  // namespace wsbridge
