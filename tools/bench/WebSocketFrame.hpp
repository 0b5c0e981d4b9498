// SPDX-License-Identifier: LGPL-2.1-or-later
// RFC 6455 as the tools need it: the upgrade of both sides, and frames in and out. Pure: bytes in,
// values out.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace bench {

enum class Opcode : uint8_t {
  Continuation = 0,
  Text = 1,
  Binary = 2,
  Close = 8,
  Ping = 9,
  Pong = 10
};

struct Upgrade {
  int status = 101;      // otherwise the HTTP status to refuse with
  std::string fault;     // why
  std::string target;    // the request target, path and query
  std::string response;  // the whole 101
};

// `request` ends with the empty line. Takes the subprotocol WSBRIDGE when it is offered, otherwise
// none.
Upgrade acceptUpgrade(std::string_view request);

// What Sec-WebSocket-Accept must be for this Sec-WebSocket-Key.
std::string acceptKey(std::string_view key);

struct Frame {
  Opcode opcode = Opcode::Continuation;
  bool final = true;
  std::string_view payload;  // points into the buffer, already unmasked
  size_t size = 0;           // whole length in the buffer
};

enum class FrameResult { Complete, NeedMore, Broken };

// Looks at the start of `buffer` and unmasks the payload in place. A server takes masked frames
// only, a client the others.
FrameResult parseFrame(char* buffer, size_t length, bool masked, Frame& frame);

// Appends one frame without a mask.
void appendFrame(std::string& out, Opcode opcode, bool final, std::string_view payload);

constexpr size_t kMaskedHeaderMost = 14;

// Writes the header of one masked frame and answers its length, at most kMaskedHeaderMost. The mask
// is the last four bytes; the caller applies it to the payload.
size_t writeMaskedHeader(uint8_t* out, Opcode opcode, size_t payload, uint32_t mask);

// Appends one frame with a mask, as a client must send it.
void appendMaskedFrame(std::string& out, Opcode opcode, std::string_view payload, uint32_t mask);

}  // namespace bench
