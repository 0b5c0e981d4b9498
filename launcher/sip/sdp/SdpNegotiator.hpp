// SPDX-License-Identifier: LGPL-2.1-or-later
// Offer and answer (RFC 3264) for one audio stream of a call, in two steps: agree (a description of
// the other side to an Agreement), then write (an Agreement to a description of ours). The first
// reads a text once; the second has nothing but the Agreement. Pure: texts and values in and out.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/Codec.hpp"
#include "base/Result.hpp"
#include "sip/sdp/Sdp.hpp"

namespace launcher {

/// Our side: what does not change during a call, but for the version.
struct LocalMedia {
  std::string address;  ///< as written into the SDP
  std::uint16_t port = 0;
  std::vector<const Codec*> codecs;  ///< preferred first
  int ptime = 20;                    ///< ms, when the offer names none
  std::uint64_t sessionId = 0;
  std::uint64_t version = 0;
};

/// What both sides agreed on, and the shape of the offer that our description has to keep.
struct Agreement {
  const Codec* codec = nullptr;
  int payloadType = 0;
  int eventPayloadType = -1;  ///< telephone-event, -1 without
  int eventRate = 8000;
  int ptime = 20;  ///< ms, of what we send
  bool rtcpMux = false;
  Direction direction = Direction::SendRecv;  ///< ours
  std::string remoteAddress;
  std::uint16_t remotePort = 0;
  std::uint16_t remoteRtcpPort = 0;
  std::string protocol = "RTP/AVP";
  // Our media lines that refuse those of the offer, each with its end: RFC 3264 section 6.
  std::string refusedBefore;
  std::string refusedBehind;

  [[nodiscard]] bool sends() const {
    return direction == Direction::SendRecv || direction == Direction::SendOnly;
  }
  bool operator==(const Agreement&) const = default;
};

enum class SdpFault { Invalid, NoCommonCodec };

/// To an offer. `current` is the running agreement of a call: its codec and payload types must go
/// on. Of `local` only the codecs and the packet time count.
Result<Agreement, SdpFault> agreeToOffer(const std::string& offer, const LocalMedia& local,
                                         const Agreement* current = nullptr);
/// To the other side's answer to `makeOffer(local)`.
Result<Agreement, SdpFault> agreeToAnswer(const std::string& answer, const LocalMedia& local);

/// Our offer, with the codecs of `local`.
[[nodiscard]] std::string makeOffer(const LocalMedia& local);
/// Our answer to the offer that was agreed to, or the running agreement as a fresh offer.
[[nodiscard]] std::string describeAgreement(const Agreement& agreement, const LocalMedia& local);
/// The same behind `last`, an earlier description: the version goes up when they differ.
[[nodiscard]] std::string describeAnew(const Agreement& agreement, LocalMedia& local,
                                       const std::string& last);

}  // namespace launcher
