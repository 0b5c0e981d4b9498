// SPDX-License-Identifier: LGPL-2.1-or-later
// Offer and answer (RFC 3264) for one audio stream of a call. Pure: texts and values in and out.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/Codec.hpp"
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

/// What both sides agreed on.
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

  bool sends() const {
    return direction == Direction::SendRecv || direction == Direction::SendOnly;
  }
  bool operator==(const Agreement&) const = default;
};

enum class SdpFault { Invalid, NoCommonCodec };

struct Answer {
  Agreement agreement;
  std::string sdp;
};

/// To an offer. `current` is the running agreement of a call: its codec and payload types must go
/// on.
std::variant<Answer, SdpFault> answerOffer(const std::string& offer, const LocalMedia& local,
                                           const Agreement* current = nullptr);

/// Our offer, with the codecs of `local`.
std::string makeOffer(const LocalMedia& local);
/// What the other side's answer to `makeOffer(local)` means.
std::variant<Agreement, SdpFault> readAnswer(const std::string& answer, const LocalMedia& local);

/// The running agreement as a fresh offer, for a re-INVITE without one.
std::string describeAgreement(const Agreement& agreement, const LocalMedia& local);

}  // namespace launcher
