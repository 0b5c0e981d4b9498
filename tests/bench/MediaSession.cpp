// SPDX-License-Identifier: LGPL-2.1-or-later
#include "MediaSession.hpp"

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <string_view>

#include <sys/socket.h>

namespace bench {
namespace {

constexpr size_t kMarksKept = 64;
constexpr Nanoseconds kLongestRoundTrip = 390 * kMillisecond;  // below the shortest spacing
constexpr int kEventPackets = 8;
constexpr int kEventRepeats = 3;

FileDescriptor bindUdp(const in_addr& address, uint16_t port, sockaddr_in& bound) {
  FileDescriptor fd(socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  sockaddr_in local{};
  local.sin_family = AF_INET;
  local.sin_addr = address;
  local.sin_port = htons(port);
  if (!fd.valid() || bind(fd.get(), reinterpret_cast<const sockaddr*>(&local), sizeof local) != 0)
    return {};
  const int on = 1;
  setsockopt(fd.get(), SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on);
  socklen_t length = sizeof bound;
  getsockname(fd.get(), reinterpret_cast<sockaddr*>(&bound), &length);
  return fd;
}

int eventCode(char digit) {
  if (digit >= '0' && digit <= '9') return digit - '0';
  const size_t at = std::string_view("*#ABCD").find(digit);
  return at == std::string_view::npos ? -1 : static_cast<int>(10 + at);
}

void put32(uint8_t* at, uint32_t value) {
  for (int i = 0; i < 4; ++i)
    at[i] = static_cast<uint8_t>(value >> (24 - 8 * i));
}

}  // namespace

MediaSession::MediaSession(const MediaSettings& settings, unsigned index)
    : settings_(settings),
      rate_(settings.codec->rate),
      packetSamples_(rate_ * static_cast<uint32_t>(settings.ptime) / 1000),
      random_(settings.seed * 1000003 + index),
      train_(settings.seed * 7919 + index, rate_),
      sentDetector_(rate_),
      receivedDetector_(rate_),
      samples_(packetSamples_),
      statistics_(rate_) {
  ssrc_ = static_cast<uint32_t>(random_());
  sequence_ = static_cast<uint16_t>(random_());
  timestamp_ = static_cast<uint32_t>(random_());
}

std::string MediaSession::open(const in_addr& address) {
  for (int attempt = 0; attempt < 64; ++attempt) {
    sockaddr_in bound{};
    rtp_ = bindUdp(address, 0, bound);
    if (!rtp_.valid()) break;
    rtpPort_ = ntohs(bound.sin_port);
    if (rtpPort_ % 2 != 0 || rtpPort_ == 65534) continue;
    rtcp_ = bindUdp(address, static_cast<uint16_t>(rtpPort_ + 1), bound);
    if (rtcp_.valid()) return "";
  }
  return std::string("no pair of RTP ports: ") + std::strerror(errno);
}

void MediaSession::start(const MediaRemote& remote, Nanoseconds firstSend) {
  remote_ = remote;
  nextSend_ = firstSend_ = firstSend;
  running_ = true;
}

void MediaSession::stop() {
  running_ = false;
  stopped_ = now();
}

Nanoseconds MediaSession::sendDue() {
  const Nanoseconds present = now();
  while (running_ && nextSend_ <= present) {
    sendNext(nextSend_);
    nextSend_ += settings_.ptime * kMillisecond;
  }
  Nanoseconds next = nextSend_;
  for (auto it = delayed_.begin(); it != delayed_.end();) {
    if (it->time <= present) {
      transmit(it->packet);
      it = delayed_.erase(it);
    } else {
      next = std::min(next, it->time);
      ++it;
    }
  }
  return next;
}

void MediaSession::beginPacket(int payloadType, bool marker, uint32_t timestamp) {
  packet_.assign(12, 0);
  packet_[0] = 0x80;
  packet_[1] = static_cast<uint8_t>(payloadType | (marker ? 0x80 : 0));
  packet_[2] = static_cast<uint8_t>(sequence_ >> 8);
  packet_[3] = static_cast<uint8_t>(sequence_ & 0xff);
  put32(&packet_[4], timestamp);
  put32(&packet_[8], ssrc_);
  ++sequence_;
}

void MediaSession::transmit(std::span<const uint8_t> packet) {
  if (sendto(rtp_.get(), packet.data(), packet.size(), 0,
             reinterpret_cast<const sockaddr*>(&remote_.rtp), sizeof remote_.rtp) < 0)
    ++counts_.sendErrors;
  ++counts_.sent;
  departures_.fetch_add(1, std::memory_order_relaxed);
}

bool MediaSession::sendEvent() {
  if (remote_.eventPayloadType < 0 || digit_ >= settings_.dtmf.size()) return false;
  if (sentSamples_ < rate_ || eventPause_ > 0) {
    if (eventPause_ > 0) --eventPause_;
    return false;
  }
  const int code = eventCode(settings_.dtmf[digit_]);
  if (eventStep_ < 0) {
    eventStep_ = 0;
    eventStart_ = timestamp_;
  }
  const auto duration = static_cast<uint32_t>((eventStep_ + 1) * static_cast<int>(packetSamples_));
  const bool end = eventStep_ + 1 >= kEventPackets;
  for (int i = 0; i < (end ? kEventRepeats : 1); ++i) {
    beginPacket(remote_.eventPayloadType, eventStep_ == 0, eventStart_);
    packet_.push_back(static_cast<uint8_t>(code));
    packet_.push_back(static_cast<uint8_t>((end ? 0x80 : 0) | 10));
    packet_.push_back(static_cast<uint8_t>(duration >> 8));
    packet_.push_back(static_cast<uint8_t>(duration & 0xff));
    transmit(packet_);
  }
  ++eventStep_;
  timestamp_ += static_cast<uint32_t>(packetSamples_);
  if (end) {
    eventStep_ = -1;
    eventPause_ = 5;
    ++digit_;
  }
  return true;
}

void MediaSession::sendNext(Nanoseconds due) {
  if (sendEvent()) return;
  switch (settings_.source) {
    case MediaSource::Bursts:
      train_.render(samples_);
      break;
    case MediaSource::Silence:
      std::ranges::fill(samples_, int16_t{0});
      break;
    case MediaSource::Speech:
      for (int16_t& sample : samples_)
        sample = speechPosition_ < settings_.speech.size() ? settings_.speech[speechPosition_++]
                                                           : int16_t{0};
      break;
  }
  encode(*settings_.codec, samples_, payload_);
  beginPacket(remote_.payloadType, sentSamples_ == 0, timestamp_);
  packet_.insert(packet_.end(), payload_.begin(), payload_.end());
  timestamp_ += static_cast<uint32_t>(packetSamples_);

  std::uniform_real_distribution<double> chance(0, 1);
  const bool withhold = settings_.lossPercent > 0 && chance(random_) * 100 < settings_.lossPercent;
  Nanoseconds when = now();
  counts_.lateSendsMs.push_back(toMs(when - due));
  if (withhold) {
    ++counts_.withheld;
    withheldRanges_.emplace_back(sentSamples_, sentSamples_ + packetSamples_);
  } else if (settings_.jitterMs > 0) {
    when = due + static_cast<Nanoseconds>(chance(random_) * settings_.jitterMs * 1e6);
    delayed_.push_back({when, packet_});
  } else {
    transmit(packet_);
  }
  addMark(sentMarks_, {sentSamples_, when});
  sentSamples_ += static_cast<int64_t>(packetSamples_);
  if (settings_.source != MediaSource::Bursts) return;
  onsets_.clear();
  sentDetector_.feed(samples_, onsets_);
  for (const Onset& onset : onsets_)
    bursts_.push_back({timeAt(sentMarks_, onset.position, rate_),
                       static_cast<int64_t>(onset.position), onset.pitch, false});
}

void MediaSession::receiveRtp() {
  uint8_t buffer[2048];
  alignas(cmsghdr) char control[128];
  sockaddr_in from{};
  iovec part{buffer, sizeof buffer};
  msghdr message{&from, sizeof from, &part, 1, control, sizeof control, 0};
  const ssize_t got = recvmsg(rtp_.get(), &message, 0);
  if (got < 0) return;
  const Nanoseconds arrival = arrivalOf(message);
  if (from.sin_addr.s_addr != remote_.rtp.sin_addr.s_addr ||
      from.sin_port != remote_.rtp.sin_port) {
    ++counts_.foreignAddress;
    return;
  }
  RtpHeader header;
  if (!parseRtp(buffer, static_cast<size_t>(got), header) ||
      header.payloadType != remote_.payloadType) {
    ++counts_.otherPayload;
    return;
  }
  if (!statistics_.add(header, arrival)) return;
  if (arrivals_.fetch_add(1, std::memory_order_relaxed) == 0)
    firstArrival_.store(arrival, std::memory_order_relaxed);
  takeAudio({buffer + header.size, static_cast<size_t>(got) - header.size - header.padding},
            header.timestamp, arrival);
}

void MediaSession::takeAudio(std::span<const uint8_t> payload, uint32_t timestamp,
                             Nanoseconds arrival) {
  decode(*settings_.codec, payload, decoded_);
  const auto gap = haveTimestamp_ ? static_cast<int32_t>(timestamp - nextTimestamp_) : 0;
  haveTimestamp_ = true;
  if (gap < 0) return;  // late in order: its place is filled already
  onsets_.clear();
  if (gap > 0) {
    const std::vector<int16_t> silence(std::min<size_t>(static_cast<size_t>(gap), rate_ * 5ul), 0);
    receivedDetector_.feed(silence, onsets_);
    receivedSamples_ += static_cast<int64_t>(silence.size());
    if (settings_.record) recording_.insert(recording_.end(), silence.begin(), silence.end());
  }
  addMark(receivedMarks_, {receivedSamples_, arrival});
  receivedSamples_ += static_cast<int64_t>(decoded_.size());
  nextTimestamp_ = timestamp + static_cast<uint32_t>(decoded_.size());
  if (settings_.record) recording_.insert(recording_.end(), decoded_.begin(), decoded_.end());
  if (settings_.source != MediaSource::Bursts) return;
  receivedDetector_.feed(decoded_, onsets_);
  for (const Onset& onset : onsets_)
    matchBurst(onset);
}

void MediaSession::matchBurst(const Onset& onset) {
  const Nanoseconds arrived = timeAt(receivedMarks_, onset.position, rate_);
  for (auto burst = bursts_.rbegin(); burst != bursts_.rend(); ++burst) {
    const Nanoseconds delay = arrived - burst->time;
    if (delay < 0) continue;
    if (delay > kLongestRoundTrip || burst->matched) break;
    if (onset.pitch < 0) ++counts_.burstsUnclear;
    if (onset.pitch >= 0 && onset.pitch != burst->pitch) break;
    burst->matched = true;
    counts_.roundTripsMs.push_back(toMs(delay));
    return;
  }
  // A burst without a pitch is a damaged one of our own, not somebody else's.
  ++(onset.pitch < 0 ? counts_.burstsUnclear : counts_.crossTalk);
}

void MediaSession::receiveRtcp() {
  uint8_t buffer[2048];
  const ssize_t got = recv(rtcp_.get(), buffer, sizeof buffer, 0);
  size_t at = 0;
  while (got >= 0 && at + 8 <= static_cast<size_t>(got)) {
    const uint8_t* packet = buffer + at;
    const size_t size = 4 + 4u * static_cast<size_t>(packet[2] << 8 | packet[3]);
    if (packet[0] >> 6 != 2 || at + size > static_cast<size_t>(got)) return;
    const size_t blocks = packet[1] == 200 ? 28 : packet[1] == 201 ? 8 : size;
    for (size_t block = blocks; block + 24 <= size; block += 24) {
      uint8_t ours[4];
      put32(ours, ssrc_);
      if (std::memcmp(packet + block, ours, 4) != 0) continue;
      const int32_t lost = packet[block + 5] << 16 | packet[block + 6] << 8 | packet[block + 7];
      counts_.reportedLost = (lost & 0x800000) != 0 ? lost - 0x1000000 : lost;
    }
    at += size;
  }
}

void MediaSession::addMark(std::deque<Mark>& marks, Mark mark) {
  marks.push_back(mark);
  if (marks.size() > kMarksKept) marks.pop_front();
}

Nanoseconds MediaSession::timeAt(const std::deque<Mark>& marks, double sample, double rate) {
  for (auto mark = marks.rbegin(); mark != marks.rend(); ++mark)
    if (static_cast<double>(mark->sample) <= sample)
      return mark->time +
             static_cast<Nanoseconds>((sample - static_cast<double>(mark->sample)) / rate * 1e9);
  return marks.empty() ? 0 : marks.front().time;
}

bool MediaSession::withheldNear(int64_t sample) const {
  const int64_t burst = rate_ / 100;
  return std::ranges::any_of(withheldRanges_, [&](const auto& range) {
    return sample + burst > range.first && sample < range.second;
  });
}

double MediaSession::recordingOffsetMs() const {
  return toMs(statistics_.fittedStart() - firstSend_);
}

MediaResults MediaSession::results(Nanoseconds steadyFrom, Nanoseconds steadyTo) {
  MediaResults results = counts_;
  results.stream = statistics_.result(static_cast<uint32_t>(packetSamples_), steadyFrom, steadyTo);
  for (const SentBurst& burst : bursts_) {
    // The last ones may still have been on their way when the call ended.
    if (stopped_ != 0 && burst.time > stopped_ - 500 * kMillisecond) continue;
    ++results.bursts;
    if (!burst.matched && !withheldNear(burst.sample)) ++results.burstsMissing;
  }
  return results;
}

}  // namespace bench
