// SPDX-License-Identifier: LGPL-2.1-or-later
#include "connection/FrameFilter.hpp"

#include <algorithm>
#include <cstring>

namespace wsbridge {

namespace {

constexpr uint8_t kFin = 0x80;
constexpr uint8_t kReserved = 0x70;
constexpr uint8_t kMask = 0x80;
constexpr uint8_t kContinuation = 0x0;
constexpr uint8_t kText = 0x1;
constexpr uint8_t kBinary = 0x2;
constexpr uint8_t kClose = 0x8;
constexpr uint8_t kPing = 0x9;
constexpr size_t kMaxControlPayload = 125;

size_t headerSize(const uint8_t* header) {
  const size_t length = header[1] & 0x7FU;
  const size_t mask = (header[1] & kMask) != 0 ? 4 : 0;
  return 2 + mask + (length == 126 ? 2 : length == 127 ? 8 : 0);
}

uint64_t payloadSize(const uint8_t* header) {
  const size_t length = header[1] & 0x7FU;
  if (length < 126) return length;
  uint64_t value = 0;
  for (size_t i = 0; i < (length == 126 ? 2U : 8U); ++i)
    value = value << 8 | header[2 + i];
  return value;
}

}  // namespace

void FrameFilter::feed(std::span<const uint8_t> raw) {
  out_.clear();
  out_pos_ = 0;
  if (stuck()) {
    pending_.insert(pending_.end(), raw.begin(), raw.end());
  } else {
    process(raw);
  }
}

void FrameFilter::setHold(bool hold) {
  hold_ = hold;
  if (hold || pending_.empty()) return;
  const std::vector<uint8_t> raw = std::move(pending_);
  pending_.clear();
  process(raw);
}

bool FrameFilter::isAudio(uint8_t opcode) const {
  return opcode == kBinary || (opcode == kContinuation && splitting_);
}

void FrameFilter::process(std::span<const uint8_t> raw) {
  while (!raw.empty() && fault_ == Fault::None) {
    const bool audio_next =
        in_body_ ? body_ == Body::Split : header_size_ == 0 && isAudio(raw.front() & 0x0FU);
    if (hold_ && audio_next) {
      pending_.assign(raw.begin(), raw.end());
      return;
    }
    if (in_body_) {
      const auto part = raw.first(static_cast<size_t>(std::min<uint64_t>(raw.size(), remaining_)));
      if (body_ == Body::Split) {
        emitSplit(part);
      } else if (body_ == Body::Pass) {
        out_.insert(out_.end(), part.begin(), part.end());
      }
      if (in_close_) noteCloseByte(part);
      remaining_ -= part.size();
      raw = raw.subspan(part.size());
      in_body_ = remaining_ > 0;
      continue;
    }
    header_[header_size_++] = raw.front();
    raw = raw.subspan(1);
    if (header_size_ >= 2 && header_size_ == headerSize(header_)) startFrame();
  }
}

void FrameFilter::startFrame() {
  const uint8_t opcode = header_[0] & 0x0FU;
  const bool fin = (header_[0] & kFin) != 0;
  const bool odd = (header_[0] & kReserved) != 0 || (header_[1] & kMask) != 0;
  remaining_ = payloadSize(header_);
  in_body_ = remaining_ > 0;
  in_close_ = false;
  body_ = Body::Pass;
  if (!odd && opcode == kBinary) {
    if (splitting_) fault_ = Fault::BrokenFragments;
    splitting_ = !fin;
    if (!fin || remaining_ > kMaxPassedPayload) body_ = Body::Split;
  } else if (!odd && opcode == kContinuation && splitting_) {
    splitting_ = !fin;
    body_ = Body::Split;
  } else if (opcode == kText || opcode == kContinuation) {
    // libsoup no longer knows of a BINARY message that is being split, so this is for us to notice.
    if (splitting_) fault_ = Fault::BrokenFragments;
    text_bytes_ = opcode == kText ? remaining_ : text_bytes_ + remaining_;
    if (text_bytes_ > kMaxText || remaining_ > kMaxText) fault_ = Fault::TextTooLong;
  } else if (!odd && opcode == kPing && fin && remaining_ <= kMaxControlPayload && drop_pings_) {
    body_ = Body::Drop;
  } else if (opcode == kClose && remaining_ <= kMaxControlPayload) {
    close_seen_ = true;
    in_close_ = remaining_ > 0;
    close_code_ = remaining_ > 0 ? 0 : 1005;
    close_reason_.clear();
  }
  if (fin && opcode < kClose) ++messages_;
  if (body_ == Body::Pass && fault_ == Fault::None) {
    out_.insert(out_.end(), header_, header_ + header_size_);
  }
  header_size_ = 0;
}

void FrameFilter::emitSplit(std::span<const uint8_t> part) {
  while (!part.empty()) {
    const auto chunk = part.first(std::min(part.size(), kMaxPassedPayload));
    out_.push_back(kFin | kBinary);
    if (chunk.size() < 126) {
      out_.push_back(static_cast<uint8_t>(chunk.size()));
    } else {
      out_.push_back(126);
      out_.push_back(static_cast<uint8_t>(chunk.size() >> 8));
      out_.push_back(static_cast<uint8_t>(chunk.size() & 0xFF));
    }
    out_.insert(out_.end(), chunk.begin(), chunk.end());
    part = part.subspan(chunk.size());
  }
}

void FrameFilter::noteCloseByte(std::span<const uint8_t> part) {
  // The payload may arrive in pieces: the first two bytes are the code, the rest is the reason.
  const std::string whole = close_reason_ + std::string(part.begin(), part.end());
  close_reason_ = whole;
  if (part.size() < remaining_) return;
  if (whole.size() >= 2) {
    close_code_ =
        static_cast<unsigned>(static_cast<uint8_t>(whole[0])) << 8 | static_cast<uint8_t>(whole[1]);
    close_reason_ = whole.substr(2);
  } else {
    close_code_ = 1002;
    close_reason_.clear();
  }
}

size_t FrameFilter::read(uint8_t* out, size_t size) {
  const size_t count = std::min(size, out_.size() - out_pos_);
  if (count == 0) return 0;
  std::memcpy(out, out_.data() + out_pos_, count);
  out_pos_ += count;
  return count;
}

}  // namespace wsbridge
