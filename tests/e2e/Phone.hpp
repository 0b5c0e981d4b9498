// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "Gateway.hpp"
#include "RtpPeer.hpp"
#include "SipCaller.hpp"

namespace e2e {

inline const char* const kUriHeader = "P-wsbridge-websocket-uri";
inline const char* const kHeadersHeader = "P-wsbridge-websocket-headers";
inline const char* const kContentTypeHeader = "P-wsbridge-websocket-content-type";
inline const char* const kDialectHeader = "P-wsbridge-websocket-dialect";
inline const char* const kAuthorizationHeader = "P-wsbridge-websocket-authorization";

// A telephone: signalling and media of one call through a Gateway. Owns its SIP and RTP sockets;
// hangs up when it goes. Used by one thread.
class Phone {
 public:
  struct Options {
    std::vector<std::string> codecs = {"PCMU", "telephone-event"};
    int ptime = 20;
    bool tcp = false;
    bool autoAck = true;
    bool offerless = false;
    std::string user = "bridge";
    std::string connection;  // of c=, such as "IN IP6 ::1"; empty: where its RTP is
    std::string allow = SipCaller::Options().allow;
  };

  explicit Phone(const Gateway& gateway) : Phone(gateway, Options{}) {}
  Phone(const Gateway& gateway, const Options& options);
  ~Phone();
  Phone(const Phone&) = delete;
  Phone& operator=(const Phone&) = delete;

  SipCaller& sip() { return sip_; }
  RtpPeer& rtp() { return rtp_; }
  const std::string& callId() const { return sip_.callId(); }

  // Sends the INVITE; the URI goes percent-encoded into its header. An empty URI leaves the header
  // out.
  void dial(const std::string& uri, SipHeaders headers = {});
  // Waits for the final answer and, when it is 200, points the media at the answer. Returns the
  // status, 0 when none.
  int waitAnswer(Millis limit = 10s);
  int call(const std::string& uri, const SipHeaders& headers = {}, Millis limit = 10s) {
    dial(uri, headers);
    return waitAnswer(limit);
  }
  // BYE; true when it was answered 200.
  bool hangUp(Millis limit = 5s);

  // The encoding that the answer chose, such as PCMU or L16/16000.
  const std::string& codec() const { return codec_; }
  const SdpMedia& answer() const { return answer_; }
  void adopt(const SdpMedia& answer);
  std::string offer() const;

 private:
  Options options_;
  SipCaller sip_;
  RtpPeer rtp_;
  SdpMedia answer_;
  std::string codec_;
  bool up_ = false;
};

}  // namespace e2e
