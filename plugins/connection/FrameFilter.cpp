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
constexpr size_t kMaxHeldText = 125;
constexpr size_t kMaxHeldTexts = 64;  // so many short ones with audio do not get around the limit

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

/// 1004 to 1006 and 1015 never are; 1016 to 2999 are kept for later versions of the protocol.
bool mayBeSent(unsigned code) {
  return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
         (code >= 3000 && code <= 4999);
}

}  // namespace

void FrameFilter::feed(std::span<const uint8_t> raw) {
  out_.clear();
  out_pos_ = 0;
  process(raw);
}

void FrameFilter::proceed() {
  const std::vector<uint8_t> raw = std::move(pending_);
  pending_.clear();
  feed(raw);
}

bool FrameFilter::isAudio(uint8_t opcode) const {
  return opcode == kBinary || (opcode == kContinuation && in_binary_);
}

bool FrameFilter::mustWait(std::span<const uint8_t> raw) const {
  if (in_body_) return body_ == Body::Audio && (hold_ || !wanted());
  if (header_size_ > 0) return false;
  const uint8_t opcode = raw.front() & 0x0FU;
  // A short text has hardly any audio, and may be the command that empties the queue.
  if (hold_ && audio_is_text_ && opcode == kText) {
    const bool small = raw.size() >= 2 && (raw[0] & kFin) != 0 && (raw[1] & 0x7FU) <= kMaxHeldText;
    return !small || held_texts_ >= kMaxHeldTexts;
  }
  return isAudio(opcode) && (hold_ || !wanted());
}

void FrameFilter::process(std::span<const uint8_t> raw) {
  while (!raw.empty() && fault_ == Fault::None) {
    if (mustWait(raw)) {
      pending_.assign(raw.begin(), raw.end());
      return;
    }
    if (in_body_) {
      const auto part = raw.first(static_cast<size_t>(std::min<uint64_t>(raw.size(), remaining_)));
      if (body_ == Body::Audio) {
        if (!close_seen_) audio_(part);
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
    if (in_binary_ || in_text_) fault_ = Fault::BrokenFragments;
    in_binary_ = !fin;
    body_ = Body::Audio;
  } else if (!odd && opcode == kContinuation && in_binary_) {
    in_binary_ = !fin;
    body_ = Body::Audio;
  } else if (opcode == kText || opcode == kContinuation) {
    // libsoup does not know of the BINARY message, so this is for us to notice.
    if (in_binary_) fault_ = Fault::BrokenFragments;
    in_text_ = !fin && (opcode == kText || in_text_);
    if (hold_ && opcode == kText) ++held_texts_;
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

void FrameFilter::noteCloseByte(std::span<const uint8_t> part) {
  // The payload may arrive in pieces: the first two bytes are the code, the rest is the reason.
  const std::string whole = close_reason_ + std::string(part.begin(), part.end());
  close_reason_ = whole;
  if (part.size() < remaining_) return;
  if (whole.size() >= 2) {
    const unsigned code =
        static_cast<unsigned>(static_cast<uint8_t>(whole[0])) << 8 | static_cast<uint8_t>(whole[1]);
    close_code_ = mayBeSent(code) ? code : kBrokenClose;
    close_reason_ = whole.substr(2);
  } else {
    close_code_ = kBrokenClose;
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
