// SPDX-License-Identifier: LGPL-2.1-or-later
// Reader of session descriptions, as far as an audio gateway needs them. Pure: untrusted text in,
// values out; unknown lines are skipped, broken ones refused.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace launcher {

enum class Direction { SendRecv, SendOnly, RecvOnly, Inactive };

struct SdpFormat {
  int payloadType = -1;
  std::string encoding;  ///< empty when neither rtpmap nor RFC 3551 name it
  int rate = 0;
  int channels = 1;
  std::string fmtp;
};

struct SdpMedia {
  std::string type;  ///< audio, video, …
  std::uint16_t port = 0;
  std::string protocol;  ///< RTP/AVP, …
  std::string formats;   ///< as written, for the echo in a refused line
  std::vector<SdpFormat> audio;
  std::string address;  ///< of the media or the session
  bool ipv6 = false;
  Direction direction = Direction::SendRecv;
  int ptime = 0;     ///< ms, 0 when not given
  int maxPtime = 0;  ///< ms, 0 when not given
  bool rtcpMux = false;
  std::uint16_t rtcpPort = 0;  ///< port + 1 unless a=rtcp says otherwise
};

struct Sdp {
  std::vector<SdpMedia> media;
};

[[nodiscard]] std::optional<Sdp> parseSdp(const std::string& text);

[[nodiscard]] const char* directionName(Direction direction);
/// What the other side of it sees: sendonly <-> recvonly.
[[nodiscard]] Direction mirrored(Direction direction);

}  // namespace launcher
