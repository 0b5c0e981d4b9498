// SPDX-License-Identifier: LGPL-2.1-or-later
//
// FrameFilter: stands between the socket and libsoup and follows the WebSocket framing (RFC 6455
// section 5.2) of what the server sends. Audio is a stream of bytes whose message boundaries mean
// nothing, so the payload of BINARY messages, whole or fragmented, goes straight to its taker as it
// comes; libsoup, which buffers a message whole, without limit for fragmented ones, and builds a
// source, a GBytes and a signal for each, never sees it. Everything else is for libsoup to read and
// to judge, but for limits on text. The order of audio and text is kept: what comes behind text
// waits until that is read. Nothing comes behind a close frame: some servers write an HTTP answer
// there. Pure; not synchronised.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "common/CloseCode.hpp"

namespace wsbridge {

class FrameFilter {
 public:
  enum class Fault { None, TextTooLong, BrokenFragments, BrokenLength, BadCloseReason };

  /// Gets audio during feed() and proceed(); may call setHold().
  using AudioTaker = std::function<void(std::span<const uint8_t>)>;

  static constexpr uint64_t kMaxText = 1024 * 1024;
  /// In the place of a close code that may not be on the wire (RFC 6455 7.4.1 and 7.4.2).
  static constexpr unsigned kBrokenClose = 0;

  explicit FrameFilter(AudioTaker audio) : audio_(std::move(audio)) {}

  /// Takes raw bytes of the server; behind a fault or a close frame it leaves them alone. Only when
  /// wanted() and neither behind() nor stuck().
  void feed(std::span<const uint8_t> raw);
  /// Bytes for libsoup; 0 when there are none.
  size_t read(uint8_t* out, size_t size);
  /// No bytes are waiting for libsoup.
  [[nodiscard]] bool wanted() const { return out_pos_ == out_.size(); }
  /// While held, audio is not passed on: control and text up to the next audio still are.
  void setHold(bool hold) {
    hold_ = hold;
    held_texts_ = 0;
  }
  /// Audio comes in text messages: being held stops them too, but for a few short ones.
  void setAudioIsText(bool audio_is_text) { audio_is_text_ = audio_is_text; }
  /// Audio waits that may be passed on by proceed(), once libsoup has dealt with what it has read.
  [[nodiscard]] bool behind() const { return !hold_ && !pending_.empty(); }
  void proceed();
  /// While ours cannot be sent, pongs would pile up without limit inside libsoup; RFC 6455
  /// section 5.5.3 lets a peer answer the latest ping only.
  void setDropPings(bool drop) { drop_pings_ = drop; }
  /// Held, and audio is next: more raw bytes are of no use.
  [[nodiscard]] bool stuck() const { return hold_ && !pending_.empty(); }

  [[nodiscard]] Fault fault() const { return fault_; }
  [[nodiscard]] uint64_t messages() const { return messages_; }
  /// Frames so far that libsoup has to deal with besides whole messages: pings, pongs and closes,
  /// and the parts of fragmented text.
  [[nodiscard]] uint64_t controlFrames() const { return control_frames_; }
  [[nodiscard]] uint64_t textFragments() const { return text_fragments_; }
  /// A whole one has come.
  [[nodiscard]] bool closeSeen() const { return close_seen_; }
  /// Code of the server's close frame, 1005 when it had none, or kBrokenClose.
  [[nodiscard]] unsigned closeCode() const { return close_code_; }
  [[nodiscard]] const std::string& closeReason() const { return close_reason_; }

 private:
  enum class Body { Pass, Audio, Drop, Close };

  void process(std::span<const uint8_t> raw);
  [[nodiscard]] bool isAudio(uint8_t opcode) const;
  /// `raw`: what is next, not empty.
  [[nodiscard]] bool mustWait(std::span<const uint8_t> raw) const;
  void startFrame();
  void startText(uint8_t opcode, bool fin);
  /// A close frame is passed on when it is whole.
  void endClose();

  AudioTaker audio_;
  std::vector<uint8_t> pending_;  // raw bytes that wait; the first of them are audio
  bool hold_ = false;
  bool audio_is_text_ = false;
  size_t held_texts_ = 0;  // passed on in spite of it
  bool drop_pings_ = false;
  std::vector<uint8_t> out_;
  size_t out_pos_ = 0;

  uint8_t header_[14] = {};
  size_t header_size_ = 0;
  uint64_t remaining_ = 0;
  Body body_ = Body::Pass;
  bool in_body_ = false;

  bool in_binary_ = false;  // inside a fragmented BINARY message
  bool in_text_ = false;    // inside a fragmented TEXT message
  uint64_t text_bytes_ = 0;

  Fault fault_ = Fault::None;
  uint64_t messages_ = 0;
  uint64_t control_frames_ = 0;
  uint64_t text_fragments_ = 0;
  std::string close_payload_;
  bool close_seen_ = false;
  unsigned close_code_ = common::close::kNoStatus;
  std::string close_reason_;
};

}  // namespace wsbridge
