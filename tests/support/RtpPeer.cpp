// SPDX-License-Identifier: LGPL-2.1-or-later
#include "RtpPeer.hpp"

#include <algorithm>
#include <cstring>
#include <random>
#include <stdexcept>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "wire/Codec.hpp"

namespace testsupport {
namespace {

int boundSocket(const std::string& host, int port, int* got) {
  const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  inet_pton(AF_INET, host.c_str(), &address.sin_addr);
  address.sin_port = htons(static_cast<uint16_t>(port));
  socklen_t length = sizeof address;
  if (bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    close(fd);
    return -1;
  }
  getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length);
  *got = ntohs(address.sin_port);
  const int size = 1 << 20;
  setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
  return fd;
}

const Codec& codecOf(const std::string& encoding) {
  return *findCodec(encoding.starts_with("L16") ? "l16" : encoding == "PCMA" ? "pcma" : "pcmu");
}

uint32_t randomNumber() {
  static std::mutex mutex;
  static std::mt19937 random{std::random_device{}()};
  const std::lock_guard guard(mutex);
  return static_cast<uint32_t>(random());
}

}  // namespace

RtpPeer::RtpPeer(const std::string& host)
    : ssrc_(randomNumber()),
      sequence_(static_cast<uint16_t>(randomNumber())),
      timestamp_(randomNumber()),
      timestamp_at_(Clock::now()),
      next_report_(Clock::now() + 1s) {
  for (int attempt = 0; attempt < 100 && rtcp_ < 0; ++attempt) {
    int other = 0;
    rtp_ = boundSocket(host, 0, &port_);
    if (rtp_ >= 0 && port_ % 2 == 0) rtcp_ = boundSocket(host, port_ + 1, &other);
    if (rtp_ >= 0 && rtcp_ < 0) close(rtp_);
  }
  if (rtcp_ < 0 || pipe2(wake_, O_CLOEXEC | O_NONBLOCK) != 0)
    throw std::runtime_error("no RTP ports");
  thread_ = std::thread([this] { run(); });
}

RtpPeer::~RtpPeer() {
  stopping_ = true;
  [[maybe_unused]] const ssize_t woken = write(wake_[1], "x", 1);
  thread_.join();
  for (const int fd : {rtp_, rtcp_, wake_[0], wake_[1]})
    close(fd);
}

void RtpPeer::setRemote(const std::string& host, int port) {
  const auto guard = state_.lock();
  remote_host_ = host;
  remote_port_ = port;
}

void RtpPeer::setFormat(const std::string& encoding, int payloadType, int eventPayloadType,
                        int ptime) {
  const auto guard = state_.lock();
  encoding_ = encoding;
  payload_type_ = payloadType;
  event_payload_type_ = eventPayloadType;
  ptime_ = ptime;
  rate_ = encoding == "L16/16000" ? 16000 : 8000;
}

std::string RtpPeer::packet(int payloadType, bool marker, uint16_t sequence, uint32_t timestamp,
                            std::string_view payload) const {
  return rtpPacket({payloadType, marker, sequence, timestamp, ssrc_}, payload);
}

// The RTP clock goes on while nothing is sent. Called with the lock held, before a talk spurt is
// queued.
void RtpPeer::syncClock() {
  if (!steps_.empty()) return;
  const auto now = Clock::now();
  const double idle = millisBetween(timestamp_at_, now);
  if (idle > 0) {
    timestamp_ += static_cast<uint32_t>(idle * rate_ / 1000);
    timestamp_at_ = now;
  }
}

void RtpPeer::play(const Samples& samples, const Damage& damage) {
  {
    const auto guard = state_.lock();
    syncClock();
    const auto frame = static_cast<size_t>(rate_ * ptime_ / 1000);
    std::vector<std::string> packets;
    for (size_t at = 0, number = 0; at < samples.size(); at += frame, ++number) {
      const auto other = damage.ssrcFrom.find(number);
      if (other != damage.ssrcFrom.end()) {
        ssrc_ = other->second;
        sequence_ = static_cast<uint16_t>(randomNumber());
      }
      Samples part = slice(samples, at, frame);
      part.resize(frame);
      packets.push_back(
          packet(payload_type_, at == 0, sequence_, timestamp_, encodePayload(encoding_, part)));
      ++sequence_;
      timestamp_ += static_cast<uint32_t>(frame);
      timestamp_at_ += Millis(ptime_);
    }
    for (const size_t number : damage.swapWithNext) {
      if (number + 1 < packets.size()) std::swap(packets[number], packets[number + 1]);
    }
    for (size_t number = 0; number < packets.size(); ++number) {
      Step step{{packets[number]}, ptime_};
      if (damage.lose.count(number) != 0) step.packets.clear();
      if (damage.duplicate.count(number) != 0) step.packets.push_back(packets[number]);
      steps_.push_back(std::move(step));
    }
  }
  [[maybe_unused]] const ssize_t woken = write(wake_[1], "x", 1);
}

void RtpPeer::playCodes(const std::string& codes) {
  {
    const auto guard = state_.lock();
    syncClock();
    const auto frame = static_cast<size_t>(rate_ * ptime_ / 1000);
    for (size_t at = 0; at < codes.size(); at += frame) {
      const std::string part = codes.substr(at, frame);
      steps_.push_back({{packet(payload_type_, at == 0, sequence_++, timestamp_, part)}, ptime_});
      timestamp_ += static_cast<uint32_t>(part.size());
      timestamp_at_ += Millis(ptime_);
    }
  }
  [[maybe_unused]] const ssize_t woken = write(wake_[1], "x", 1);
}

void RtpPeer::playDtmf(char digit, int millis, int ends) {
  {
    const auto guard = state_.lock();
    syncClock();
    const uint32_t start = timestamp_;
    const auto event = [&](bool end, int duration, bool marker) {
      const auto payload =
          rtpEvent(rtpEventCode(digit), end, static_cast<uint32_t>(duration * rate_ / 1000));
      return packet(event_payload_type_, marker, sequence_++, start,
                    {reinterpret_cast<const char*>(payload.data()), payload.size()});
    };
    for (int elapsed = 20; elapsed < millis; elapsed += 20) {
      steps_.push_back({{event(false, elapsed, elapsed == 20)}, 20});
    }
    for (int end = 0; end < ends; ++end)
      steps_.push_back({{event(true, millis, false)}, 20});
    const int taken = std::max(0, (millis + 19) / 20 - 1 + ends) * 20;
    timestamp_ += static_cast<uint32_t>(taken * rate_ / 1000);
    timestamp_at_ += Millis(taken);
  }
  [[maybe_unused]] const ssize_t woken = write(wake_[1], "x", 1);
}

void RtpPeer::pause(int millis) {
  const auto guard = state_.lock();
  syncClock();
  steps_.push_back({{}, millis});
  timestamp_ += static_cast<uint32_t>(millis * rate_ / 1000);
  timestamp_at_ += Millis(millis);
}

bool RtpPeer::waitPlayed(Millis limit) const {
  return state_.waitFor([this] { return steps_.empty(); }, limit);
}

void RtpPeer::stopPlaying() {
  const auto guard = state_.lock();
  steps_.clear();
  timestamp_at_ = Clock::now();
  state_.notify();
}

size_t RtpPeer::sent() const {
  const auto guard = state_.lock();
  return sent_;
}

void RtpPeer::sendNow(const std::string& bytes) {
  sockaddr_in peer{};
  peer.sin_family = AF_INET;
  {
    const auto guard = state_.lock();
    inet_pton(AF_INET, remote_host_.c_str(), &peer.sin_addr);
    peer.sin_port = htons(static_cast<uint16_t>(remote_port_));
  }
  sendto(rtp_, bytes.data(), bytes.size(), 0, reinterpret_cast<sockaddr*>(&peer), sizeof peer);
}

void RtpPeer::run() {
  pollfd waiting[3] = {{rtp_, POLLIN, 0}, {rtcp_, POLLIN, 0}, {wake_[0], POLLIN, 0}};
  while (!stopping_) {
    Tick due;
    bool report = false;
    auto wait = std::chrono::nanoseconds(50ms);
    {
      const auto guard = state_.lock();
      const auto now = Clock::now();
      if (!steps_.empty()) {
        if (!playing_) {
          playing_ = true;
          next_ = now;
        }
        if (now >= next_) {
          due = std::move(steps_.front().packets);
          next_ += Millis(steps_.front().millis);
          steps_.pop_front();
          sent_ += due.size();
          for (const auto& bytes : due)
            octets_ += bytes.size() - 12;
          state_.notify();
        }
        wait =
            std::max(std::chrono::nanoseconds(0), std::chrono::nanoseconds(next_ - Clock::now()));
      } else if (playing_ && now >= next_) {
        playing_ = false;
      }
      if (sent_ > 0 && now >= next_report_) {
        report = true;
        next_report_ = now + 1s;
      }
    }
    for (const auto& bytes : due)
      sendNow(bytes);
    if (report) {
      sockaddr_in peer{};
      peer.sin_family = AF_INET;
      std::string bytes;
      {
        const auto guard = state_.lock();
        inet_pton(AF_INET, remote_host_.c_str(), &peer.sin_addr);
        peer.sin_port = htons(static_cast<uint16_t>(remote_port_ + 1));
        timespec wall{};
        clock_gettime(CLOCK_REALTIME, &wall);
        appendBig(bytes, 0x80C80006, 4);  // sender report without report blocks
        appendBig(bytes, ssrc_, 4);
        appendBig(bytes, static_cast<uint64_t>(wall.tv_sec) + 2208988800ULL, 4);
        appendBig(bytes, (static_cast<uint64_t>(wall.tv_nsec) << 32) / 1000000000ULL, 4);
        appendBig(bytes, timestamp_, 4);
        appendBig(bytes, sent_, 4);
        appendBig(bytes, octets_, 4);
        appendBig(bytes, 0x81CA0003, 4);  // source description: CNAME "test"
        appendBig(bytes, ssrc_, 4);
        bytes += std::string("\x01\x04test\x00\x00", 8);
      }
      sendto(rtcp_, bytes.data(), bytes.size(), 0, reinterpret_cast<sockaddr*>(&peer), sizeof peer);
    }
    const timespec limit{static_cast<time_t>(wait.count() / 1000000000),
                         static_cast<long>(wait.count() % 1000000000)};
    if (ppoll(waiting, 3, &limit, nullptr) <= 0) continue;
    if (waiting[0].revents != 0) receive(rtp_, false);
    if (waiting[1].revents != 0) receive(rtcp_, true);
    if (waiting[2].revents != 0) {
      char drained[64];
      [[maybe_unused]] const ssize_t n = read(wake_[0], drained, sizeof drained);
    }
  }
}

void RtpPeer::receive(int fd, bool rtcp) {
  char buffer[4096];
  for (;;) {
    const ssize_t n = recv(fd, buffer, sizeof buffer, 0);
    if (n < 0) return;
    const auto guard = state_.lock();
    if (rtcp) {
      rtcp_packets_.emplace_back(buffer, static_cast<size_t>(n));
    } else if (RtpPacket packet;
               parseRtp(reinterpret_cast<const uint8_t*>(buffer), static_cast<size_t>(n), packet)) {
      packet.at = Clock::now();
      packet.payload.assign(buffer + packet.size,
                            static_cast<size_t>(n) - packet.size - packet.padding);
      packets_.push_back(std::move(packet));
    }
    state_.notify();
  }
}

std::vector<RtpPacket> RtpPeer::packets() const {
  const auto guard = state_.lock();
  return packets_;
}

std::vector<std::string> RtpPeer::rtcpPackets() const {
  const auto guard = state_.lock();
  return rtcp_packets_;
}

size_t RtpPeer::received() const {
  const auto guard = state_.lock();
  return packets_.size();
}

bool RtpPeer::waitReceived(size_t number, Millis limit) const {
  return state_.waitFor([&] { return packets_.size() >= number; }, limit);
}

bool RtpPeer::waitRtcp(size_t number, Millis limit) const {
  return state_.waitFor([&] { return rtcp_packets_.size() >= number; }, limit);
}

void RtpPeer::forget() {
  const auto guard = state_.lock();
  packets_.clear();
  rtcp_packets_.clear();
}

Samples RtpPeer::decodePayload(const std::string& encoding, const std::string& payload) {
  Samples samples;
  decode(codecOf(encoding), {reinterpret_cast<const uint8_t*>(payload.data()), payload.size()},
         samples);
  return samples;
}

std::string RtpPeer::encodePayload(const std::string& encoding, const Samples& samples) {
  std::vector<uint8_t> payload;
  encode(codecOf(encoding), samples, payload);
  return {payload.begin(), payload.end()};
}

Samples RtpPeer::decoded() const {
  const auto guard = state_.lock();
  std::map<long, Samples> frames;
  long base = 0;
  bool first = true;
  uint16_t last = 0;
  for (const auto& packet : packets_) {
    if (packet.payloadType != payload_type_) continue;
    if (first) {
      first = false;
      last = packet.sequence;
    }
    base += static_cast<int16_t>(packet.sequence - last);
    last = packet.sequence;
    frames[base] = decodePayload(encoding_, packet.payload);
  }
  Samples all;
  if (frames.empty()) return all;
  long expected = frames.begin()->first;
  for (const auto& [number, samples] : frames) {
    for (; expected < number; ++expected)
      all.insert(all.end(), samples.size(), 0);
    all.insert(all.end(), samples.begin(), samples.end());
    ++expected;
  }
  return all;
}

}  // namespace testsupport
