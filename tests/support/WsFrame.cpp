// SPDX-License-Identifier: LGPL-2.1-or-later
#include "WsFrame.hpp"

#include <glib.h>

namespace testsupport {
namespace {

uint8_t byteAt(const std::string& bytes, size_t index) {
  return static_cast<uint8_t>(bytes[index]);
}

void append(std::string& bytes, unsigned value) {
  bytes.push_back(static_cast<char>(value & 0xFFU));
}

}  // namespace

unsigned WsFrame::closeCode() const {
  if (opcode != Opcode::Close || payload.size() < 2) return 0;
  return static_cast<unsigned>(byteAt(payload, 0) << 8U | byteAt(payload, 1));
}

std::string WsFrame::closeReason() const {
  return opcode == Opcode::Close && payload.size() > 2 ? payload.substr(2) : std::string();
}

std::string closePayload(unsigned code, const std::string& reason) {
  std::string payload;
  append(payload, code >> 8U);
  append(payload, code);
  return payload + reason;
}

std::string encodeFrame(Opcode opcode, bool fin, const std::string& payload, FrameStyle style) {
  std::string bytes;
  const unsigned maskBit = style.mask ? 0x80U : 0U;
  append(bytes, (fin ? 0x80U : 0U) | static_cast<unsigned>(style.rsv) << 4U |
                    static_cast<unsigned>(opcode));
  const size_t size = payload.size();
  if (size < 126) {
    append(bytes, maskBit | static_cast<unsigned>(size));
  } else if (size < 65536) {
    append(bytes, maskBit | 126U);
    append(bytes, static_cast<unsigned>(size >> 8U));
    append(bytes, static_cast<unsigned>(size));
  } else {
    append(bytes, maskBit | 127U);
    for (int shift = 56; shift >= 0; shift -= 8)
      append(bytes, static_cast<unsigned>(size >> shift));
  }
  if (!style.mask) return bytes + payload;
  const std::string key = "\x12\x34\x56\x78";
  bytes += key;
  for (size_t i = 0; i < size; ++i)
    append(bytes, byteAt(payload, i) ^ byteAt(key, i % 4));
  return bytes;
}

std::optional<WsFrame> takeFrame(std::string& bytes) {
  if (bytes.size() < 2) return std::nullopt;
  size_t head = 2;
  uint64_t size = byteAt(bytes, 1) & 0x7FU;
  const size_t extra = size == 126 ? 2 : size == 127 ? 8 : 0;
  if (bytes.size() < head + extra) return std::nullopt;
  if (extra != 0) {
    size = 0;
    for (size_t i = 0; i < extra; ++i)
      size = size << 8U | byteAt(bytes, head + i);
    head += extra;
  }
  WsFrame frame;
  frame.masked = (byteAt(bytes, 1) & 0x80U) != 0;
  std::string key;
  if (frame.masked) {
    if (bytes.size() < head + 4) return std::nullopt;
    key = bytes.substr(head, 4);
    head += 4;
  }
  if (bytes.size() < head + size) return std::nullopt;
  frame.fin = (byteAt(bytes, 0) & 0x80U) != 0;
  frame.rsv = (byteAt(bytes, 0) >> 4U) & 7U;
  frame.opcode = static_cast<Opcode>(byteAt(bytes, 0) & 0x0FU);
  frame.payload = bytes.substr(head, size);
  if (frame.masked) {
    for (size_t i = 0; i < frame.payload.size(); ++i) {
      frame.payload[i] = static_cast<char>(byteAt(frame.payload, i) ^ byteAt(key, i % 4));
    }
  }
  frame.at = Clock::now();
  bytes.erase(0, head + size);
  return frame;
}

std::string acceptKey(const std::string& key) {
  const std::string whole = key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  GChecksum* sum = g_checksum_new(G_CHECKSUM_SHA1);
  g_checksum_update(sum, reinterpret_cast<const guchar*>(whole.data()),
                    static_cast<gssize>(whole.size()));
  guint8 digest[20];
  gsize length = sizeof digest;
  g_checksum_get_digest(sum, digest, &length);
  g_checksum_free(sum);
  gchar* text = g_base64_encode(digest, length);
  std::string result = text;
  g_free(text);
  return result;
}

}  // namespace testsupport
