// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Session descriptions: as an offer, as a second offer of a call that stands, as an answer. What we
// answer has a line for each of the offer's and is a description for our reader and for another
// one.
#include <cstdint>
#include <optional>
#include <string>

#include <sofia-sip/sdp.h>
#include <sofia-sip/su_alloc.h>

#include "FuzzCheck.hpp"
#include "FuzzInput.hpp"
#include "sip/sdp/SdpNegotiator.hpp"

namespace {

using fuzz::require;
using namespace launcher;

LocalMedia local() {
  LocalMedia media;
  media.address = "198.51.100.7";
  media.port = 20000;
  for (const char* name : {"L16/16000", "PCMU", "PCMA", "L16/8000"})
    media.codecs.push_back(findCodec(name));
  media.sessionId = 7;
  media.version = 1;
  return media;
}

void checkLines(const std::string& sdp) {
  require(sdp.starts_with("v=0\r\n") && sdp.ends_with("\r\n"), "a description has lines");
  size_t at = 0;
  while (at < sdp.size()) {
    const size_t end = sdp.find("\r\n", at);
    const std::string line = sdp.substr(at, end - at);
    require(line.size() > 2 && line[1] == '=', "a line has a letter and a value");
    require(line.find_first_of(std::string_view("\r\n\0", 3)) == std::string::npos,
            "a line is one");
    at = end + 2;
  }
}

/// Sofia-SIP's reader.
bool isForAnotherReader(const std::string& sdp) {
  su_home_t home[1] = {SU_HOME_INIT(home)};
  su_home_init(home);
  sdp_parser_t* parser = sdp_parse(home, sdp.data(), static_cast<issize_t>(sdp.size()), 0);
  const bool fine = sdp_session(parser) != nullptr;
  sdp_parser_free(parser);
  su_home_deinit(home);
  return fine;
}

void checkAgreement(const Agreement& agreement) {
  require(agreement.codec != nullptr, "there is a codec");
  require(agreement.payloadType >= 0 && agreement.payloadType < 128, "a payload type is one");
  require(agreement.eventPayloadType >= -1 && agreement.eventPayloadType < 128,
          "a payload type is one");
  require(agreement.eventPayloadType != agreement.payloadType, "keys have a type of their own");
  require(agreement.ptime >= 10 && agreement.ptime <= 60, "packets have a length");
  require(!fuzz::hasControl(agreement.remoteAddress), "an address is one word");
}

std::optional<Agreement> offer(const std::string& text, const Agreement* current) {
  const auto agreed = agreeToOffer(text, local(), current);
  if (!agreed) return std::nullopt;
  const std::string answer = describeAgreement(*agreed, local());
  checkAgreement(*agreed);
  checkLines(answer);
  const auto offered = parseSdp(text);
  const auto answered = parseSdp(answer);
  require(offered && answered, "offer and answer are read again");
  require(offered->media.size() == answered->media.size(), "a line answers each of the offer's");
  size_t taken = 0;
  for (size_t i = 0; i < answered->media.size(); ++i) {
    require(answered->media[i].type == offered->media[i].type, "a line answers its own");
    taken += answered->media[i].port != 0 ? 1 : 0;
  }
  require(taken == 1, "one line is taken");
  // A refused line repeats what the offer has there, whatever that is.
  require(!isForAnotherReader(text) || isForAnotherReader(answer),
          "who reads the offer reads what we write");
  if (current) require(agreed->codec == current->codec, "the codec goes on");
  return *agreed;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(data, data + size);
  if (const auto agreement = offer(text, nullptr)) {
    const auto again = offer(text, &*agreement);
    require(again && again->payloadType == agreement->payloadType, "a refresh changes nothing");
  }
  if (const auto agreement = agreeToAnswer(text, local())) {
    checkAgreement(*agreement);
    const std::string own = describeAgreement(*agreement, local());
    checkLines(own);
    require(parseSdp(own).has_value(), "a description of ours is read");
    require(isForAnotherReader(own), "what we write is a description for another reader");
  }
  return 0;
}
