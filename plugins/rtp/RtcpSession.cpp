// SPDX-License-Identifier: LGPL-2.1-or-later
#include "rtp/RtcpSession.hpp"

#include <algorithm>

#include "common/RtpHeader.hpp"

namespace wsbridge {

namespace {

constexpr guint kMaxReportBytes = 256;
constexpr int64_t kIntervalUs = 5'000'000;
/// RFC 3550 A.1.
constexpr uint32_t kMaxDropout = 3000;
constexpr uint32_t kMaxMisorder = 100;
constexpr uint32_t kSeqMod = 1U << 16;
constexpr uint32_t kNoBadSeq = kSeqMod + 1;
/// Seconds from 1900 to 1970.
constexpr uint64_t kNtpEpoch = 2'208'988'800;

uint64_t ntpOf(int64_t realtime_us) {
  const auto us = static_cast<uint64_t>(std::max<int64_t>(realtime_us, 0));
  return (us / 1'000'000 + kNtpEpoch) << 32 | ((us % 1'000'000) << 32) / 1'000'000;
}

uint32_t middle(uint64_t ntp) {
  return static_cast<uint32_t>(ntp >> 16);
}

/// RFC 7022 4.2: 96 random bits for each session.
std::string makeCname(std::mt19937_64& random) {
  constexpr char kAlphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string name(16, 'A');
  for (char& c : name)
    c = kAlphabet[random() % 64];
  return name;
}

}  // namespace

void RtcpSession::Source::begin(uint16_t seq) {
  base_seq = max_seq = seq;
  bad_seq = kNoBadSeq;
  cycles = received = received_prior = expected_prior = 0;
}

bool RtcpSession::Source::count(uint16_t seq) {
  const auto delta = static_cast<uint16_t>(seq - max_seq);
  if (delta < kMaxDropout) {
    if (seq < max_seq) cycles += kSeqMod;
    max_seq = seq;
  } else if (delta <= kSeqMod - kMaxMisorder) {
    // Two in a row after a jump: the sender has begun anew.
    if (seq != bad_seq) {
      bad_seq = static_cast<uint16_t>(seq + 1);
      return false;
    }
    begin(seq);
    ++received;
    return false;
  }
  ++received;
  return true;
}

RtcpSession::RtcpSession(uint32_t clock_rate, uint64_t seed)
    : clock_rate_(clock_rate),
      random_(seed),
      cname_(makeCname(random_)),
      ssrc_(static_cast<uint32_t>(random_())) {}

uint32_t RtcpSession::ticks(int64_t us) const {
  return static_cast<uint32_t>(us * clock_rate_ / 1'000'000);
}

void RtcpSession::sent(std::span<const uint8_t> header, size_t payload_bytes, int64_t now_us) {
  const auto fixed = common::readRtpHeader(header);
  if (!fixed) return;
  if (fixed->ssrc != ssrc_) {
    ssrc_ = fixed->ssrc;
    packets_ = octets_ = reported_packets_ = 0;
    remote_.reset();
  }
  // The packets of one digit share the time stamp of its beginning, RFC 4733 2.2.
  if (packets_ == 0 || fixed->timestamp != last_timestamp_) {
    last_timestamp_ = fixed->timestamp;
    last_sent_us_ = now_us;
  }
  ++packets_;
  octets_ += static_cast<uint32_t>(payload_bytes);
}

bool RtcpSession::isOurs(std::span<const uint8_t> header) const {
  const auto fixed = common::readRtpHeader(header);
  return fixed && fixed->ssrc == ssrc_;
}

bool RtcpSession::received(std::span<const uint8_t> header, int64_t arrival_us) {
  const auto fixed = common::readRtpHeader(header);
  if (!fixed || fixed->ssrc == ssrc_) return false;
  const auto [marker, type, seq, timestamp, ssrc] = *fixed;
  const uint32_t transit = ticks(arrival_us) - timestamp;
  heard_ = true;
  if (!source_ || source_->ssrc != ssrc) {
    source_ = Source();
    source_->ssrc = ssrc;
    source_->begin(seq);
    source_->count(seq);
    last_sr_ = 0;
  } else if (source_->count(seq) && timestamp != source_->timestamp) {
    // The packets of one telephone-event share a time stamp and say nothing about jitter.
    const auto change = static_cast<int32_t>(transit - source_->transit);
    const uint32_t difference = static_cast<uint32_t>(change < 0 ? -int64_t{change} : change);
    source_->jitter += difference - ((source_->jitter + 8) >> 4);
  }
  source_->transit = transit;
  source_->timestamp = timestamp;
  return true;
}

void RtcpSession::takeReport(std::span<const uint8_t> compound, int64_t now_us) {
  // Its memory stays the caller's.
  g_autoptr(GstBuffer) buffer =
      gst_buffer_new_wrapped_full(GST_MEMORY_FLAG_READONLY, const_cast<uint8_t*>(compound.data()),
                                  compound.size(), 0, compound.size(), nullptr, nullptr);
  GstRTCPBuffer rtcp = GST_RTCP_BUFFER_INIT;
  if (gst_rtcp_buffer_map(buffer, GST_MAP_READ, &rtcp) == FALSE) return;
  GstRTCPPacket packet;
  for (gboolean more = gst_rtcp_buffer_get_first_packet(&rtcp, &packet); more != FALSE;
       more = gst_rtcp_packet_move_to_next(&packet)) {
    const GstRTCPType type = gst_rtcp_packet_get_type(&packet);
    if (type != GST_RTCP_TYPE_SR && type != GST_RTCP_TYPE_RR) continue;
    // In words behind the first one: what the count promises must lie within the packet.
    const guint16 before = type == GST_RTCP_TYPE_SR ? 6 : 1;
    const guint blocks = gst_rtcp_packet_get_rb_count(&packet);
    if (gst_rtcp_packet_get_length(&packet) < before + 6 * blocks) continue;
    if (type == GST_RTCP_TYPE_SR) takeSenderReport(packet, now_us);
    for (guint i = 0; i < blocks; ++i)
      takeBlock(packet, i, now_us);
  }
  gst_rtcp_buffer_unmap(&rtcp);
}

void RtcpSession::takeSenderReport(GstRTCPPacket& packet, int64_t now_us) {
  guint32 ssrc = 0;
  guint64 ntp = 0;
  gst_rtcp_packet_sr_get_sender_info(&packet, &ssrc, &ntp, nullptr, nullptr, nullptr);
  if (!source_ || ssrc != source_->ssrc) return;
  last_sr_ = middle(ntp);
  last_sr_us_ = now_us;
}

void RtcpSession::takeBlock(GstRTCPPacket& packet, unsigned index, int64_t now_us) {
  guint32 ssrc = 0;
  gint32 lost = 0;
  guint32 jitter = 0;
  guint32 echoed = 0;
  guint32 held = 0;
  gst_rtcp_packet_get_rb(&packet, index, &ssrc, nullptr, &lost, nullptr, &jitter, &echoed, &held);
  if (ssrc != ssrc_) return;
  Remote remote{.lost = lost,
                .jitter_us = int64_t{jitter} * 1'000'000 / clock_rate_,
                .round_trip_us = remote_ ? remote_->round_trip_us : -1};
  // Of our last report only: its moment is known by both clocks.
  if (echoed != 0 && echoed == middle(last_report_ntp_)) {
    const int64_t held_us = int64_t{held} * 1'000'000 / 65536;
    remote.round_trip_us = std::max<int64_t>(0, now_us - last_report_us_ - held_us);
  }
  remote_ = remote;
}

void RtcpSession::addBlock(GstRTCPPacket& packet, int64_t now_us) {
  Source& source = *source_;
  const uint32_t expected = source.expected();
  const auto lost = static_cast<int32_t>(expected - source.received);
  const uint32_t expected_now = expected - source.expected_prior;
  const uint32_t received_now = source.received - source.received_prior;
  source.expected_prior = expected;
  source.received_prior = source.received;
  const uint32_t lost_now = expected_now > received_now ? expected_now - received_now : 0;
  const uint32_t fraction = expected_now == 0 ? 0 : std::min(255U, lost_now * 256 / expected_now);
  const uint32_t since_sr =
      last_sr_ == 0 ? 0 : static_cast<uint32_t>((now_us - last_sr_us_) * 65536 / 1'000'000);
  gst_rtcp_packet_add_rb(&packet, source.ssrc, static_cast<guint8>(fraction),
                         std::clamp(lost, -0x800000, 0x7fffff), source.highest(),
                         source.jitter >> 4, last_sr_, since_sr);
}

std::vector<uint8_t> RtcpSession::report(int64_t now_us, int64_t realtime_us, bool goodbye) {
  const bool sending = packets_ != reported_packets_;
  g_autoptr(GstBuffer) buffer = gst_rtcp_buffer_new(kMaxReportBytes);
  GstRTCPBuffer rtcp = GST_RTCP_BUFFER_INIT;
  gst_rtcp_buffer_map(buffer, GST_MAP_READWRITE, &rtcp);
  GstRTCPPacket packet;
  if (sending) {
    last_report_ntp_ = ntpOf(realtime_us);
    last_report_us_ = now_us;
    gst_rtcp_buffer_add_packet(&rtcp, GST_RTCP_TYPE_SR, &packet);
    gst_rtcp_packet_sr_set_sender_info(&packet, ssrc_, last_report_ntp_,
                                       last_timestamp_ + ticks(now_us - last_sent_us_), packets_,
                                       octets_);
  } else {
    gst_rtcp_buffer_add_packet(&rtcp, GST_RTCP_TYPE_RR, &packet);
    gst_rtcp_packet_rr_set_ssrc(&packet, ssrc_);
  }
  if (source_ && heard_) addBlock(packet, now_us);
  gst_rtcp_buffer_add_packet(&rtcp, GST_RTCP_TYPE_SDES, &packet);
  gst_rtcp_packet_sdes_add_item(&packet, ssrc_);
  gst_rtcp_packet_sdes_add_entry(&packet, GST_RTCP_SDES_CNAME, static_cast<guint8>(cname_.size()),
                                 reinterpret_cast<const guint8*>(cname_.data()));
  if (goodbye) {
    gst_rtcp_buffer_add_packet(&rtcp, GST_RTCP_TYPE_BYE, &packet);
    gst_rtcp_packet_bye_add_ssrc(&packet, ssrc_);
  }
  gst_rtcp_buffer_unmap(&rtcp);
  std::vector<uint8_t> bytes(gst_buffer_get_size(buffer));
  gst_buffer_extract(buffer, 0, bytes.data(), bytes.size());
  reported_packets_ = packets_;
  reported_ = true;
  heard_ = false;
  return bytes;
}

int64_t RtcpSession::nextIntervalUs() {
  const int64_t base_us = reported_ ? kIntervalUs : kIntervalUs / 2;
  return std::uniform_int_distribution<int64_t>(base_us / 2, base_us * 3 / 2)(random_);
}

}  // namespace wsbridge
