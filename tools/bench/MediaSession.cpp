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

constexpr Nanoseconds kLongestFirstTrip = 390 * kMillisecond;  // below the shortest spacing
constexpr Nanoseconds kTripChange = kLongestFirstTrip / 2;
constexpr Nanoseconds kUsualTrip = 50 * kMillisecond;
// The play-out waits for a late frame for 20 ms at the most, and less when it has waited lately.
constexpr Nanoseconds kTooLate = 5 * kMillisecond;
constexpr unsigned kReadEach = 5;  // packets sent
constexpr unsigned kReportEach = 50;
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

}  // namespace

MediaSession::MediaSession(const MediaSettings& settings, unsigned index)
    : settings_(settings),
      rate_(settings.codec->rate),
      packet_samples_(rate_ * static_cast<uint32_t>(settings.ptime) / 1000),
      random_(settings.seed * 1000003 + index),
      train_(settings.seed * 7919 + index, rate_),
      sent_detector_(rate_),
      received_detector_(rate_),
      turns_(index),
      samples_(packet_samples_),
      statistics_(rate_) {
  ssrc_ = static_cast<uint32_t>(random_());
  sequence_ = static_cast<uint16_t>(random_());
  timestamp_ = static_cast<uint32_t>(random_());
  encode(*settings.codec, samples_, silence_);
}

std::string MediaSession::open(const in_addr& address) {
  for (int attempt = 0; attempt < 64; ++attempt) {
    sockaddr_in bound{};
    rtp_ = bindUdp(address, 0, bound);
    if (!rtp_.valid()) break;
    rtp_port_ = ntohs(bound.sin_port);
    if (rtp_port_ % 2 != 0 || rtp_port_ == 65534) continue;
    rtcp_ = bindUdp(address, static_cast<uint16_t>(rtp_port_ + 1), bound);
    if (rtcp_.valid()) return "";
  }
  return std::string("no pair of RTP ports: ") + std::strerror(errno);
}

void MediaSession::start(const MediaRemote& remote, Nanoseconds firstSend) {
  remote_ = remote;
  next_send_ = first_send_ = firstSend;
  running_ = sending_ = true;
}

void MediaSession::stop(ReceiveBatch& batch) {
  receive(batch);
  receiveReports(batch);
  running_ = sending_ = false;
  stopped_ = now();
}

void MediaSession::close() {
  rtp_.reset();
  rtcp_.reset();
}

Nanoseconds MediaSession::work(ReceiveBatch& batch, Histogram& lateness) {
  const Nanoseconds present = now();
  while (next_send_ <= present) {
    if (sending_) {
      lateness.add(toMs(present - next_send_));
      sendNext(next_send_, present);
    }
    next_send_ += settings_.ptime * kMillisecond;
    ++turns_;
    if (turns_ % kReadEach == 0) receive(batch);
    if (turns_ % kReportEach == 0) receiveReports(batch);
  }
  if (delayed_.empty()) return next_send_;
  sendDelayed(present);
  Nanoseconds next = next_send_;
  for (const Delayed& delayed : delayed_)
    next = std::min(next, delayed.time);
  return next;
}

void MediaSession::sendDelayed(Nanoseconds present) {
  for (const Delayed& delayed : delayed_) {
    if (delayed.time > present) continue;
    transmit(delayed.packet);
    last_transmitted_ = std::max(last_transmitted_, delayed.endSample);
  }
  std::erase_if(delayed_, [present](const Delayed& delayed) { return delayed.time <= present; });
}

void MediaSession::beginPacket(int payloadType, bool marker, uint32_t timestamp) {
  packet_.assign(kRtpHeaderBytes, 0);
  writeRtp(packet_.data(), {payloadType, marker, sequence_++, timestamp, ssrc_});
}

void MediaSession::transmit(std::span<const uint8_t> packet) {
  if (sendto(rtp_.get(), packet.data(), packet.size(), 0,
             reinterpret_cast<const sockaddr*>(&remote_.rtp), sizeof remote_.rtp) < 0)
    ++counts_.sendErrors;
  ++counts_.sent;
}

bool MediaSession::sendEvent() {
  if (remote_.eventPayloadType < 0 || digit_ >= settings_.dtmf.size()) return false;
  if (sent_samples_ < rate_ || event_pause_ > 0) {
    if (event_pause_ > 0) --event_pause_;
    return false;
  }
  const int code = rtpEventCode(settings_.dtmf[digit_]);
  if (event_step_ < 0) {
    event_step_ = 0;
    event_start_ = timestamp_;
  }
  const auto duration =
      static_cast<uint32_t>((event_step_ + 1) * static_cast<int>(packet_samples_));
  const bool end = event_step_ + 1 >= kEventPackets;
  for (int i = 0; i < (end ? kEventRepeats : 1); ++i) {
    beginPacket(remote_.eventPayloadType, event_step_ == 0, event_start_);
    const auto event = rtpEvent(code, end, duration);
    packet_.insert(packet_.end(), event.begin(), event.end());
    transmit(packet_);
  }
  ++event_step_;
  timestamp_ += static_cast<uint32_t>(packet_samples_);
  if (end) {
    event_step_ = -1;
    event_pause_ = 5;
    ++digit_;
  }
  return true;
}

void MediaSession::sendNext(Nanoseconds due, Nanoseconds present) {
  if (sendEvent()) {
    last_transmitted_ = sent_samples_;
    return;
  }
  bool sound = true;
  switch (settings_.source) {
    case MediaSource::Bursts:
      sound = train_.render(samples_);
      break;
    case MediaSource::Silence:
      sound = false;
      break;
    case MediaSource::Speech:
      for (int16_t& sample : samples_)
        sample = speech_position_ < settings_.speech.size() ? settings_.speech[speech_position_++]
                                                            : int16_t{0};
      break;
  }
  if (sound) encode(*settings_.codec, samples_, payload_);
  const std::vector<uint8_t>& payload = sound ? payload_ : silence_;
  beginPacket(remote_.payloadType, sent_samples_ == 0, timestamp_);
  packet_.insert(packet_.end(), payload.begin(), payload.end());
  timestamp_ += static_cast<uint32_t>(packet_samples_);

  const int64_t first = sent_samples_;
  sent_samples_ += static_cast<int64_t>(packet_samples_);
  Nanoseconds when = present;
  std::uniform_real_distribution<double> chance(0, 1);
  const bool withhold = settings_.lossPercent > 0 && chance(random_) * 100 < settings_.lossPercent;
  if (withhold) {
    ++counts_.withheld;
    withheld_ranges_.emplace_back(first, sent_samples_);
  } else {
    if (first_transmitted_ < 0) first_transmitted_ = first;
    if (settings_.jitterMs > 0) {
      when = due + static_cast<Nanoseconds>(chance(random_) * settings_.jitterMs * 1e6);
      delayed_.push_back({when, sent_samples_, packet_});
    } else {
      transmit(packet_);
      last_transmitted_ = sent_samples_;
    }
  }
  sent_marks_.add(first, when);
  if (settings_.source != MediaSource::Bursts) return;
  noteBursts(samples_);
}

void MediaSession::noteBursts(std::span<const int16_t> samples) {
  onsets_.clear();
  sent_detector_.feed(samples, onsets_);
  for (const Onset& onset : onsets_)
    bursts_.push_back({sent_marks_.timeAt(onset.position, rate_),
                       static_cast<int64_t>(onset.position), onset.pitch, false});
}

void MediaSession::quieten() {
  if (!sending_) return;
  sending_ = false;
  // The last packet may end in a burst, which the detector has not told yet.
  if (settings_.source == MediaSource::Bursts) noteBursts(std::vector<int16_t>(packet_samples_));
}

void MediaSession::receive(ReceiveBatch& batch) {
  size_t got = 0;
  do {
    got = batch.receive(rtp_.get());
    const Clocks clocks = readClocks();
    for (size_t i = 0; i < got; ++i) {
      const sockaddr_in& from = batch.from(i);
      if (from.sin_addr.s_addr != remote_.rtp.sin_addr.s_addr ||
          from.sin_port != remote_.rtp.sin_port)
        ++counts_.foreignAddress;
      else
        receiveRtp(batch.data(i), batch.length(i), arrivalOf(batch.message(i), clocks));
    }
  } while (got == ReceiveBatch::kMost);
}

void MediaSession::receiveReports(ReceiveBatch& batch) {
  const size_t got = batch.receive(rtcp_.get());
  for (size_t i = 0; i < got; ++i)
    receiveRtcp(batch.data(i), batch.length(i));
}

void MediaSession::receiveRtp(const uint8_t* data, size_t length, Nanoseconds arrival) {
  RtpHeader header;
  if (!parseRtp(data, length, header) || header.payloadType != remote_.payloadType) {
    ++counts_.otherPayload;
    return;
  }
  if (!statistics_.add(header, arrival)) return;
  if (statistics_.received() == 1) first_arrival_.store(arrival, std::memory_order_relaxed);
  takeAudio({data + header.size, length - header.size - header.padding}, header.timestamp, arrival);
}

void MediaSession::takeAudio(std::span<const uint8_t> payload, uint32_t timestamp,
                             Nanoseconds arrival) {
  decode(*settings_.codec, payload, decoded_);
  const auto gap = have_timestamp_ ? static_cast<int32_t>(timestamp - next_timestamp_) : 0;
  have_timestamp_ = true;
  if (gap < 0) return;  // late in order: its place is filled already
  onsets_.clear();
  if (gap > 0) {
    const std::vector<int16_t> silence(std::min<size_t>(static_cast<size_t>(gap), rate_ * 5ul), 0);
    received_detector_.feed(silence, onsets_);
    received_samples_ += static_cast<int64_t>(silence.size());
    if (settings_.record) recording_.insert(recording_.end(), silence.begin(), silence.end());
  }
  received_marks_.add(received_samples_, arrival);
  received_samples_ += static_cast<int64_t>(decoded_.size());
  next_timestamp_ = timestamp + static_cast<uint32_t>(decoded_.size());
  if (settings_.record) recording_.insert(recording_.end(), decoded_.begin(), decoded_.end());
  if (settings_.source != MediaSource::Bursts) return;
  received_detector_.feed(decoded_, onsets_);
  for (const Onset& onset : onsets_)
    matchBurst(onset);
}

void MediaSession::matchBurst(const Onset& onset) {
  const Nanoseconds arrived = received_marks_.timeAt(onset.position, rate_);
  // Bursts are 400 ms apart at least: within less than that around the last round trip there is one
  // candidate, and a delay that grows over seconds is still followed.
  const Nanoseconds most = std::max(kLongestFirstTrip, last_trip_ + kTripChange);
  const Nanoseconds least = std::max<Nanoseconds>(0, most - kLongestFirstTrip);
  for (auto burst = bursts_.rbegin(); burst != bursts_.rend(); ++burst) {
    const Nanoseconds delay = arrived - burst->time;
    if (delay < least) continue;
    if (delay > most || burst->matched) break;
    if (onset.pitch < 0) ++counts_.burstsUnclear;
    if (onset.pitch >= 0 && burst->pitch >= 0 && onset.pitch != burst->pitch) break;
    burst->matched = true;
    last_trip_ = delay;
    counts_.roundTrips.push_back({burst->time, toMs(delay)});
    return;
  }
  // A burst without a pitch is a damaged one of our own, not somebody else's.
  ++(onset.pitch < 0 ? counts_.burstsUnclear : counts_.crossTalk);
}

void MediaSession::receiveRtcp(const uint8_t* data, size_t length) {
  size_t at = 0;
  while (at + 8 <= length) {
    const uint8_t* packet = data + at;
    const size_t size = 4 + 4u * static_cast<size_t>(packet[2] << 8 | packet[3]);
    if (packet[0] >> 6 != 2 || at + size > length) return;
    const size_t blocks = packet[1] == 200 ? 28 : packet[1] == 201 ? 8 : size;
    for (size_t block = blocks; block + 24 <= size; block += 24) {
      if (getBig(packet + block, 4) != ssrc_) continue;
      const int32_t lost = packet[block + 5] << 16 | packet[block + 6] << 8 | packet[block + 7];
      counts_.reportedLost = (lost & 0x800000) != 0 ? lost - 0x1000000 : lost;
    }
    at += size;
  }
}

bool MediaSession::withheldNear(int64_t sample) const {
  const int64_t burst = rate_ / 100;
  return std::ranges::any_of(withheld_ranges_, [&](const auto& range) {
    return sample + burst > range.first && sample < range.second;
  });
}

double MediaSession::recordingOffsetMs() const {
  return toMs(statistics_.fittedStart() - first_send_);
}

MediaResults MediaSession::results(Nanoseconds steadyFrom, Nanoseconds steadyTo,
                                   const Backlog& machine, const Backlog& others) {
  MediaResults results = counts_;
  std::erase_if(results.roundTrips, [=](const RoundTrip& trip) {
    return trip.sent < steadyFrom || trip.sent > steadyTo;
  });
  if (first_transmitted_ >= 0)
    results.sentSpanMs =
        1000.0 * static_cast<double>(last_transmitted_ - first_transmitted_) / rate_;
  results.stream = statistics_.result(static_cast<uint32_t>(packet_samples_), steadyFrom, steadyTo,
                                      machine, others);
  for (const SentBurst& burst : bursts_) {
    // The last ones may still have been on their way when the call ended.
    if (stopped_ != 0 && burst.time > stopped_ - 500 * kMillisecond) continue;
    ++results.bursts;
    if (burst.matched || withheldNear(burst.sample)) continue;
    // From when it began to be sent until its end is played.
    const bool behind = machine.owed(burst.time, burst.time + kUsualTrip) > kTooLate;
    ++results.burstsMissing;
    if (behind) ++results.burstsMissingByMachine;
  }
  return results;
}

}  // namespace bench
