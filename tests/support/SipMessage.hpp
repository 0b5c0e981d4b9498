// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "Waiting.hpp"

// SIP messages as text, just enough for a test caller. Pure: values in, values out.
namespace testsupport {

using SipHeaders = std::vector<std::pair<std::string, std::string>>;

struct SipMessage {
  int status = 0;      // of a response
  std::string phrase;  // of a response
  std::string method;  // of a request, or from the CSeq of a response
  std::string requestUri;
  SipHeaders headers;
  std::string body;
  Clock::time_point at;

  bool isResponse() const { return status != 0; }
  // The value of the first header of that name (compared without case, compact forms included).
  std::string header(const std::string& name) const;
  std::vector<std::string> all(const std::string& name) const;
  unsigned cseq() const;
  std::string toTag() const;
  std::string fromTag() const;
};

// The value of a parameter in a header value (`;tag=…`), empty when it is not there.
std::string headerParameter(const std::string& value, const std::string& name);
// The URI between angle brackets, or the whole value without parameters.
std::string addressUri(const std::string& value);

// Takes one whole message off the front of the bytes; a datagram is one. Empty when more bytes are
// needed.
std::optional<SipMessage> takeSipMessage(std::string& bytes);

std::string percentEncode(const std::string& text);

// The part of a session description that the tests look at.
struct SdpMedia {
  std::string address;
  int port = 0;
  std::vector<int> payloadTypes;
  std::vector<std::pair<int, std::string>> maps;  // a=rtpmap, such as {96, "L16/16000"}
  std::string direction;                          // sendrecv, sendonly, … or empty
  int ptime = 0;

  // The encoding of a payload type, static ones included.
  std::string encoding(int payloadType) const;
  int payloadTypeOf(const std::string& encoding) const;  // -1 when it is not there
};
std::optional<SdpMedia> parseSdp(const std::string& text);

// An audio offer or answer from 127.0.0.1. Encodings are `PCMU`, `PCMA`, `L16/16000`, `L16/8000`,
// `telephone-event`.
std::string makeSdp(int port, const std::vector<std::string>& encodings, int ptime = 20,
                    const std::string& direction = {});
// The payload type that makeSdp() gives an encoding.
int offeredPayloadType(const std::string& encoding);

}  // namespace testsupport
