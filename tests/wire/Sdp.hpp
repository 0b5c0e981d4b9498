// SPDX-License-Identifier: LGPL-2.1-or-later
// Session descriptions of one audio stream (RFC 8866), as much as a caller needs. Pure; any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <netinet/in.h>

namespace wire {

struct SdpMedia {
  std::string address;
  int port = 0;
  std::vector<int> payloadTypes;
  std::vector<std::pair<int, std::string>> maps;  // a=rtpmap, such as {96, "L16/16000"}
  std::string direction;                          // sendrecv, sendonly, … or empty
  int ptime = 0;                                  // 0: not named

  // The encoding of a payload type, static ones included; empty when it has no name.
  std::string encoding(int payloadType) const;
  int payloadTypeOf(std::string_view encoding) const;  // -1 when it is not there
  // The whole description.
  std::string text() const;
};

// The first audio stream; empty when there is none.
std::optional<SdpMedia> parseSdp(std::string_view text);

// An audio offer or answer from 127.0.0.1. Encodings are `PCMU`, `PCMA`, `L16/16000`, `L16/8000`,
// `telephone-event`, `telephone-event/16000`.
std::string makeSdp(int port, const std::vector<std::string>& encodings, int ptime = 20,
                    const std::string& direction = {});
// The payload type that makeSdp() gives an encoding.
int offeredPayloadType(std::string_view encoding);

// One encoding such as PCMU/8000, with telephone-event of that rate unless it is 0.
std::string makeOffer(std::string_view address, int port, int payloadType, std::string_view rtpmap,
                      int ptime, int eventRate);

// What an answer took of that.
struct SdpAnswer {
  bool usable = false;
  sockaddr_in rtp{};
  int payloadType = -1;
  int eventPayloadType = -1;  // of telephone-event, −1 when it was not taken
};
SdpAnswer parseAnswer(std::string_view sdp, std::string_view rtpmap, int payloadType);

}  // namespace wire
