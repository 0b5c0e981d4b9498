// SPDX-License-Identifier: LGPL-2.1-or-later
//
// ByteFifo: bytes in, the same bytes out, kept in blocks that are freed as they are read, so that
// memory follows the content. Pure; not synchronised.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>

namespace wsbridge {

class ByteFifo {
 public:
  void write(std::span<const uint8_t> bytes);
  /// Reads at most `size` bytes to `out`, or drops them when `out` is null; returns how many there
  /// were.
  size_t read(uint8_t* out, size_t size);
  /// Copies without removing.
  size_t peek(uint8_t* out, size_t size) const;
  void clear();
  [[nodiscard]] size_t size() const { return size_; }

 private:
  static constexpr size_t kBlock = 8192;
  using Block = std::array<uint8_t, kBlock>;

  void dropFront();

  std::deque<std::unique_ptr<Block>> blocks_;
  std::unique_ptr<Block> spare_;
  size_t head_ = 0;  // of the first block
  size_t tail_ = 0;  // of the last block
  size_t size_ = 0;
};

}  // namespace wsbridge
