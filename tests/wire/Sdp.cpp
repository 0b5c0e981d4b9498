// SPDX-License-Identifier: LGPL-2.1-or-later
#include "Sdp.hpp"

#include <arpa/inet.h>

#include "Text.hpp"

namespace wire {
namespace {

constexpr std::string_view kEvent = "telephone-event";
constexpr int kEventType = 101;

}  // namespace

std::string SdpMedia::encoding(int payloadType) const {
  for (const auto& [number, name] : maps) {
    if (number == payloadType) return name;
  }
  return payloadType == 0 ? "PCMU/8000" : payloadType == 8 ? "PCMA/8000" : "";
}

int SdpMedia::payloadTypeOf(std::string_view wanted) const {
  for (const int number : payloadTypes) {
    if (sameText(encoding(number).substr(0, wanted.size()), wanted)) return number;
  }
  return -1;
}

std::string SdpMedia::text() const {
  std::string sdp =
      "v=0\r\no=- 1 1 IN IP4 " + address + "\r\ns=-\r\nc=IN IP4 " + address + "\r\nt=0 0\r\n";
  sdp += "m=audio " + std::to_string(port) + " RTP/AVP";
  for (const int type : payloadTypes)
    sdp += " " + std::to_string(type);
  sdp += "\r\n";
  for (const auto& [type, name] : maps) {
    sdp += "a=rtpmap:" + std::to_string(type) + " " + name + "\r\n";
    if (name.starts_with(kEvent)) sdp += "a=fmtp:" + std::to_string(type) + " 0-15\r\n";
  }
  if (ptime > 0) sdp += "a=ptime:" + std::to_string(ptime) + "\r\n";
  if (!direction.empty()) sdp += "a=" + direction + "\r\n";
  return sdp;
}

std::optional<SdpMedia> parseSdp(std::string_view text) {
  SdpMedia media;
  bool session = true, here = false, found = false;
  while (!text.empty()) {
    const std::string_view line = nextLine(text);
    if (line.starts_with("m=")) {
      session = false;
      here = !found && line.starts_with("m=audio ");
      if (!here) continue;
      found = true;
      std::string_view words = line.substr(8);
      media.port = toNumber(nextWord(words));
      nextWord(words);  // the protocol
      while (!words.empty())
        media.payloadTypes.push_back(toNumber(nextWord(words)));
    }
    if (!session && !here) continue;
    if (line.starts_with("c=IN IP4 ")) media.address = line.substr(9);
    if (line.starts_with("a=ptime:")) media.ptime = toNumber(line.substr(8));
    if (line.starts_with("a=rtpmap:")) {
      std::string_view words = line.substr(9);
      const int type = toNumber(nextWord(words));
      media.maps.emplace_back(type, nextWord(words));
    }
    for (const std::string_view direction : {"sendrecv", "sendonly", "recvonly", "inactive"}) {
      if (line.starts_with("a=") && line.substr(2) == direction) media.direction = direction;
    }
  }
  if (!found) return std::nullopt;
  return media;
}

int offeredPayloadType(std::string_view encoding) {
  if (encoding == "PCMU") return 0;
  if (encoding == "PCMA") return 8;
  if (encoding == "L16/16000") return 96;
  if (encoding == "L16/8000") return 97;
  if (encoding == kEvent) return kEventType;
  if (encoding == "telephone-event/16000") return 102;
  return 118;
}

std::string makeSdp(int port, const std::vector<std::string>& encodings, int ptime,
                    const std::string& direction) {
  SdpMedia media{.address = "127.0.0.1", .port = port, .direction = direction, .ptime = ptime};
  for (const std::string& encoding : encodings) {
    const int type = offeredPayloadType(encoding);
    const bool whole = encoding.find('/') != std::string::npos;
    media.payloadTypes.push_back(type);
    media.maps.emplace_back(type, encoding + (whole ? "" : "/8000"));
  }
  return media.text();
}

std::string makeOffer(std::string_view address, int port, int payloadType, std::string_view rtpmap,
                      int ptime, int eventRate) {
  SdpMedia media{.address = std::string(address),
                 .port = port,
                 .payloadTypes = {payloadType},
                 .maps = {{payloadType, std::string(rtpmap)}},
                 .direction = "sendrecv",
                 .ptime = ptime};
  if (eventRate > 0) {
    media.payloadTypes.push_back(kEventType);
    media.maps.emplace_back(kEventType, std::string(kEvent) + "/" + std::to_string(eventRate));
  }
  return media.text();
}

SdpAnswer parseAnswer(std::string_view sdp, std::string_view rtpmap, int payloadType) {
  SdpAnswer answer;
  const auto media = parseSdp(sdp);
  if (!media) return answer;
  for (const int type : media->payloadTypes) {
    const std::string name = media->encoding(type);
    // What has no name is ours when the number is ours.
    if (sameText(name, rtpmap) || sameText(name, std::string(rtpmap) + "/1") ||
        (name.empty() && type == payloadType))
      answer.payloadType = type;
  }
  answer.eventPayloadType = media->payloadTypeOf("telephone-event/");
  answer.rtp.sin_family = AF_INET;
  answer.rtp.sin_port = htons(static_cast<uint16_t>(media->port));
  answer.usable = media->port > 0 && media->port < 65536 && answer.payloadType >= 0 &&
                  inet_pton(AF_INET, media->address.c_str(), &answer.rtp.sin_addr) == 1;
  return answer;
}

}  // namespace wire
