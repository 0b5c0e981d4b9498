// SPDX-License-Identifier: LGPL-2.1-or-later
// SIP messages as text (RFC 3261), as much as a caller needs. Pure but for the time at which
// takeSipMessage() took one; any thread.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace wire {

using SipHeaders = std::vector<std::pair<std::string, std::string>>;

struct SipMessage {
  int status = 0;          // 0 in a request
  std::string phrase;      // of a response
  std::string method;      // of a request; in a response the one of CSeq
  std::string requestUri;  // of a request
  SipHeaders headers;      // compact names are written out
  std::string body;
  std::chrono::steady_clock::time_point at;

  bool isResponse() const { return status != 0; }
  // The value of the first header of that name (compared without case), empty when missing.
  const std::string& header(std::string_view name) const;
  std::vector<std::string> all(std::string_view name) const;
  unsigned cseq() const;
  std::string toTag() const;
  std::string fromTag() const;
};

// The value of a parameter in a header value (`;tag=…`), empty when it is not there.
std::string headerParameter(std::string_view value, std::string_view name);
// The URI between angle brackets, or the whole value without parameters.
std::string addressUri(std::string_view value);

// A datagram. False when it is no SIP message, or one without Call-ID or CSeq.
bool parseSip(std::string_view text, SipMessage& message);
// Takes one whole message off the front of the bytes, as broken as its head may be. Empty when more
// bytes are needed.
std::optional<SipMessage> takeSipMessage(std::string& bytes);

struct SipRequest {
  std::string_view method, uri;
  std::string_view via, from, to, callId;  // values of these headers
  unsigned cseq = 1;
  std::string_view headers = {};  // whole lines
  std::string_view body = {};
  std::string_view type = "application/sdp";  // of a body

  std::string text() const;
};

// A response with the Via, Record-Route, From, To, Call-ID and CSeq of `request`, `headers` (whole
// lines) and an SDP. `toTag` is added when To has none and the status is no 100.
std::string responseTo(const SipMessage& request, int status, std::string_view phrase,
                       std::string_view toTag, std::string_view headers = {},
                       std::string_view sdp = {});

}  // namespace wire
