// SPDX-License-Identifier: LGPL-2.1-or-later
#include "WebSocketFrame.hpp"

#include <cstring>

#include <glib.h>

#include "Text.hpp"

namespace bench {
namespace {

constexpr uint64_t kMaxPayload = 16u << 20;

bool listHas(std::string_view list, std::string_view item) {
  while (!list.empty()) {
    const size_t comma = list.find(',');
    if (sameText(trim(list.substr(0, comma)), item)) return true;
    list = comma == std::string_view::npos ? std::string_view() : list.substr(comma + 1);
  }
  return false;
}

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

Upgrade acceptUpgrade(std::string_view request) {
  Upgrade upgrade;
  const auto refuse = [&upgrade](int status, const char* fault) {
    upgrade.status = status;
    upgrade.fault = fault;
    return upgrade;
  };
  const size_t lineEnd = request.find("\r\n");
  const std::string_view line = request.substr(0, lineEnd);
  if (!line.starts_with("GET ") || !line.ends_with(" HTTP/1.1"))
    return refuse(400, "not a GET of HTTP/1.1");
  upgrade.target = trim(line.substr(4, line.size() - 4 - 9));
  if (!upgrade.target.starts_with("/")) return refuse(400, "bad request target");
  std::string_view key, version, subprotocols;
  bool hasUpgrade = false, hasConnection = false, hasHost = false;
  size_t at = lineEnd + 2;
  while (at < request.size()) {
    const size_t end = request.find("\r\n", at);
    const std::string_view header = request.substr(at, end - at);
    at = end == std::string_view::npos ? request.size() : end + 2;
    const size_t colon = header.find(':');
    if (colon == std::string_view::npos) continue;
    const std::string_view name = header.substr(0, colon);
    const std::string_view value = trim(header.substr(colon + 1));
    if (sameText(name, "Upgrade")) hasUpgrade = listHas(value, "websocket");
    if (sameText(name, "Connection")) hasConnection = listHas(value, "upgrade");
    if (sameText(name, "Host")) hasHost = !value.empty();
    if (sameText(name, "Sec-WebSocket-Key")) key = value;
    if (sameText(name, "Sec-WebSocket-Version")) version = value;
    if (sameText(name, "Sec-WebSocket-Protocol")) subprotocols = value;
  }
  if (!hasHost) return refuse(400, "no Host");
  if (!hasUpgrade || !hasConnection) return refuse(400, "no upgrade to websocket asked for");
  if (version != "13") return refuse(426, "Sec-WebSocket-Version is not 13");
  if (key.size() != 24) return refuse(400, "Sec-WebSocket-Key is not 16 bytes in base64");
  upgrade.response =
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Accept: " +
      acceptKey(key) + "\r\n";
  if (listHas(subprotocols, "WSBRIDGE")) upgrade.response += "Sec-WebSocket-Protocol: WSBRIDGE\r\n";
  upgrade.response += "\r\n";
  return upgrade;
}

FrameResult parseFrame(char* buffer, size_t length, bool masked, Frame& frame) {
  if (length < 2) return FrameResult::NeedMore;
  const auto byte = [buffer](size_t i) { return static_cast<uint8_t>(buffer[i]); };
  if ((byte(0) & 0x70) != 0) return FrameResult::Broken;
  const int opcode = byte(0) & 0x0f;
  if ((opcode > 2 && opcode < 8) || opcode > 10) return FrameResult::Broken;
  if (((byte(1) & 0x80) != 0) != masked) return FrameResult::Broken;
  uint64_t payload = byte(1) & 0x7f;
  size_t header = 2;
  if (payload >= 126) {
    const size_t bytes = payload == 126 ? 2 : 8;
    if (length < 2 + bytes) return FrameResult::NeedMore;
    payload = 0;
    for (size_t i = 0; i < bytes; ++i)
      payload = payload << 8 | byte(2 + i);
    header += bytes;
  }
  frame.opcode = static_cast<Opcode>(opcode);
  frame.final = (byte(0) & 0x80) != 0;
  if (opcode >= 8 && (payload > 125 || !frame.final)) return FrameResult::Broken;
  if (payload > kMaxPayload) return FrameResult::Broken;
  const size_t mask = header;
  if (masked) header += 4;
  if (length < header + payload) return FrameResult::NeedMore;
  if (masked)
    for (size_t i = 0; i < payload; ++i)
      buffer[header + i] = static_cast<char>(buffer[header + i] ^ buffer[mask + (i & 3)]);
  frame.payload = {buffer + header, static_cast<size_t>(payload)};
  frame.size = header + static_cast<size_t>(payload);
  return FrameResult::Complete;
}

void appendFrame(std::string& out, Opcode opcode, bool final, std::string_view payload) {
  out.push_back(static_cast<char>((final ? 0x80 : 0) | static_cast<int>(opcode)));
  const uint64_t size = payload.size();
  int extra = 0;
  if (size < 126) {
    out.push_back(static_cast<char>(size));
  } else {
    extra = size < 65536 ? 2 : 8;
    out.push_back(static_cast<char>(extra == 2 ? 126 : 127));
  }
  for (int shift = 8 * (extra - 1); shift >= 0; shift -= 8)
    out.push_back(static_cast<char>(size >> shift & 0xff));
  out.append(payload);
}

size_t writeMaskedHeader(uint8_t* out, Opcode opcode, size_t payload, uint32_t mask) {
  size_t at = 0;
  out[at++] = static_cast<uint8_t>(0x80 | static_cast<int>(opcode));
  const int extra = payload < 126 ? 0 : payload < 65536 ? 2 : 8;
  out[at++] = static_cast<uint8_t>(0x80 | (extra == 0 ? payload : extra == 2 ? 126 : 127));
  for (int shift = 8 * (extra - 1); shift >= 0; shift -= 8)
    out[at++] = static_cast<uint8_t>(payload >> shift & 0xff);
  std::memcpy(out + at, &mask, sizeof mask);
  return at + sizeof mask;
}

void appendMaskedFrame(std::string& out, Opcode opcode, std::string_view payload, uint32_t mask) {
  uint8_t header[kMaskedHeaderMost];
  const size_t length = writeMaskedHeader(header, opcode, payload.size(), mask);
  out.append(reinterpret_cast<const char*>(header), length);
  for (size_t i = 0; i < payload.size(); ++i)
    out.push_back(static_cast<char>(payload[i] ^ static_cast<char>(header[length - 4 + (i & 3)])));
}

}  // namespace bench
