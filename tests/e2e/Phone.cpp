// SPDX-License-Identifier: LGPL-2.1-or-later
#include "Phone.hpp"

namespace e2e {

Phone::Phone(const Gateway& gateway, const Options& options)
    : options_(options),
      sip_({.port = options.tcp ? gateway.tcpPort() : gateway.udpPort(),
            .tcp = options.tcp,
            .user = options.user,
            .autoAck = options.autoAck && !options.offerless,
            .allow = options.allow}) {}

Phone::~Phone() {
  if (up_ && !sip_.waitRequest("BYE", 0ms)) sip_.sendBye();
}

std::string Phone::offer() const {
  std::string sdp = makeSdp(rtp_.port(), options_.codecs, options_.ptime);
  if (!options_.connection.empty()) {
    const size_t at = sdp.find("c=") + 2;
    sdp.replace(at, sdp.find('\r', at) - at, options_.connection);
  }
  return sdp;
}

void Phone::dial(const std::string& uri, SipHeaders headers) {
  if (!uri.empty()) headers.emplace_back(kUriHeader, percentEncode(uri));
  SipCaller::Invite invite{.headers = std::move(headers), .sdp = std::nullopt, .requestUri = {}};
  if (!options_.offerless) invite.sdp = offer();
  sip_.invite(invite);
}

void Phone::adopt(const SdpMedia& answer) {
  answer_ = answer;
  const int number = answer.payloadTypes.empty() ? -1 : answer.payloadTypes.front();
  codec_ = answer.encoding(number);
  if (codec_.rfind("PCM", 0) == 0) codec_ = codec_.substr(0, 4);
  const int events = answer.payloadTypeOf("telephone-event");
  rtp_.setFormat(codec_, number, events < 0 ? 101 : events, options_.ptime);
  rtp_.setRemote(answer.address, answer.port);
}

int Phone::waitAnswer(Millis limit) {
  const auto final = sip_.waitFinal(limit);
  if (!final) return 0;
  if (final->status == 200) {
    up_ = true;
    if (const auto sdp = parseSdp(final->body)) adopt(*sdp);
  }
  return final->status;
}

bool Phone::hangUp(Millis limit) {
  up_ = false;
  const auto answer = sip_.bye(limit);
  return answer && answer->status == 200;
}

}  // namespace e2e
