// SPDX-License-Identifier: LGPL-2.1-or-later
#include "websocket/FrameFilter.hpp"

#include <algorithm>
#include <cstring>

#include "common/Utf8.hpp"

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

/// RFC 6455 section 5.2: the shortest form, and below 2^63.
bool isBrokenLength(const uint8_t* header, uint64_t size) {
  const size_t form = header[1] & 0x7FU;
  return (form == 126 && size < 126) || (form == 127 && (size <= 0xFFFF || size >> 63U != 0));
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
  while (!raw.empty() && fault_ == Fault::None && !close_seen_) {
    if (mustWait(raw)) {
      pending_.assign(raw.begin(), raw.end());
      return;
    }
    if (in_body_) {
      const auto part = raw.first(static_cast<size_t>(std::min<uint64_t>(raw.size(), remaining_)));
      remaining_ -= part.size();
      raw = raw.subspan(part.size());
      in_body_ = remaining_ > 0;
      if (body_ == Body::Audio) {
        audio_(part);
      } else if (body_ == Body::Pass) {
        out_.insert(out_.end(), part.begin(), part.end());
      } else if (body_ == Body::Close) {
        close_payload_.append(part.begin(), part.end());
        if (!in_body_) endClose();
      }
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
  body_ = Body::Pass;
  const bool control = !odd && fin && remaining_ <= kMaxControlPayload;
  if (isBrokenLength(header_, remaining_)) {
    fault_ = Fault::BrokenLength;
  } else if (!odd && (opcode == kBinary || (opcode == kContinuation && in_binary_))) {
    if (opcode == kBinary && (in_binary_ || in_text_)) fault_ = Fault::BrokenFragments;
    in_binary_ = !fin;
    body_ = Body::Audio;
  } else if (opcode == kText || opcode == kContinuation) {
    startText(opcode, fin);
  } else if (opcode == kPing && control && drop_pings_) {
    body_ = Body::Drop;
  } else if (opcode == kClose && control) {
    body_ = Body::Close;
  }
  if (fault_ == Fault::None) {
    if (fin && opcode < kClose) ++messages_;
    if (opcode >= kClose) ++control_frames_;
    if (body_ == Body::Pass && (opcode == kContinuation || (opcode == kText && !fin)))
      ++text_fragments_;
    if (body_ == Body::Pass) out_.insert(out_.end(), header_, header_ + header_size_);
    if (body_ == Body::Close && !in_body_) endClose();
  }
  header_size_ = 0;
}

void FrameFilter::startText(uint8_t opcode, bool fin) {
  // libsoup does not know of the BINARY message, so this is for us to notice.
  if (in_binary_) fault_ = Fault::BrokenFragments;
  in_text_ = !fin && (opcode == kText || in_text_);
  if (hold_ && opcode == kText) ++held_texts_;
  text_bytes_ = opcode == kText ? remaining_ : text_bytes_ + remaining_;
  if (text_bytes_ > kMaxText || remaining_ > kMaxText) fault_ = Fault::TextTooLong;
}

void FrameFilter::endClose() {
  if (close_payload_.size() >= 2) {
    const unsigned code = static_cast<unsigned>(static_cast<uint8_t>(close_payload_[0])) << 8U |
                          static_cast<uint8_t>(close_payload_[1]);
    close_code_ = common::close::mayStandInFrame(code) ? code : kBrokenClose;
    close_reason_ = close_payload_.substr(2);
  } else if (!close_payload_.empty()) {
    close_code_ = kBrokenClose;
  }
  // libsoup would call that a protocol error (1002).
  if (close_code_ != kBrokenClose && !common::isUtf8(close_reason_)) {
    fault_ = Fault::BadCloseReason;
    return;
  }
  close_seen_ = true;
  out_.insert(out_.end(), {header_[0], static_cast<uint8_t>(close_payload_.size())});
  out_.insert(out_.end(), close_payload_.begin(), close_payload_.end());
}

size_t FrameFilter::read(uint8_t* out, size_t size) {
  const size_t count = std::min(size, out_.size() - out_pos_);
  if (count == 0) return 0;
  std::memcpy(out, out_.data() + out_pos_, count);
  out_pos_ += count;
  return count;
}

}  // namespace wsbridge
