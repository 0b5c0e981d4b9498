// SPDX-License-Identifier: LGPL-2.1-or-later
// RFC 6455 as a peer by hand needs it: frames in and out, and the answer to an upgrade. Pure: bytes
// in, values out; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace wire {

enum class Opcode : uint8_t {
  Continuation = 0,
  Text = 1,
  Binary = 2,
  Close = 8,
  Ping = 9,
  Pong = 10
};

// Value of Sec-WebSocket-Accept for a key.
std::string acceptKey(std::string_view key);
// The whole 101 for a key; without a subprotocol when that is empty.
std::string switchingProtocols(std::string_view key, std::string_view subprotocol);

struct Frame {
  Opcode opcode = Opcode::Continuation;
  bool final = true;
  uint8_t reserved = 0;  // the three reserved bits, 0 to 7
  bool masked = false;
  std::string_view payload;  // points into the buffer, already unmasked
  size_t size = 0;           // whole length in the buffer
};

enum class FrameResult { Complete, NeedMore, Broken };
// A client has to mask and a server must not. Of anyone each frame up to 16 MB is taken, as broken
// as it may be.
enum class Sender { Client, Server, Anyone };

// Looks at the start of `buffer` and unmasks the payload in place.
FrameResult parseFrame(char* buffer, size_t length, Sender sender, Frame& frame);

constexpr size_t kMostHeader = 14;

// Writes the header of one frame and answers its length, at most kMostHeader. The mask, if there is
// one, is the last four bytes; the caller applies it to the payload.
size_t writeHeader(uint8_t* out, Opcode opcode, bool final, size_t payload,
                   const uint32_t* mask = nullptr);
void applyMask(uint8_t* data, size_t length, uint32_t mask);

// Append one frame, without a mask and with one, as a client must send it.
void appendFrame(std::string& out, Opcode opcode, bool final, std::string_view payload);
void appendMaskedFrame(std::string& out, Opcode opcode, bool final, std::string_view payload,
                       uint32_t mask);

}  // namespace wire
