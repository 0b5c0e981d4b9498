// SPDX-License-Identifier: LGPL-2.1-or-later
//
// RtcpSession: what one participant of a call reports about what it sends and receives, and what
// the other side has reported, RFC 3550 6 and A. For one stream each way, as in a phone call; not
// synchronised, without a clock or a socket of its own; gst_init() comes before.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <vector>

#include <gst/rtp/gstrtcpbuffer.h>

namespace wsbridge {

class RtcpSession {
 public:
  /// What the other side says of our stream.
  struct Remote {
    int32_t lost;           ///< packets, cumulative; negative with duplicates
    int64_t jitter_us;      ///< interarrival jitter
    int64_t round_trip_us;  ///< -1: not known yet
  };

  /// `clock_rate`: Hz, of both streams.
  RtcpSession(uint32_t clock_rate, uint64_t seed);

  /// A packet of ours went out, with a fixed header only. `now_us`: monotonic, as everywhere here.
  void sent(std::span<const uint8_t> header, size_t payload_bytes, int64_t now_us);
  /// A valid packet came. False: it has our SSRC and is nobody's.
  bool received(std::span<const uint8_t> header, int64_t arrival_us);
  /// A compound packet came; what is broken in it is left out.
  void takeReport(std::span<const uint8_t> compound, int64_t now_us);

  /// Sender or receiver report and source description, with `goodbye` a BYE behind them.
  std::vector<uint8_t> report(int64_t now_us, int64_t realtime_us, bool goodbye);
  /// Until the next one: 5 s, times 0.5 to 1.5; half of that until the first.
  int64_t nextIntervalUs();

  /// Whether others may know of us, so that a BYE means something.
  [[nodiscard]] bool isKnown() const { return reported_ || packets_ > 0; }
  [[nodiscard]] uint32_t ssrc() const { return ssrc_; }
  [[nodiscard]] bool isOurs(std::span<const uint8_t> header) const;
  [[nodiscard]] const std::optional<Remote>& remote() const { return remote_; }

 private:
  /// The other side's stream, RFC 3550 A.1, A.3 and A.8, without probation.
  struct Source {
    uint32_t ssrc = 0;
    uint32_t cycles = 0;
    uint16_t max_seq = 0;
    uint32_t base_seq = 0;
    uint32_t bad_seq = 0;
    uint32_t received = 0;
    uint32_t expected_prior = 0;
    uint32_t received_prior = 0;
    uint32_t transit = 0;
    uint32_t jitter = 0;  // times 16
    uint32_t timestamp = 0;

    void begin(uint16_t seq);
    /// False: it does not follow what came before, or begins anew.
    bool count(uint16_t seq);
    [[nodiscard]] uint32_t highest() const { return cycles + max_seq; }
    [[nodiscard]] uint32_t expected() const { return highest() - base_seq + 1; }
  };

  void takeSenderReport(GstRTCPPacket& packet, int64_t now_us);
  void takeBlock(GstRTCPPacket& packet, unsigned index, int64_t now_us);
  void addBlock(GstRTCPPacket& packet, int64_t now_us);
  [[nodiscard]] uint32_t ticks(int64_t us) const;

  const uint32_t clock_rate_;
  std::mt19937_64 random_;
  const std::string cname_;

  uint32_t ssrc_;
  uint32_t packets_ = 0;
  uint32_t octets_ = 0;
  uint32_t reported_packets_ = 0;
  uint32_t last_timestamp_ = 0;
  int64_t last_sent_us_ = 0;
  bool reported_ = false;

  std::optional<Source> source_;
  bool heard_ = false;      // since our last report
  uint32_t last_sr_ = 0;    // middle of its NTP time; 0: none
  int64_t last_sr_us_ = 0;  // when it came
  uint64_t last_report_ntp_ = 0;
  int64_t last_report_us_ = 0;

  std::optional<Remote> remote_;
};

}  // namespace wsbridge
