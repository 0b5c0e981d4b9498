// SPDX-License-Identifier: LGPL-2.1-or-later
#include "sip/sdp/SdpNegotiator.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/Text.hpp"

namespace launcher {

namespace {

constexpr int kLongestPayload = 1400;  ///< bytes, below what an Ethernet frame takes
constexpr int kFirstDynamic = 96;

bool isAudio(const SdpMedia& media) {
  return media.type == "audio" && media.port != 0 &&
         (media.protocol == "RTP/AVP" || media.protocol == "RTP/AVPF");
}

const SdpFormat* find(const SdpMedia& media, const Codec& codec) {
  for (const SdpFormat& format : media.audio) {
    if (format.channels == 1 && format.rate == codec.rate &&
        text::equalsNoCase(format.encoding, codec.encoding)) {
      return &format;
    }
  }
  return nullptr;
}

/// The telephone-event with the codec's clock if there is one, so that its time stamps fit.
const SdpFormat* findEvent(const SdpMedia& media, int rate) {
  const SdpFormat* any = nullptr;
  for (const SdpFormat& format : media.audio) {
    if (!text::equalsNoCase(format.encoding, "telephone-event") || format.rate <= 0) continue;
    if (format.rate == rate) return &format;
    if (!any) any = &format;
  }
  return any;
}

int choosePtime(const SdpMedia& media, const Codec& codec, int preferred) {
  int ptime = media.ptime ? media.ptime : preferred;
  if (media.maxPtime) ptime = std::min(ptime, media.maxPtime);
  const int longest = kLongestPayload * 1000 / (codec.rate * codec.bytesPerSample);
  constexpr int kLongestPtime = 60;  // of wsbridgertpenc
  ptime = std::clamp(ptime, 10, std::min(longest, kLongestPtime));
  return ptime - ptime % 10;
}

bool isNowhere(const std::string& address) {
  return address == "0.0.0.0" || address == "::";
}

void fillRemote(const SdpMedia& media, Agreement& agreement) {
  agreement.remoteAddress = media.address;
  agreement.remotePort = media.port;
  agreement.remoteRtcpPort = media.rtcpMux ? media.port : media.rtcpPort;
  agreement.rtcpMux = media.rtcpMux;
  agreement.direction = mirrored(media.direction);
  // The hold of RFC 2543: nowhere to send to.
  if (isNowhere(media.address)) {
    agreement.direction = agreement.sends() && media.direction == Direction::SendRecv
                              ? Direction::RecvOnly
                              : agreement.direction;
    if (agreement.direction == Direction::SendOnly) agreement.direction = Direction::Inactive;
  }
}

std::optional<Agreement> agree(const SdpMedia& media, const LocalMedia& local,
                               const Agreement* current) {
  if (media.address.empty()) return std::nullopt;
  for (const Codec* codec : local.codecs) {
    if (current && codec != current->codec) continue;
    const SdpFormat* format = find(media, *codec);
    if (!format || (current && format->payloadType != current->payloadType)) continue;
    Agreement agreement;
    agreement.codec = codec;
    agreement.payloadType = format->payloadType;
    if (const SdpFormat* event = findEvent(media, codec->rate)) {
      agreement.eventPayloadType = event->payloadType;
      agreement.eventRate = event->rate;
    }
    agreement.ptime = current ? current->ptime : choosePtime(media, *codec, local.ptime);
    fillRemote(media, agreement);
    // RTCP stays where it is: what is offered in mid-call is not taken (RFC 5761 5.1.1).
    if (current && !current->rtcpMux) agreement.rtcpMux = false;
    return agreement;
  }
  return std::nullopt;
}

std::string head(const LocalMedia& local) {
  const std::string family = local.address.find(':') == std::string::npos ? "IP4 " : "IP6 ";
  return "v=0\r\no=wsbridge " + std::to_string(local.sessionId) + " " +
         std::to_string(local.version) + " IN " + family + local.address +
         "\r\ns=wsbridge\r\nc=IN " + family + local.address + "\r\nt=0 0\r\n";
}

std::string rtpmap(int payloadType, const std::string& encoding, int rate) {
  return "a=rtpmap:" + std::to_string(payloadType) + " " + encoding + "/" + std::to_string(rate) +
         "\r\n";
}

std::string eventLines(int payloadType, int rate) {
  return rtpmap(payloadType, "telephone-event", rate) + "a=fmtp:" + std::to_string(payloadType) +
         " 0-15\r\n";
}

std::string mediaLines(const Agreement& agreement, const LocalMedia& local) {
  const bool events = agreement.eventPayloadType >= 0;
  std::string out = "m=audio " + std::to_string(local.port) + " " + agreement.protocol + " " +
                    std::to_string(agreement.payloadType) +
                    (events ? " " + std::to_string(agreement.eventPayloadType) : "") + "\r\n";
  out += rtpmap(agreement.payloadType, agreement.codec->encoding, agreement.codec->rate);
  if (events) out += eventLines(agreement.eventPayloadType, agreement.eventRate);
  out += "a=ptime:" + std::to_string(agreement.ptime) + "\r\n";
  if (agreement.rtcpMux) out += "a=rtcp-mux\r\n";
  return out + "a=" + directionName(agreement.direction) + "\r\n";
}

/// Payload type of every codec in our offer: the static one, or from 96 in the order of the list.
int offeredType(const LocalMedia& local, const Codec* wanted) {
  int next = kFirstDynamic;
  for (const Codec* codec : local.codecs) {
    const int type = codec->staticPayload >= 0 ? codec->staticPayload : next++;
    if (codec == wanted) return type;
  }
  return -1;
}

}  // namespace

Result<Agreement, SdpFault> agreeToOffer(const std::string& offer, const LocalMedia& local,
                                         const Agreement* current) {
  const auto sdp = parseSdp(offer);
  if (!sdp || sdp->media.empty()) return Failure{SdpFault::Invalid};
  std::optional<Agreement> agreed;
  std::string refused;
  for (const SdpMedia& media : sdp->media) {
    if (!agreed && isAudio(media) && (agreed = agree(media, local, current))) {
      agreed->protocol = media.protocol;
      agreed->refusedBefore = std::exchange(refused, {});
    } else {
      refused += "m=" + media.type + " 0 " + media.protocol + " " + media.formats + "\r\n";
    }
  }
  if (!agreed) return Failure{SdpFault::NoCommonCodec};
  agreed->refusedBehind = refused;
  return *std::move(agreed);
}

std::string makeOffer(const LocalMedia& local) {
  std::string formats;
  std::string lines;
  bool rates[2] = {};
  for (const Codec* codec : local.codecs) {
    const int type = offeredType(local, codec);
    formats += " " + std::to_string(type);
    lines += rtpmap(type, codec->encoding, codec->rate);
    rates[codec->rate == 16000] = true;
  }
  // Events need the clock of the codec they stand in for.
  for (const int wide : {0, 1}) {
    if (!rates[wide]) continue;
    formats += " " + std::to_string(101 + wide);
    lines += eventLines(101 + wide, wide ? 16000 : 8000);
  }
  return head(local) + "m=audio " + std::to_string(local.port) + " RTP/AVP" + formats + "\r\n" +
         lines + "a=ptime:" + std::to_string(local.ptime) + "\r\na=rtcp-mux\r\na=sendrecv\r\n";
}

Result<Agreement, SdpFault> agreeToAnswer(const std::string& answer, const LocalMedia& local) {
  const auto sdp = parseSdp(answer);
  if (!sdp || sdp->media.empty()) return Failure{SdpFault::Invalid};
  const SdpMedia& media = sdp->media.front();
  if (!isAudio(media)) return Failure{SdpFault::NoCommonCodec};
  // The answer's own order counts: its first codec is what the other side wants to talk.
  for (const SdpFormat& format : media.audio) {
    LocalMedia single = local;
    const Codec* codec = findCodec(format.encoding, format.rate);
    if (!codec || std::count(local.codecs.begin(), local.codecs.end(), codec) == 0) continue;
    single.codecs = {codec};
    if (auto agreed = agree(media, single, nullptr)) return *std::move(agreed);
  }
  return Failure{SdpFault::NoCommonCodec};
}

std::string describeAgreement(const Agreement& agreement, const LocalMedia& local) {
  return head(local) + agreement.refusedBefore + mediaLines(agreement, local) +
         agreement.refusedBehind;
}

std::string describeAnew(const Agreement& agreement, LocalMedia& local, const std::string& last) {
  std::string text = describeAgreement(agreement, local);
  if (last.empty() || text == last) return text;
  ++local.version;
  return describeAgreement(agreement, local);
}

}  // namespace launcher
