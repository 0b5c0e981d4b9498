// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Reframer: buffers of any size in, frames of one size out; the remainder is carried. Pure; not
// synchronised.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

namespace wsbridge {

class Reframer {
 public:
  explicit Reframer(size_t frame_bytes = 0, uint8_t silence = 0)
      : frame_bytes_(frame_bytes), silence_(silence) {
    carry_.reserve(frame_bytes);
  }

  /// Calls `emit(std::span<const uint8_t>)` for each complete frame; whole frames inside `bytes`
  /// are not copied.
  template <typename Emit>
  void push(std::span<const uint8_t> bytes, Emit&& emit) {
    if (!carry_.empty()) {
      const size_t count = std::min(bytes.size(), frame_bytes_ - carry_.size());
      carry_.insert(carry_.end(), bytes.begin(),
                    bytes.begin() + static_cast<std::ptrdiff_t>(count));
      bytes = bytes.subspan(count);
      if (carry_.size() < frame_bytes_) return;
      emit(std::span<const uint8_t>(carry_));
      carry_.clear();
    }
    while (bytes.size() >= frame_bytes_) {
      emit(bytes.first(frame_bytes_));
      bytes = bytes.subspan(frame_bytes_);
    }
    carry_.assign(bytes.begin(), bytes.end());
  }

  /// What is carried, filled up with silence to a whole frame: the end of a stream loses nothing.
  template <typename Emit>
  void flush(Emit&& emit) {
    if (carry_.empty()) return;
    carry_.resize(frame_bytes_, silence_);
    emit(std::span<const uint8_t>(carry_));
    carry_.clear();
  }

  void clear() { carry_.clear(); }

 private:
  size_t frame_bytes_;
  uint8_t silence_;
  std::vector<uint8_t> carry_;
};

}  // namespace wsbridge
