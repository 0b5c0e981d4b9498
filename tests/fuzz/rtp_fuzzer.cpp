// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Datagrams at an RTP port: a byte with the length of each, then it. What is parsed lies within
// the datagram; whatever came, our own reports are RTCP.
#include <cstdint>
#include <span>
#include <vector>

#include "FuzzCheck.hpp"
#include "FuzzInput.hpp"
#include "common/RtpHeader.hpp"
#include "rtp/RtcpSession.hpp"
#include "wire/Rtp.hpp"

namespace {

using fuzz::require;
using wsbridge::RtcpSession;

constexpr int64_t kRealUs = 1'700'000'000'000'000;
constexpr size_t kMostReport = 1200;

void checkReport(std::span<const uint8_t> report) {
  require(wsbridge::common::isRtcp(report), "a report is RTCP");
  require(report.size() <= kMostReport, "a report fits into a datagram");
  bool first = true;
  while (!report.empty()) {
    require(report.size() >= 4 && report[0] >> 6 == 2, "a part of a report has a header");
    const size_t size = 4 * (1 + static_cast<size_t>(report[2] << 8 | report[3]));
    require(size <= report.size(), "a part of a report lies within it");
    require(!first || report[1] == 200 || report[1] == 201, "a report begins with SR or RR");
    first = false;
    report = report.subspan(size);
  }
}

void take(RtcpSession& session, std::span<const uint8_t> packet, int64_t now_us) {
  if (wsbridge::common::isRtcp(packet)) session.takeReport(packet, now_us);
  const auto rtp = wsbridge::common::parseRtpPacket(packet);
  if (!rtp) return;
  require(rtp->header.type >= 0 && rtp->header.type < 128, "a payload type has seven bits");
  require(rtp->payload.data() >= packet.data() + 12 &&
              rtp->payload.data() + rtp->payload.size() <= packet.data() + packet.size(),
          "a payload lies within its packet");
  const bool ours = session.isOurs(packet);
  require(session.received(packet, now_us) != ours, "a packet with our SSRC is nobody's");
}

/// Buffers are wanted, no plugins.
bool initialise() {
  g_setenv("GST_REGISTRY_UPDATE", "no", TRUE);
  g_setenv("GST_PLUGIN_SYSTEM_PATH_1_0", "", TRUE);
  gst_init(nullptr, nullptr);
  return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  [[maybe_unused]] static const bool ready = initialise();
  fuzz::Input input(data, size);
  const unsigned flags = input.byte();
  RtcpSession session((flags & 1U) != 0 ? 16000 : 8000, 4711);
  RtcpSession other(8000, 4712);
  int64_t now_us = 1'000'000;
  if ((flags & 2U) != 0) {
    const uint32_t ssrc = session.ssrc();
    std::vector<uint8_t> header(wire::kRtpHeaderBytes);
    wire::writeRtp(header.data(), {.sequence = 7, .timestamp = 256, .ssrc = ssrc});
    session.sent(header, 160, now_us);
  }
  while (!input.empty()) {
    const size_t length = input.byte();
    // Memory of exactly that size, for AddressSanitizer to guard.
    const auto part = input.take(length);
    const std::vector<uint8_t> packet(part.begin(), part.end());
    take(session, packet, now_us);
    now_us += 20'000;
    if (const auto& remote = session.remote()) {
      require(remote->round_trip_us >= -1, "a round trip takes time");
      require(remote->jitter_us >= 0, "jitter is not negative");
    }
    if (length % 5 != 0) continue;
    const std::vector<uint8_t> report = session.report(now_us, kRealUs + now_us, length % 10 == 0);
    checkReport(report);
    other.takeReport(report, now_us);
    require(session.nextIntervalUs() > 0, "reports have a distance");
  }
  checkReport(session.report(now_us, kRealUs + now_us, true));
  return 0;
}
