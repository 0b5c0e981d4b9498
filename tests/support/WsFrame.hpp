// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "Waiting.hpp"
#include "wire/WebSocketFrame.hpp"

// WebSocket frames that the tests keep, and those that they write, right and wrong. Pure but for
// the time of takeFrame(); any thread.
namespace testsupport {

using namespace wire;

struct WsFrame {
  Opcode opcode = Opcode::Binary;
  bool fin = true;
  uint8_t rsv = 0;      // the three reserved bits, 0 to 7
  bool masked = false;  // how it was received
  std::string payload;  // unmasked
  Clock::time_point at;

  unsigned closeCode() const;       // 0 when there is none
  std::string closeReason() const;  // of a close frame
};

struct FrameStyle {
  bool mask = false;  // a server must not; see RFC 6455 section 5.1
  uint8_t rsv = 0;
};

std::string encodeFrame(Opcode opcode, bool fin, const std::string& payload, FrameStyle style = {});
std::string closePayload(unsigned code, const std::string& reason);

// Takes the first whole frame off the front of the bytes. Empty when more bytes are needed.
std::optional<WsFrame> takeFrame(std::string& bytes);

}  // namespace testsupport
