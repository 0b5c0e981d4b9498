// SPDX-License-Identifier: LGPL-2.1-or-later
#include "sip/sdp/Sdp.hpp"

#include <algorithm>
#include <cstring>
#include <string_view>

#include "base/Text.hpp"
#include "common/CodecInfo.hpp"

namespace launcher {

namespace {

constexpr std::size_t kMaxSize = 16384;
constexpr std::size_t kMaxMedia = 32;
constexpr std::size_t kMaxFormats = 128;

/// What a=… and c=… say, at session level as the default of the media levels.
struct Level {
  std::string address;
  bool ipv6 = false;
  Direction direction = Direction::SendRecv;
};

/// An address, or what may stand in a media line and goes back in one that is refused.
/// RFC 4566 9; with `also` as a further character.
bool isToken(std::string_view word, char also) {
  return !word.empty() && std::all_of(word.begin(), word.end(), [also](char c) {
    return c > ' ' && c < 0x7f && (c == also || !std::strchr("\"(),/:;<=>?@[\\]", c));
  });
}

bool isWord(std::string_view word) {
  return std::all_of(word.begin(), word.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

bool parseConnection(std::string_view value, Level& level) {
  const auto words = text::splitList(value, " ");
  if (words.size() < 3 || words[0] != "IN") return false;
  level.ipv6 = words[1] == "IP6";
  level.address = words[2].substr(0, words[2].find('/'));
  return isWord(level.address) && (level.ipv6 || words[1] == "IP4");
}

bool parseDirection(std::string_view name, Direction& direction) {
  for (const Direction candidate :
       {Direction::SendRecv, Direction::SendOnly, Direction::RecvOnly, Direction::Inactive}) {
    if (name == directionName(candidate)) {
      direction = candidate;
      return true;
    }
  }
  return false;
}

std::optional<int> number(std::string_view value, int low, int high) {
  const auto parsed = text::parseInteger(value);
  if (!parsed || *parsed < low || *parsed > high) return std::nullopt;
  return static_cast<int>(*parsed);
}

SdpFormat staticFormat(int payloadType) {
  for (const wsbridge::common::CodecInfo& row : wsbridge::common::kCodecs) {
    if (row.static_payload == payloadType) return {payloadType, row.name, 8000, 1, {}};
  }
  return {payloadType, {}, 0, 1, {}};
}

SdpFormat* formatOf(SdpMedia& media, std::string_view word) {
  const auto type = number(word, 0, 127);
  if (!type) return nullptr;
  for (SdpFormat& format : media.audio) {
    if (format.payloadType == *type) return &format;
  }
  return nullptr;
}

bool parseMedia(std::string_view value, const Level& session, SdpMedia& media) {
  const auto words = text::splitList(value, " ");
  if (words.size() < 4 || words.size() > kMaxFormats) return false;
  if (!std::all_of(words.begin(), words.end(), isWord)) return false;
  // They are repeated in our answer.
  if (!isToken(words[0], '-') || !isToken(words[2], '/')) return false;
  const auto isFormat = [](const std::string& word) { return isToken(word, '-'); };
  if (!std::all_of(words.begin() + 3, words.end(), isFormat)) return false;
  const auto port = number(std::string_view(words[1]).substr(0, words[1].find('/')), 0, 65535);
  if (!port) return false;
  media.type = words[0];
  media.port = static_cast<std::uint16_t>(*port);
  media.rtcpPort = static_cast<std::uint16_t>(*port + 1);
  media.protocol = words[2];
  media.address = session.address;
  media.ipv6 = session.ipv6;
  media.direction = session.direction;
  for (std::size_t i = 3; i < words.size(); ++i) {
    media.formats += (i > 3 ? " " : "") + words[i];
    const auto type = number(words[i], 0, 127);
    // One that stands there twice is one, or what its rtpmap says would hold for half of it.
    if (type && !formatOf(media, words[i])) media.audio.push_back(staticFormat(*type));
  }
  return true;
}

void parseRtpmap(std::string_view value, SdpMedia& media) {
  const std::size_t space = value.find(' ');
  if (space == std::string_view::npos) return;
  SdpFormat* format = formatOf(media, value.substr(0, space));
  if (!format) return;
  const auto parts = text::splitList(value.substr(space + 1), "/");
  if (parts.size() < 2) return;
  format->encoding = parts[0];
  format->rate = number(parts[1], 1, 1000000).value_or(0);
  format->channels = parts.size() > 2 ? number(parts[2], 1, 255).value_or(0) : 1;
}

void parseAttribute(std::string_view line, SdpMedia& media) {
  const std::size_t colon = line.find(':');
  const std::string_view name = line.substr(0, colon);
  const std::string value =
      colon == std::string_view::npos ? "" : text::trim(line.substr(colon + 1));
  if (name == "rtpmap") {
    parseRtpmap(value, media);
  } else if (name == "fmtp") {
    const std::size_t space = value.find(' ');
    SdpFormat* format = formatOf(media, std::string_view(value).substr(0, space));
    if (format && space != std::string::npos) format->fmtp = value.substr(space + 1);
  } else if (name == "ptime") {
    media.ptime = number(value, 1, 1000).value_or(0);
  } else if (name == "maxptime") {
    media.maxPtime = number(value, 1, 1000).value_or(0);
  } else if (name == "rtcp-mux") {
    media.rtcpMux = true;
  } else if (name == "rtcp") {
    const auto port = number(std::string_view(value).substr(0, value.find(' ')), 1, 65535);
    if (port) media.rtcpPort = static_cast<std::uint16_t>(*port);
  } else {
    parseDirection(name, media.direction);
  }
}

}  // namespace

const char* directionName(Direction direction) {
  switch (direction) {
    case Direction::SendRecv:
      return "sendrecv";
    case Direction::SendOnly:
      return "sendonly";
    case Direction::RecvOnly:
      return "recvonly";
    case Direction::Inactive:
      return "inactive";
  }
  return "sendrecv";
}

Direction mirrored(Direction direction) {
  if (direction == Direction::SendOnly) return Direction::RecvOnly;
  if (direction == Direction::RecvOnly) return Direction::SendOnly;
  return direction;
}

std::optional<Sdp> parseSdp(const std::string& text) {
  if (text.size() > kMaxSize || text.find('\0') != std::string::npos) return std::nullopt;
  Sdp sdp;
  Level session;
  bool first = true;
  for (const std::string& line : text::splitList(text, "\r\n")) {
    if (line.size() < 2 || line[1] != '=') return std::nullopt;
    const std::string_view value = std::string_view(line).substr(2);
    if (first && line != "v=0") return std::nullopt;
    first = false;
    SdpMedia* media = sdp.media.empty() ? nullptr : &sdp.media.back();
    if (line[0] == 'o') {
      if (text::splitList(value, " ").size() < 6) return std::nullopt;
    } else if (line[0] == 'c') {
      Level level = session;
      if (!parseConnection(value, level)) return std::nullopt;
      if (!media) {
        session = level;
      } else {
        media->address = level.address;
        media->ipv6 = level.ipv6;
      }
    } else if (line[0] == 'm') {
      if (sdp.media.size() >= kMaxMedia) return std::nullopt;
      SdpMedia next;
      if (!parseMedia(value, session, next)) return std::nullopt;
      sdp.media.push_back(std::move(next));
    } else if (line[0] == 'a') {
      if (media) {
        parseAttribute(value, *media);
      } else {
        parseDirection(value, session.direction);
      }
    }
  }
  if (first) return std::nullopt;
  return sdp;
}

}  // namespace launcher
