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
  const common::CodecInfo* row = common::codecNamed(text(structure, "encoding-name"));
  gint rate = 0;
  gint payload_type = -1;
  gst_structure_get_int(structure, "clock-rate", &rate);
  gst_structure_get_int(structure, "payload", &payload_type);
  if (row == nullptr || rate < kMinRate || rate > kMaxRate || !isMono(structure))
    return std::nullopt;
  return RtpAudioFormat{row->codec, rate, payload_type};
}

size_t RtpAudioFormat::samples(size_t bytes) const {
  const auto each = static_cast<size_t>(common::codecInfo(codec).bytes_per_sample);
  return bytes % each == 0 ? bytes / each : 0;
}

AudioEncoding RtpAudioFormat::encoding() const {
  return common::codecInfo(codec).encoding;
}

void RtpAudioFormat::decode(std::span<const uint8_t> payload, int16_t* out) const {
  switch (codec) {
    case common::RtpCodec::Pcmu:
      g711::decodeUlaw(payload.data(), out, payload.size());
      break;
    case common::RtpCodec::Pcma:
      g711::decodeAlaw(payload.data(), out, payload.size());
      break;
    case common::RtpCodec::L16:
      swapSamples(payload, out);
      break;
  }
}

}  // namespace wsbridge
