// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Reframer: buffers of any size in, frames of one size out; the remainder is carried. Pure; not
// synchronised.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace wsbridge {

class Reframer {
 public:
  explicit Reframer(size_t frame_bytes = 0, uint8_t silence = 0)
      : silence_(silence), carry_(frame_bytes) {}

  /// Calls `emit(std::span<const uint8_t>)` for each complete frame; whole frames inside `bytes`
  /// are not copied.
  template <typename Emit>
  void push(std::span<const uint8_t> bytes, Emit&& emit) {
    if (carried_ > 0) {
      bytes = bytes.subspan(keep(bytes));
      if (carried_ < carry_.size()) return;
      emit(std::span<const uint8_t>(carry_));
      carried_ = 0;
    }
    while (bytes.size() >= carry_.size()) {
      emit(bytes.first(carry_.size()));
      bytes = bytes.subspan(carry_.size());
    }
    keep(bytes);
  }

  /// What is carried, filled up with silence to a whole frame: the end of a stream loses nothing.
  template <typename Emit>
  void flush(Emit&& emit) {
    if (carried_ == 0) return;
    std::fill(carry_.begin() + static_cast<std::ptrdiff_t>(carried_), carry_.end(), silence_);
    emit(std::span<const uint8_t>(carry_));
    carried_ = 0;
  }

  void clear() { carried_ = 0; }

 private:
  /// As many of them as the frame has room for; returns how many these are.
  size_t keep(std::span<const uint8_t> bytes) {
    const size_t count = std::min(bytes.size(), carry_.size() - carried_);
    std::copy_n(bytes.begin(), count, carry_.begin() + static_cast<std::ptrdiff_t>(carried_));
    carried_ += count;
    return count;
  }

  uint8_t silence_;
  /// Of one frame, of which the first `carried_` bytes are there.
  std::vector<uint8_t> carry_;
  size_t carried_ = 0;
};

}  // namespace wsbridge
