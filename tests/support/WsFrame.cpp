// SPDX-License-Identifier: LGPL-2.1-or-later
#include "WsFrame.hpp"

#include "wire/Bytes.hpp"

namespace testsupport {

unsigned WsFrame::closeCode() const {
  if (opcode != Opcode::Close || payload.size() < 2) return 0;
  return static_cast<unsigned>(getBig(reinterpret_cast<const uint8_t*>(payload.data()), 2));
}

std::string WsFrame::closeReason() const {
  return opcode == Opcode::Close && payload.size() > 2 ? payload.substr(2) : std::string();
}

std::string closePayload(unsigned code, const std::string& reason) {
  std::string payload;
  appendBig(payload, code, 2);
  return payload + reason;
}

std::string encodeFrame(Opcode opcode, bool fin, const std::string& payload, FrameStyle style) {
  std::string bytes;
  if (style.mask) {
    appendMaskedFrame(bytes, opcode, fin, payload, 0x78563412);
  } else {
    appendFrame(bytes, opcode, fin, payload);
  }
  bytes[0] = static_cast<char>(bytes[0] | style.rsv << 4);
  return bytes;
}

std::optional<WsFrame> takeFrame(std::string& bytes) {
  Frame frame;
  if (parseFrame(bytes.data(), bytes.size(), Sender::Anyone, frame) != FrameResult::Complete)
    return std::nullopt;
  WsFrame taken{frame.opcode, frame.final, frame.reserved, frame.masked, std::string(frame.payload),
                Clock::now()};
  bytes.erase(0, frame.size);
  return taken;
}

}  // namespace testsupport
