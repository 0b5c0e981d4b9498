// SPDX-License-Identifier: LGPL-2.1-or-later
#include "audio/ByteFifo.hpp"

#include <algorithm>
#include <cstring>

namespace wsbridge {

void ByteFifo::write(std::span<const uint8_t> bytes) {
  size_ += bytes.size();
  while (!bytes.empty()) {
    if (blocks_.empty() || tail_ == kBlock) {
      blocks_.push_back(spare_ ? std::move(spare_) : std::make_unique<Block>());
      tail_ = 0;
    }
    const size_t count = std::min(bytes.size(), kBlock - tail_);
    std::memcpy(blocks_.back()->data() + tail_, bytes.data(), count);
    tail_ += count;
    bytes = bytes.subspan(count);
  }
}

size_t ByteFifo::read(uint8_t* out, size_t size) {
  const size_t total = std::min(size, size_);
  for (size_t done = 0; done < total;) {
    const size_t count = std::min(total - done, kBlock - head_);
    if (out != nullptr) std::memcpy(out + done, blocks_.front()->data() + head_, count);
    done += count;
    head_ += count;
    if (head_ == kBlock) dropFront();
  }
  size_ -= total;
  if (size_ == 0 && !blocks_.empty()) {
    head_ = 0;
    tail_ = 0;
  }
  return total;
}

size_t ByteFifo::peek(uint8_t* out, size_t size) const {
  const size_t total = std::min(size, size_);
  size_t offset = head_;
  size_t block = 0;
  for (size_t done = 0; done < total;) {
    const size_t count = std::min(total - done, kBlock - offset);
    std::memcpy(out + done, blocks_[block]->data() + offset, count);
    done += count;
    offset = 0;
    ++block;
  }
  return total;
}

void ByteFifo::dropFront() {
  spare_ = std::move(blocks_.front());
  blocks_.pop_front();
  head_ = 0;
}

void ByteFifo::clear() {
  read(nullptr, size_);
}

}  // namespace wsbridge
