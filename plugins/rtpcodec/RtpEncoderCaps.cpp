// SPDX-License-Identifier: LGPL-2.1-or-later
#include "rtpcodec/RtpEncoderCaps.hpp"

#include <algorithm>
#include <array>
#include <cstring>

namespace wsbridge {

namespace {

using common::CodecInfo;
using common::RtpCodec;

constexpr int kFirstDynamic = 96;
constexpr std::array<int, 5> kRates = {8000, 16000, 24000, 32000, 48000};
constexpr int kMinPtime = 10;
constexpr int kMaxPtime = 60;
constexpr int kDefaultPtime = 20;

/// Static payload types belong to their encoding (RFC 3551 table 4), so that a peer which names
/// only a payload type is not sent another encoding under it.
void appendPayloadTypes(GstCaps* caps, GstStructure* fields, const CodecInfo& row,
                        const std::optional<int>& wish) {
  if (wish) {
    gst_structure_set(fields, "payload", G_TYPE_INT, *wish, nullptr);
    gst_caps_append_structure(caps, fields);
    return;
  }
  if (row.static_payload >= 0) {
    GstStructure* fixed = gst_structure_copy(fields);
    gst_structure_set(fixed, "payload", G_TYPE_INT, row.static_payload, nullptr);
    gst_caps_append_structure(caps, fixed);
  }
  gst_structure_set(fields, "payload", GST_TYPE_INT_RANGE, kFirstDynamic, 127, nullptr);
  gst_caps_append_structure(caps, fields);
}

void appendEncoding(GstCaps* caps, const CodecInfo& row, int clock_rate,
                    const RtpEncoderWishes& wishes) {
  GstStructure* fields =
      gst_structure_new("application/x-rtp", "media", G_TYPE_STRING, "audio", "encoding-name",
                        G_TYPE_STRING, row.name, "clock-rate", G_TYPE_INT, clock_rate, nullptr);
  if (row.codec == RtpCodec::L16) {
    gst_structure_set(fields, "encoding-params", G_TYPE_STRING, "1", "channels", G_TYPE_INT, 1,
                      nullptr);
  }
  appendPayloadTypes(caps, fields, row, wishes.payload_type);
}

void appendL16(GstCaps* caps, const CodecInfo& row, int input_rate,
               const RtpEncoderWishes& wishes) {
  if (wishes.clock_rate) {
    appendEncoding(caps, row, *wishes.clock_rate, wishes);
    return;
  }
  appendEncoding(caps, row, input_rate, wishes);
  for (const int rate : kRates) {
    if (rate != input_rate) appendEncoding(caps, row, rate, wishes);
  }
}

CapsPtr intersection(const CapsPtr& offered, const GstCaps* peer,
                     const std::optional<uint32_t>& ssrc) {
  if (ssrc) {
    const CapsPtr with_ssrc(gst_caps_copy(offered.get()));
    gst_caps_set_simple(with_ssrc.get(), "ssrc", G_TYPE_UINT, *ssrc, nullptr);
    CapsPtr result(gst_caps_intersect_full(with_ssrc.get(), const_cast<GstCaps*>(peer),
                                           GST_CAPS_INTERSECT_FIRST));
    if (!gst_caps_is_empty(result.get())) return result;
  }
  return CapsPtr(
      gst_caps_intersect_full(offered.get(), const_cast<GstCaps*>(peer), GST_CAPS_INTERSECT_FIRST));
}

std::optional<uint32_t> numberIn(const GstStructure* fields, const char* name) {
  guint value = 0;
  if (gst_structure_get_uint(fields, name, &value) == FALSE) return std::nullopt;
  return value;
}

/// As the peer has it from SDP.
int ptimeOf(const GstStructure* fields, const std::optional<int>& wish) {
  const auto limited = [](uint32_t ms) {
    return static_cast<int>(std::clamp<uint32_t>(ms, kMinPtime, kMaxPtime));
  };
  if (wish) return *wish;
  int ptime = kDefaultPtime;
  if (const auto asked = numberIn(fields, "ptime")) ptime = limited(*asked);
  if (const auto most = numberIn(fields, "maxptime")) ptime = std::min(ptime, limited(*most));
  return ptime;
}

}  // namespace

CapsPtr offeredCaps(const RtpEncoderWishes& wishes, int input_rate) {
  CapsPtr caps(gst_caps_new_empty());
  for (const CodecInfo& row : common::kCodecs) {
    if (wishes.codec && *wishes.codec != row.codec) continue;
    if (row.codec == RtpCodec::L16) {
      appendL16(caps.get(), row, input_rate, wishes);
    } else if (wishes.clock_rate.value_or(8000) == 8000) {
      appendEncoding(caps.get(), row, 8000, wishes);
    }
  }
  return caps;
}

std::optional<RtpEncoderChoice> chooseFormat(const RtpEncoderWishes& wishes, int input_rate,
                                             const GstCaps* peer) {
  CapsPtr caps = intersection(offeredCaps(wishes, input_rate), peer, wishes.ssrc);
  if (gst_caps_is_empty(caps.get())) return std::nullopt;
  caps.reset(gst_caps_truncate(caps.release()));
  GstStructure* fields = gst_caps_get_structure(caps.get(), 0);
  const char* name = gst_structure_get_string(fields, "encoding-name");
  const CodecInfo* row = name != nullptr ? common::codecNamed(name) : nullptr;
  if (row == nullptr) return std::nullopt;
  gst_structure_fixate_field_nearest_int(
      fields, "payload", row->static_payload >= 0 ? row->static_payload : kFirstDynamic);
  caps.reset(gst_caps_fixate(caps.release()));
  fields = gst_caps_get_structure(caps.get(), 0);

  RtpEncoderChoice choice;
  choice.format.codec = row->codec;
  choice.format.input_rate = input_rate;
  gst_structure_get_int(fields, "payload", &choice.format.payload_type);
  gst_structure_get_int(fields, "clock-rate", &choice.format.clock_rate);
  choice.format.ptime_ms = ptimeOf(fields, wishes.ptime_ms);
  choice.ssrc = numberIn(fields, "ssrc");
  choice.sequence_offset = numberIn(fields, "seqnum-offset");
  choice.timestamp_offset = numberIn(fields, "timestamp-offset");
  choice.caps = std::move(caps);
  return choice;
}

void setStreamNumbers(GstCaps* caps, uint32_t ssrc, uint32_t timestamp_offset,
                      uint16_t sequence_offset) {
  gst_caps_set_simple(caps, "ssrc", G_TYPE_UINT, ssrc, "timestamp-offset", G_TYPE_UINT,
                      timestamp_offset, "seqnum-offset", G_TYPE_UINT,
                      static_cast<guint>(sequence_offset), nullptr);
}

}  // namespace wsbridge
