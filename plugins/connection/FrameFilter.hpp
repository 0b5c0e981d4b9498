// SPDX-License-Identifier: LGPL-2.1-or-later
//
// FrameFilter: stands between the socket and libsoup and follows the WebSocket framing (RFC 6455
// section 5.2) of what the server sends. libsoup buffers a message whole and has no limit for
// fragmented ones; audio is a stream of bytes whose message boundaries mean nothing. So a large or
// fragmented BINARY message is passed on as small unfragmented ones, each as soon as its bytes are
// there. Everything else passes unchanged (libsoup judges it), but for limits on text. Pure; not
// synchronised.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace wsbridge {

class FrameFilter {
 public:
  enum class Fault { None, TextTooLong, BrokenFragments };

  static constexpr size_t kMaxPassedPayload = 16 * 1024;
  static constexpr uint64_t kMaxText = 1024 * 1024;

  /// Takes raw bytes of the server. Only when wanted(): what was given before must be read first.
  void feed(std::span<const uint8_t> raw);
  /// Filtered bytes; 0 when more raw bytes are needed.
  size_t read(uint8_t* out, size_t size);
  /// No filtered bytes are waiting.
  [[nodiscard]] bool wanted() const { return out_pos_ == out_.size(); }
  /// While held, audio is not passed on: control and text up to the next audio still are. Letting
  /// go passes what waited.
  void setHold(bool hold);
  /// While ours cannot be sent, pongs would pile up without limit inside libsoup; RFC 6455
  /// section 5.5.3 lets a peer answer the latest ping only.
  void setDropPings(bool drop) { drop_pings_ = drop; }
  /// Held, and audio is next: more raw bytes are of no use.
  [[nodiscard]] bool stuck() const { return hold_ && !pending_.empty(); }

  [[nodiscard]] Fault fault() const { return fault_; }
  [[nodiscard]] uint64_t messages() const { return messages_; }
  [[nodiscard]] bool closeSeen() const { return close_seen_; }
  /// Code of the server's close frame, 1005 when it had none.
  [[nodiscard]] unsigned closeCode() const { return close_code_; }
  [[nodiscard]] const std::string& closeReason() const { return close_reason_; }

 private:
  enum class Body { Pass, Split, Drop };

  void process(std::span<const uint8_t> raw);
  [[nodiscard]] bool isAudio(uint8_t opcode) const;
  void startFrame();
  void emitSplit(std::span<const uint8_t> part);
  void noteCloseByte(std::span<const uint8_t> part);

  std::vector<uint8_t> pending_;  // raw bytes that wait while held; the first of them are audio
  bool hold_ = false;
  bool drop_pings_ = false;
  std::vector<uint8_t> out_;
  size_t out_pos_ = 0;

  uint8_t header_[14] = {};
  size_t header_size_ = 0;
  uint64_t remaining_ = 0;
  Body body_ = Body::Pass;
  bool in_body_ = false;
  bool in_close_ = false;

  bool splitting_ = false;  // inside a fragmented BINARY message
  uint64_t text_bytes_ = 0;

  Fault fault_ = Fault::None;
  uint64_t messages_ = 0;
  bool close_seen_ = false;
  unsigned close_code_ = 1005;
  std::string close_reason_;
};

}  // namespace wsbridge
