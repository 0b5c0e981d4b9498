// SPDX-License-Identifier: LGPL-2.1-or-later
// The media of one call: it owns an RTP and an RTCP socket, sends one packet each ptime and
// measures what comes back. open() is called before the engine knows the session, start() to
// close() on the media thread, results() after the engine has ended or given the session back;
// firstArrival() any time from any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <random>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <netinet/in.h>

#include "BurstTrain.hpp"
#include "Clock.hpp"
#include "FileDescriptor.hpp"
#include "Histogram.hpp"
#include "MarkRing.hpp"
#include "ReceiveBatch.hpp"
#include "ReceiveStatistics.hpp"
#include "wire/Codec.hpp"

namespace bench {

using namespace wire;

enum class MediaSource { Bursts, Speech, Silence };

struct MediaSettings {
  const Codec* codec = nullptr;
  int ptime = 20;
  MediaSource source = MediaSource::Bursts;
  std::vector<int16_t> speech;  // at the codec's rate
  double lossPercent = 0;
  double jitterMs = 0;
  std::string dtmf;
  uint64_t seed = 1;
  bool record = false;
};

struct MediaRemote {
  sockaddr_in rtp{};
  int payloadType = 0;
  int eventPayloadType = -1;
};

struct RoundTrip {
  Nanoseconds sent;
  double ms;
};

struct MediaResults {
  ReceiveStatistics::Result stream;
  uint64_t sent = 0, withheld = 0;  // withheld: artificially lost
  uint64_t foreignAddress = 0, otherPayload = 0, sendErrors = 0;
  // Of those missing, by the machine: it was behind by more than the play-out waits for.
  uint64_t bursts = 0, burstsMissing = 0, burstsMissingByMachine = 0;
  uint64_t burstsUnclear = 0, crossTalk = 0;
  int64_t reportedLost = -1;          // by the peer's RTCP, −1 without a report
  std::vector<RoundTrip> roundTrips;  // of the bursts sent while all calls stood
  double sentSpanMs = 0;  // from the first to the end of the last packet that was really sent
};

class MediaSession {
 public:
  MediaSession(const MediaSettings& settings, unsigned index);

  std::string open(const in_addr& address);  // empty, or what failed
  uint16_t rtpPort() const { return rtp_port_; }

  void start(const MediaRemote& remote, Nanoseconds firstSend);
  // Sends what is due, reads what has come when it is time to; answers when the next packet is due.
  Nanoseconds work(ReceiveBatch& batch, Histogram& lateness);
  void quieten();  // sends no more
  void stop(ReceiveBatch& batch);
  void close();

  bool running() const { return running_; }
  Nanoseconds firstArrival() const { return first_arrival_.load(std::memory_order_relaxed); }
  MediaResults results(Nanoseconds steadyFrom, Nanoseconds steadyTo, const Backlog& machine = {},
                       const Backlog& others = {});
  const std::vector<int16_t>& recording() const { return recording_; }
  // From when the first sample was sent to when sample 0 of the recording was due to arrive.
  double recordingOffsetMs() const;

 private:
  struct SentBurst {
    Nanoseconds time;
    int64_t sample;
    int pitch;
    bool matched;
  };
  struct Delayed {
    Nanoseconds time;
    int64_t endSample;
    std::vector<uint8_t> packet;
  };

  void receive(ReceiveBatch& batch);
  void receiveReports(ReceiveBatch& batch);
  void receiveRtp(const uint8_t* data, size_t length, Nanoseconds arrival);
  void receiveRtcp(const uint8_t* data, size_t length);
  void sendNext(Nanoseconds due, Nanoseconds present);
  void noteBursts(std::span<const int16_t> samples);
  void sendDelayed(Nanoseconds present);
  bool sendEvent();
  void beginPacket(int payloadType, bool marker, uint32_t timestamp);
  void transmit(std::span<const uint8_t> packet);
  void takeAudio(std::span<const uint8_t> payload, uint32_t timestamp, Nanoseconds arrival);
  void matchBurst(const Onset& onset);
  bool withheldNear(int64_t sample) const;

  const MediaSettings& settings_;
  const uint32_t rate_;
  const size_t packet_samples_;
  FileDescriptor rtp_, rtcp_;
  uint16_t rtp_port_ = 0;
  MediaRemote remote_;
  bool running_ = false, sending_ = false;

  std::mt19937_64 random_;
  BurstTrain train_;
  OnsetDetector sent_detector_, received_detector_;
  MarkRing sent_marks_, received_marks_;
  std::vector<SentBurst> bursts_;
  std::vector<std::pair<int64_t, int64_t>> withheld_ranges_;
  std::vector<Delayed> delayed_;
  Nanoseconds next_send_ = 0, first_send_ = 0, stopped_ = 0;
  unsigned turns_;
  Nanoseconds last_trip_ = 0;
  int64_t sent_samples_ = 0, first_transmitted_ = -1, last_transmitted_ = 0;
  size_t speech_position_ = 0;
  uint16_t sequence_ = 0;
  uint32_t timestamp_ = 0, ssrc_ = 0;
  size_t digit_ = 0;
  int event_step_ = -1, event_pause_ = 0;
  uint32_t event_start_ = 0;
  std::vector<int16_t> samples_;
  std::vector<uint8_t> payload_, silence_, packet_;

  ReceiveStatistics statistics_;
  bool have_timestamp_ = false;
  uint32_t next_timestamp_ = 0;
  int64_t received_samples_ = 0;
  std::vector<int16_t> recording_, decoded_;
  std::vector<Onset> onsets_;
  MediaResults counts_;
  std::atomic<Nanoseconds> first_arrival_{0};
};

}  // namespace bench
