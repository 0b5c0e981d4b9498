// SPDX-License-Identifier: LGPL-2.1-or-later
#include "SipMessage.hpp"

#include <cstdlib>

#include <arpa/inet.h>

#include "Text.hpp"

namespace bench {
namespace {

std::string_view longName(std::string_view name) {
  if (name.size() != 1) return name;
  switch (name[0] | 0x20) {
    case 'v':
      return "Via";
    case 'f':
      return "From";
    case 't':
      return "To";
    case 'i':
      return "Call-ID";
    case 'm':
      return "Contact";
    case 'l':
      return "Content-Length";
    case 'c':
      return "Content-Type";
    default:
      return name;
  }
}

std::string_view nextLine(std::string_view& text) {
  const size_t end = text.find('\n');
  const std::string_view line = trim(text.substr(0, end));
  text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
  return line;
}

int number(std::string_view text) {
  return std::atoi(std::string(text.substr(0, 10)).c_str());
}

}  // namespace

std::string_view SipMessage::header(std::string_view name) const {
  for (const auto& [key, value] : headers)
    if (sameText(key, name)) return value;
  return {};
}

std::string SipMessage::tag(std::string_view name) const {
  const std::string_view value = header(name);
  const size_t close = value.find('>');
  const size_t at = value.find(";tag=", close == std::string_view::npos ? 0 : close);
  if (at == std::string_view::npos) return "";
  const std::string_view rest = value.substr(at + 5);
  return std::string(rest.substr(0, rest.find_first_of("; \t")));
}

bool parseSip(std::string_view text, SipMessage& message) {
  const size_t split = text.find("\r\n\r\n");
  if (split == std::string_view::npos) return false;
  message = {};
  message.body = text.substr(split + 4);
  std::string_view head = text.substr(0, split);
  const std::string_view start = nextLine(head);
  if (start.starts_with("SIP/2.0 ")) {
    if (start.size() < 11) return false;
    message.status = number(start.substr(8, 3));
    message.reason = trim(start.substr(11));
    if (message.status < 100 || message.status > 699) return false;
  } else {
    const size_t first = start.find(' ');
    const size_t last = start.rfind(' ');
    if (first == std::string_view::npos || last <= first || start.substr(last + 1) != "SIP/2.0")
      return false;
    message.method = start.substr(0, first);
    message.uri = start.substr(first + 1, last - first - 1);
  }
  while (!head.empty()) {
    const std::string_view line = nextLine(head);
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    message.headers.emplace_back(longName(trim(line.substr(0, colon))),
                                 trim(line.substr(colon + 1)));
  }
  const std::string_view sequence = message.header("CSeq");
  const size_t space = sequence.find(' ');
  if (space == std::string_view::npos || message.header("Call-ID").empty()) return false;
  message.sequence = static_cast<unsigned>(number(sequence.substr(0, space)));
  if (message.status != 0) message.method = trim(sequence.substr(space));
  return true;
}

std::string uriOf(std::string_view value) {
  const size_t open = value.find('<');
  if (open == std::string_view::npos) return std::string(trim(value.substr(0, value.find(';'))));
  return std::string(value.substr(open + 1, value.find('>', open) - open - 1));
}

std::string responseTo(const SipMessage& request, int status, std::string_view phrase,
                       std::string_view toTag) {
  std::string out = format("SIP/2.0 %d ", status) + std::string(phrase) + "\r\n";
  for (const auto& [name, value] : request.headers) {
    const bool to = sameText(name, "To");
    if (!to && !sameText(name, "Via") && !sameText(name, "From") && !sameText(name, "Call-ID") &&
        !sameText(name, "CSeq"))
      continue;
    out.append(name).append(": ").append(value);
    if (to && request.tag("To").empty()) out += ";tag=" + std::string(toTag);
    out += "\r\n";
  }
  return out + "Allow: INVITE, ACK, BYE, CANCEL, OPTIONS\r\nContent-Length: 0\r\n\r\n";
}

std::string acceptTo(const SipMessage& request, std::string_view toTag, std::string_view contact,
                     std::string_view sdp) {
  std::string response = responseTo(request, 200, "OK", toTag);
  response.erase(response.find("Content-Length:"));
  response.append("Contact: <").append(contact).append(">\r\nContent-Type: application/sdp\r\n");
  return response + format("Content-Length: %zu\r\n\r\n", sdp.size()) + std::string(sdp);
}

SdpAnswer parseAnswer(std::string_view sdp, std::string_view rtpmap, int payloadType) {
  SdpAnswer answer;
  std::string address;
  int port = 0;
  bool inAudio = false, seenMedia = false;
  while (!sdp.empty()) {
    const std::string_view line = nextLine(sdp);
    if (line.starts_with("m=")) {
      inAudio = line.starts_with("m=audio ") && !seenMedia;
      seenMedia = true;
      if (!inAudio) continue;
      port = number(line.substr(8));
      const size_t formats = line.find("RTP/AVP ");
      if (formats == std::string_view::npos) continue;
      // What is in the list without an rtpmap is a static type, so ours when the number is ours.
      std::string_view list = line.substr(formats + 8);
      while (!list.empty()) {
        const size_t space = list.find(' ');
        if (number(list) == payloadType) answer.payloadType = payloadType;
        list = space == std::string_view::npos ? std::string_view() : trim(list.substr(space));
      }
    } else if (line.starts_with("c=IN IP4 ") && (inAudio || !seenMedia)) {
      address = line.substr(9);
    } else if (inAudio && line.starts_with("a=rtpmap:")) {
      const size_t space = line.find(' ');
      if (space == std::string_view::npos) continue;
      const std::string_view map = line.substr(space + 1);
      const int type = number(line.substr(9));
      if (sameText(map, rtpmap) || sameText(map, std::string(rtpmap) + "/1"))
        answer.payloadType = type;
      if (map.size() > 15 && sameText(map.substr(0, 16), "telephone-event/"))
        answer.eventPayloadType = type;
    }
  }
  answer.rtp.sin_family = AF_INET;
  answer.rtp.sin_port = htons(static_cast<uint16_t>(port));
  answer.usable = port > 0 && port < 65536 && answer.payloadType >= 0 &&
                  inet_pton(AF_INET, address.c_str(), &answer.rtp.sin_addr) == 1;
  return answer;
}

std::string makeOffer(std::string_view address, uint16_t rtpPort, int payloadType,
                      std::string_view rtpmap, int ptime, bool telephoneEvent, int eventRate) {
  const std::string host(address);
  std::string sdp =
      "v=0\r\no=- 1 1 IN IP4 " + host + "\r\ns=-\r\nc=IN IP4 " + host + "\r\nt=0 0\r\n";
  sdp += format("m=audio %u RTP/AVP %d%s\r\n", static_cast<unsigned>(rtpPort), payloadType,
                telephoneEvent ? " 101" : "");
  sdp += format("a=rtpmap:%d ", payloadType) + std::string(rtpmap) + "\r\n";
  if (telephoneEvent)
    sdp += format("a=rtpmap:101 telephone-event/%d\r\na=fmtp:101 0-16\r\n", eventRate);
  return sdp + format("a=ptime:%d\r\na=sendrecv\r\n", ptime);
}

}  // namespace bench
