// SPDX-License-Identifier: LGPL-2.1-or-later
#include "WebSocketFrame.hpp"

#include <cstring>

#include <glib.h>

#include "Bytes.hpp"

namespace wire {
namespace {

constexpr uint64_t kMaxPayload = 16u << 20;

}  // namespace

std::string acceptKey(std::string_view key) {
  GChecksum* sum = g_checksum_new(G_CHECKSUM_SHA1);
  g_checksum_update(sum, reinterpret_cast<const guchar*>(key.data()),
                    static_cast<gssize>(key.size()));
  constexpr std::string_view kGuid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  g_checksum_update(sum, reinterpret_cast<const guchar*>(kGuid.data()),
                    static_cast<gssize>(kGuid.size()));
  guint8 digest[20];
  gsize length = sizeof digest;
  g_checksum_get_digest(sum, digest, &length);
  g_checksum_free(sum);
  char* text = g_base64_encode(digest, length);
  std::string result = text;
  g_free(text);
  return result;
}

std::string switchingProtocols(std::string_view key, std::string_view subprotocol) {
  std::string response =
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Accept: " +
      acceptKey(key) + "\r\n";
  if (!subprotocol.empty())
    response.append("Sec-WebSocket-Protocol: ").append(subprotocol).append("\r\n");
  return response + "\r\n";
}

FrameResult parseFrame(char* buffer, size_t length, Sender sender, Frame& frame) {
  if (length < 2) return FrameResult::NeedMore;
  const auto byte = [buffer](size_t i) { return static_cast<uint8_t>(buffer[i]); };
  const int opcode = byte(0) & 0x0f;
  frame.opcode = static_cast<Opcode>(opcode);
  frame.final = (byte(0) & 0x80) != 0;
  frame.reserved = byte(0) >> 4 & 7;
  frame.masked = (byte(1) & 0x80) != 0;
  uint64_t payload = byte(1) & 0x7f;
  size_t header = 2;
  if (payload >= 126) {
    const size_t bytes = payload == 126 ? 2 : 8;
    if (length < 2 + bytes) return FrameResult::NeedMore;
    payload = getBig(reinterpret_cast<const uint8_t*>(buffer) + 2, bytes);
    header += bytes;
  }
  if (payload > kMaxPayload) return FrameResult::Broken;
  if (sender != Sender::Anyone) {
    const bool control = opcode >= 8;
    if (frame.reserved != 0 || (opcode > 2 && !control) || opcode > 10 ||
        frame.masked != (sender == Sender::Client) || (control && (payload > 125 || !frame.final)))
      return FrameResult::Broken;
  }
  uint32_t mask = 0;
  if (frame.masked) header += sizeof mask;
  if (length < header + payload) return FrameResult::NeedMore;
  if (frame.masked) {
    std::memcpy(&mask, buffer + header - sizeof mask, sizeof mask);
    applyMask(reinterpret_cast<uint8_t*>(buffer) + header, static_cast<size_t>(payload), mask);
  }
  frame.payload = {buffer + header, static_cast<size_t>(payload)};
  frame.size = header + static_cast<size_t>(payload);
  return FrameResult::Complete;
}

size_t writeHeader(uint8_t* out, Opcode opcode, bool final, size_t payload, const uint32_t* mask) {
  const size_t extra = payload < 126 ? 0 : payload < 65536 ? 2 : 8;
  out[0] = static_cast<uint8_t>((final ? 0x80 : 0) | static_cast<int>(opcode));
  out[1] = static_cast<uint8_t>((mask != nullptr ? 0x80 : 0) | (extra == 0   ? payload
                                                                : extra == 2 ? 126
                                                                             : 127));
  putBig(out + 2, payload, extra);
  if (mask == nullptr) return 2 + extra;
  std::memcpy(out + 2 + extra, mask, sizeof *mask);
  return 2 + extra + sizeof *mask;
}

void applyMask(uint8_t* data, size_t length, uint32_t mask) {
  const uint64_t wide = static_cast<uint64_t>(mask) << 32 | mask;
  size_t i = 0;
  for (; i + 8 <= length; i += 8) {
    uint64_t word = 0;
    std::memcpy(&word, data + i, 8);
    word ^= wide;
    std::memcpy(data + i, &word, 8);
  }
  uint8_t key[4];
  std::memcpy(key, &mask, 4);
  for (; i < length; ++i)
    data[i] = static_cast<uint8_t>(data[i] ^ key[i & 3]);
}

void appendFrame(std::string& out, Opcode opcode, bool final, std::string_view payload) {
  uint8_t header[kMostHeader];
  const size_t length = writeHeader(header, opcode, final, payload.size());
  out.append(reinterpret_cast<const char*>(header), length).append(payload);
}

void appendMaskedFrame(std::string& out, Opcode opcode, bool final, std::string_view payload,
                       uint32_t mask) {
  uint8_t header[kMostHeader];
  const size_t length = writeHeader(header, opcode, final, payload.size(), &mask);
  out.append(reinterpret_cast<const char*>(header), length).append(payload);
  applyMask(reinterpret_cast<uint8_t*>(out.data()) + out.size() - payload.size(), payload.size(),
            mask);
}

}  // namespace wire
