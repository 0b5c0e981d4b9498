// SPDX-License-Identifier: LGPL-2.1-or-later
#include "SipMessage.hpp"

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <cstdlib>
#include <sstream>

#include <strings.h>

namespace testsupport {
namespace {

std::string trim(const std::string& text) {
  const size_t first = text.find_first_not_of(" \t\r");
  if (first == std::string::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

std::string longName(const std::string& name) {
  static const std::pair<const char*, const char*> kCompact[] = {
      {"v", "Via"},     {"f", "From"},           {"t", "To"},           {"i", "Call-ID"},
      {"m", "Contact"}, {"l", "Content-Length"}, {"c", "Content-Type"}, {"k", "Supported"}};
  for (const auto& [compact, full] : kCompact) {
    if (strcasecmp(name.c_str(), compact) == 0) return full;
  }
  return name;
}

SipMessage parseHead(const std::string& head) {
  SipMessage message;
  std::istringstream lines(head);
  std::string line;
  std::getline(lines, line);
  line = trim(line);
  if (line.rfind("SIP/2.0 ", 0) == 0) {
    message.status = std::atoi(line.c_str() + 8);
    message.phrase = line.size() > 12 ? line.substr(12) : std::string();
  } else {
    std::istringstream words(line);
    words >> message.method >> message.requestUri;
  }
  while (std::getline(lines, line)) {
    const size_t colon = line.find(':');
    if (colon == std::string::npos) continue;
    message.headers.emplace_back(longName(trim(line.substr(0, colon))),
                                 trim(line.substr(colon + 1)));
  }
  if (message.status != 0) {
    const std::string cseq = message.header("CSeq");
    message.method = trim(cseq.substr(std::min(cseq.find(' '), cseq.size())));
  }
  return message;
}

}  // namespace

std::string SipMessage::header(const std::string& name) const {
  for (const auto& [key, value] : headers) {
    if (strcasecmp(key.c_str(), name.c_str()) == 0) return value;
  }
  return {};
}

std::vector<std::string> SipMessage::all(const std::string& name) const {
  std::vector<std::string> values;
  for (const auto& [key, value] : headers) {
    if (strcasecmp(key.c_str(), name.c_str()) == 0) values.push_back(value);
  }
  return values;
}

unsigned SipMessage::cseq() const {
  return static_cast<unsigned>(std::strtoul(header("CSeq").c_str(), nullptr, 10));
}

std::string SipMessage::toTag() const {
  return headerParameter(header("To"), "tag");
}
std::string SipMessage::fromTag() const {
  return headerParameter(header("From"), "tag");
}

std::string headerParameter(const std::string& value, const std::string& name) {
  // Parameters of the URI stand inside the angle brackets; those of the header behind them.
  size_t at = value.find('>');
  at = value.find(';', at == std::string::npos ? 0 : at);
  while (at != std::string::npos) {
    const size_t end = value.find(';', at + 1);
    const std::string parameter =
        trim(value.substr(at + 1, end == std::string::npos ? end : end - at - 1));
    const size_t equals = parameter.find('=');
    if (strcasecmp(parameter.substr(0, equals).c_str(), name.c_str()) == 0) {
      return equals == std::string::npos ? std::string() : parameter.substr(equals + 1);
    }
    at = end;
  }
  return {};
}

std::string addressUri(const std::string& value) {
  const size_t open = value.find('<');
  if (open == std::string::npos) return value.substr(0, value.find(';'));
  return value.substr(open + 1, value.find('>', open) - open - 1);
}

std::optional<SipMessage> takeSipMessage(std::string& bytes) {
  while (bytes.rfind("\r\n", 0) == 0)
    bytes.erase(0, 2);  // keep-alive
  const size_t end = bytes.find("\r\n\r\n");
  if (end == std::string::npos) return std::nullopt;
  SipMessage message = parseHead(bytes.substr(0, end));
  const size_t length = std::strtoul(message.header("Content-Length").c_str(), nullptr, 10);
  if (bytes.size() < end + 4 + length) return std::nullopt;
  message.body = bytes.substr(end + 4, length);
  message.at = Clock::now();
  bytes.erase(0, end + 4 + length);
  return message;
}

std::string percentEncode(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_' || c == '.' ||
        c == '~') {
      out.push_back(c);
    } else {
      char escape[4];
      std::snprintf(escape, sizeof escape, "%%%02X",
                    static_cast<unsigned>(static_cast<unsigned char>(c)));
      out += escape;
    }
  }
  return out;
}

std::string SdpMedia::encoding(int payloadType) const {
  for (const auto& [number, name] : maps) {
    if (number == payloadType) return name;
  }
  return payloadType == 0 ? "PCMU/8000" : payloadType == 8 ? "PCMA/8000" : std::string();
}

int SdpMedia::payloadTypeOf(const std::string& wanted) const {
  for (const int number : payloadTypes) {
    const std::string name = encoding(number);
    if (strncasecmp(name.c_str(), wanted.c_str(), wanted.size()) == 0) return number;
  }
  return -1;
}

std::optional<SdpMedia> parseSdp(const std::string& text) {
  SdpMedia media;
  bool audio = false;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    line = trim(line);
    std::istringstream words(line.size() > 2 ? line.substr(2) : std::string());
    std::string word;
    if (line.rfind("c=IN IP4 ", 0) == 0) media.address = line.substr(9);
    if (line.rfind("m=audio ", 0) == 0) {
      audio = true;
      words >> word >> media.port >> word;
      for (int number = 0; words >> number;)
        media.payloadTypes.push_back(number);
    }
    if (line.rfind("a=rtpmap:", 0) == 0) {
      std::istringstream map(line.substr(9));
      int number = 0;
      map >> number >> word;
      media.maps.emplace_back(number, word);
    }
    if (line.rfind("a=ptime:", 0) == 0) media.ptime = std::atoi(line.c_str() + 8);
    for (const char* direction : {"sendrecv", "sendonly", "recvonly", "inactive"}) {
      if (line == std::string("a=") + direction) media.direction = direction;
    }
  }
  if (!audio) return std::nullopt;
  return media;
}

int offeredPayloadType(const std::string& encoding) {
  if (encoding == "PCMU") return 0;
  if (encoding == "PCMA") return 8;
  if (encoding == "L16/16000") return 96;
  if (encoding == "L16/8000") return 97;
  if (encoding == "telephone-event") return 101;
  if (encoding == "telephone-event/16000") return 102;
  return 118;
}

std::string makeSdp(int port, const std::vector<std::string>& encodings, int ptime,
                    const std::string& direction) {
  std::string list;
  std::string maps;
  for (const auto& encoding : encodings) {
    const std::string number = std::to_string(offeredPayloadType(encoding));
    list.append(" ").append(number);
    const bool short8k = encoding.find('/') == std::string::npos;
    maps.append("a=rtpmap:")
        .append(number)
        .append(" ")
        .append(encoding)
        .append(short8k ? "/8000\r\n" : "\r\n");
    if (encoding.rfind("telephone-event", 0) == 0)
      maps.append("a=fmtp:").append(number).append(" 0-15\r\n");
  }
  std::string sdp =
      "v=0\r\no=tester 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio " +
      std::to_string(port) + " RTP/AVP" + list + "\r\n" + maps;
  if (ptime > 0) sdp += "a=ptime:" + std::to_string(ptime) + "\r\n";
  if (!direction.empty()) sdp += "a=" + direction + "\r\n";
  return sdp;
}

}  // namespace testsupport
