// SPDX-License-Identifier: LGPL-2.1-or-later
// SIP messages as text (RFC 3261), as much as a caller needs. Pure: no socket, no clock.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <netinet/in.h>

namespace bench {

struct SipMessage {
  int status = 0;      // 0 in a request
  std::string reason;  // phrase of a response
  std::string method;  // of a request; in a response the one of CSeq
  std::string uri;
  unsigned sequence = 0;  // of CSeq
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;

  std::string_view header(std::string_view name) const;  // the first, empty when missing
  std::string tag(std::string_view name) const;          // tag parameter of From or To
};

// False when the text is no SIP message.
bool parseSip(std::string_view text, SipMessage& message);

// The URI inside of <…>, or the whole value without parameters.
std::string uriOf(std::string_view value);

// A response to `request` with its Via, From, To, Call-ID and CSeq; `toTag` is added when To has
// none.
std::string responseTo(const SipMessage& request, int status, std::string_view phrase,
                       std::string_view toTag);

// A 200 with `sdp` as its body.
std::string acceptTo(const SipMessage& request, std::string_view toTag, std::string_view contact,
                     std::string_view sdp);

struct SdpAnswer {
  bool usable = false;
  sockaddr_in rtp{};
  int payloadType = -1;
  int eventPayloadType = -1;  // of telephone-event, −1 when it was not taken
};

// `rtpmap` such as PCMU/8000 is what was offered under `payloadType`.
SdpAnswer parseAnswer(std::string_view sdp, std::string_view rtpmap, int payloadType);

std::string makeOffer(std::string_view address, uint16_t rtpPort, int payloadType,
                      std::string_view rtpmap, int ptime, bool telephoneEvent, int eventRate);

}  // namespace bench
