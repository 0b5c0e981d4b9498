// SPDX-License-Identifier: LGPL-2.1-or-later
#include "rtp/RtcpSession.hpp"

#include <algorithm>
#include <array>

namespace wsbridge {

namespace {

constexpr uint8_t kSenderReport = 200;
constexpr uint8_t kReceiverReport = 201;
constexpr uint8_t kDescription = 202;
constexpr uint8_t kBye = 203;
constexpr uint8_t kCname = 1;
constexpr size_t kBlock = 24;
constexpr size_t kSenderInfo = 28;  // with the header
constexpr int64_t kIntervalUs = 5'000'000;
/// RFC 3550 A.1.
constexpr uint32_t kMaxDropout = 3000;
constexpr uint32_t kMaxMisorder = 100;
constexpr uint32_t kSeqMod = 1U << 16;
constexpr uint32_t kNoBadSeq = kSeqMod + 1;
/// Seconds from 1900 to 1970.
constexpr uint64_t kNtpEpoch = 2'208'988'800;

uint16_t get16(std::span<const uint8_t> bytes, size_t at) {
  return static_cast<uint16_t>(bytes[at] << 8 | bytes[at + 1]);
}

uint32_t get32(std::span<const uint8_t> bytes, size_t at) {
  return static_cast<uint32_t>(get16(bytes, at)) << 16 | get16(bytes, at + 2);
}

void put(std::vector<uint8_t>& out, uint32_t value, int bytes = 4) {
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8)
    out.push_back(static_cast<uint8_t>(value >> shift));
}

/// Begins a packet; its length is written by endPacket().
size_t beginPacket(std::vector<uint8_t>& out, uint8_t type, size_t count) {
  const size_t at = out.size();
  out.push_back(static_cast<uint8_t>(0x80 | count));
  out.push_back(type);
  put(out, 0, 2);
  return at;
}

void endPacket(std::vector<uint8_t>& out, size_t at) {
  const size_t words = (out.size() - at) / 4 - 1;
  out[at + 2] = static_cast<uint8_t>(words >> 8);
  out[at + 3] = static_cast<uint8_t>(words);
}

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
  const uint32_t ssrc = get32(header, 8);
  if (ssrc != ssrc_) {
    ssrc_ = ssrc;
    packets_ = octets_ = reported_packets_ = 0;
    remote_.reset();
  }
  const uint32_t timestamp = get32(header, 4);
  // The packets of one key share the time stamp of its beginning, RFC 4733 2.2.
  if (packets_ == 0 || timestamp != last_timestamp_) {
    last_timestamp_ = timestamp;
    last_sent_us_ = now_us;
  }
  ++packets_;
  octets_ += static_cast<uint32_t>(payload_bytes);
}

bool RtcpSession::isOurs(std::span<const uint8_t> header) const {
  return get32(header, 8) == ssrc_;
}

bool RtcpSession::received(std::span<const uint8_t> header, int64_t arrival_us) {
  const uint32_t ssrc = get32(header, 8);
  if (ssrc == ssrc_) return false;
  const uint16_t seq = get16(header, 2);
  const uint32_t timestamp = get32(header, 4);
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
  while (compound.size() >= 8 && compound[0] >> 6 == 2) {
    const size_t size = 4 * (static_cast<size_t>(get16(compound, 2)) + 1);
    if (size > compound.size()) return;
    const auto packet = compound.first(size);
    const size_t blocks = kBlock * static_cast<size_t>(packet[0] & 0x1f);
    const uint8_t type = packet[1];
    if (type == kSenderReport && size >= kSenderInfo + blocks) {
      takeSenderReport(packet, now_us);
      takeBlocks(packet.subspan(kSenderInfo, blocks), now_us);
    } else if (type == kReceiverReport && size >= 8 + blocks) {
      takeBlocks(packet.subspan(8, blocks), now_us);
    }
    compound = compound.subspan(size);
  }
}

void RtcpSession::takeSenderReport(std::span<const uint8_t> packet, int64_t now_us) {
  if (!source_ || get32(packet, 4) != source_->ssrc) return;
  last_sr_ = get32(packet, 8) << 16 | get32(packet, 12) >> 16;
  last_sr_us_ = now_us;
}

void RtcpSession::takeBlocks(std::span<const uint8_t> blocks, int64_t now_us) {
  for (; blocks.size() >= kBlock; blocks = blocks.subspan(kBlock)) {
    if (get32(blocks, 0) != ssrc_) continue;
    // 24 bits with a sign.
    const auto lost = static_cast<int32_t>(get32(blocks, 4) << 8) >> 8;
    Remote remote{.lost = lost,
                  .jitter_us = int64_t{get32(blocks, 12)} * 1'000'000 / clock_rate_,
                  .round_trip_us = remote_ ? remote_->round_trip_us : -1};
    // Of our last report only: its moment is known by both clocks.
    const uint32_t echoed = get32(blocks, 16);
    if (echoed != 0 && echoed == middle(last_report_ntp_)) {
      const int64_t held_us = int64_t{get32(blocks, 20)} * 1'000'000 / 65536;
      remote.round_trip_us = std::max<int64_t>(0, now_us - last_report_us_ - held_us);
    }
    remote_ = remote;
  }
}

void RtcpSession::appendBlock(std::vector<uint8_t>& out, int64_t now_us) {
  Source& source = *source_;
  const uint32_t expected = source.expected();
  const auto lost = static_cast<int32_t>(expected - source.received);
  const uint32_t expected_now = expected - source.expected_prior;
  const uint32_t received_now = source.received - source.received_prior;
  source.expected_prior = expected;
  source.received_prior = source.received;
  const uint32_t lost_now = expected_now > received_now ? expected_now - received_now : 0;
  const uint32_t fraction = expected_now == 0 ? 0 : std::min(255U, lost_now * 256 / expected_now);
  put(out, source.ssrc);
  put(out, fraction, 1);
  put(out, static_cast<uint32_t>(std::clamp(lost, -0x800000, 0x7fffff)), 3);
  put(out, source.highest());
  put(out, source.jitter >> 4);
  put(out, last_sr_);
  put(out, last_sr_ == 0 ? 0 : static_cast<uint32_t>((now_us - last_sr_us_) * 65536 / 1'000'000));
}

void RtcpSession::appendDescription(std::vector<uint8_t>& out) const {
  const size_t at = beginPacket(out, kDescription, 1);
  put(out, ssrc_);
  out.push_back(kCname);
  out.push_back(static_cast<uint8_t>(cname_.size()));
  out.insert(out.end(), cname_.begin(), cname_.end());
  // The list ends with at least one zero.
  do {
    out.push_back(0);
  } while (out.size() % 4 != 0);
  endPacket(out, at);
}

std::vector<uint8_t> RtcpSession::report(int64_t now_us, int64_t realtime_us, bool goodbye) {
  std::vector<uint8_t> out;
  out.reserve(128);
  const bool sending = packets_ != reported_packets_;
  const bool block = source_ && heard_;
  const size_t at = beginPacket(out, sending ? kSenderReport : kReceiverReport, block ? 1 : 0);
  put(out, ssrc_);
  if (sending) {
    const uint64_t ntp = ntpOf(realtime_us);
    put(out, static_cast<uint32_t>(ntp >> 32));
    put(out, static_cast<uint32_t>(ntp));
    put(out, last_timestamp_ + ticks(now_us - last_sent_us_));
    put(out, packets_);
    put(out, octets_);
    last_report_ntp_ = ntp;
    last_report_us_ = now_us;
  }
  if (block) appendBlock(out, now_us);
  endPacket(out, at);
  appendDescription(out);
  if (goodbye) {
    const size_t bye = beginPacket(out, kBye, 1);
    put(out, ssrc_);
    endPacket(out, bye);
  }
  reported_packets_ = packets_;
  reported_ = true;
  heard_ = false;
  return out;
}

int64_t RtcpSession::nextIntervalUs() {
  const int64_t base_us = reported_ ? kIntervalUs : kIntervalUs / 2;
  return std::uniform_int_distribution<int64_t>(base_us / 2, base_us * 3 / 2)(random_);
}

}  // namespace wsbridge
