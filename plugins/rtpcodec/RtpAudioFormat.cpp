// SPDX-License-Identifier: LGPL-2.1-or-later
#include "rtpcodec/RtpAudioFormat.hpp"

#include <cstring>
#include <string>
#include <string_view>

#include "audio/G711.hpp"

namespace wsbridge {

namespace {

constexpr int kMinRate = 8000;
constexpr int kMaxRate = 48000;

std::string_view text(const GstStructure* structure, const char* field) {
  const char* value = gst_structure_get_string(structure, field);
  return value != nullptr ? value : "";
}

std::optional<RtpAudioFormat::Codec> codecOf(std::string_view name) {
  if (name == "PCMU") return RtpAudioFormat::Codec::Ulaw;
  if (name == "PCMA") return RtpAudioFormat::Codec::Alaw;
  if (name == "L16") return RtpAudioFormat::Codec::L16;
  return std::nullopt;
}

/// The count of channels is a number in some caps and text in others, or the parameter of the
/// encoding.
bool isMono(const GstStructure* structure) {
  gint channels = 0;
  if (gst_structure_get_int(structure, "channels", &channels) && channels != 1) return false;
  for (const char* field : {"channels", "encoding-params"}) {
    if (const std::string_view count = text(structure, field); !count.empty() && count != "1")
      return false;
  }
  return true;
}

/// Network to host byte order (audio is S16LE here), four samples at a time: this compiler does not
/// turn the plain loop into vectors.
void swapSamples(std::span<const uint8_t> payload, int16_t* out) {
  constexpr uint64_t kLow = 0x00ff00ff00ff00ff;
  size_t at = 0;
  for (; at + sizeof(uint64_t) <= payload.size(); at += sizeof(uint64_t)) {
    uint64_t four;
    std::memcpy(&four, payload.data() + at, sizeof four);
    four = (four & kLow) << 8 | (four >> 8 & kLow);
    std::memcpy(out + at / 2, &four, sizeof four);
  }
  for (; at + 2 <= payload.size(); at += 2)
    out[at / 2] = static_cast<int16_t>(payload[at] << 8 | payload[at + 1]);
}

}  // namespace

std::optional<RtpAudioFormat> RtpAudioFormat::fromCaps(const GstCaps* caps) {
  const GstStructure* structure = gst_caps_get_structure(caps, 0);
  const auto codec = codecOf(text(structure, "encoding-name"));
  gint rate = 0;
  gint payload_type = -1;
  gst_structure_get_int(structure, "clock-rate", &rate);
  gst_structure_get_int(structure, "payload", &payload_type);
  if (!codec || rate < kMinRate || rate > kMaxRate || !isMono(structure)) return std::nullopt;
  return RtpAudioFormat{*codec, rate, payload_type};
}

size_t RtpAudioFormat::samples(size_t bytes) const {
  if (codec != Codec::L16) return bytes;
  return bytes % 2 == 0 ? bytes / 2 : 0;
}

AudioEncoding RtpAudioFormat::encoding() const {
  if (codec == Codec::L16) return AudioEncoding::Linear;
  return codec == Codec::Ulaw ? AudioEncoding::Ulaw : AudioEncoding::Alaw;
}

void RtpAudioFormat::decode(std::span<const uint8_t> payload, int16_t* out) const {
  switch (codec) {
    case Codec::Ulaw:
      g711::decodeUlaw(payload.data(), out, payload.size());
      break;
    case Codec::Alaw:
      g711::decodeAlaw(payload.data(), out, payload.size());
      break;
    case Codec::L16:
      swapSamples(payload, out);
      break;
  }
}

}  // namespace wsbridge
