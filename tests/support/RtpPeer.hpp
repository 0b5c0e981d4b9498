// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <atomic>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "Pcm.hpp"
#include "Waiting.hpp"
#include "wire/Rtp.hpp"

namespace testsupport {

using namespace wire;

struct RtpPacket : RtpHeader {
  std::string payload;
  Clock::time_point at;
};

// The media side of a test caller: an RTP and an RTCP socket on neighbouring ports of `host`,
// and one thread that sends in real time and records what arrives. All functions may be called from
// any thread.
class RtpPeer {
 public:
  // What play() does to the packets on their way, by number from 0.
  struct Damage {
    std::set<size_t> lose;
    std::set<size_t> duplicate;
    std::set<size_t> swapWithNext;
    std::map<size_t, uint32_t> ssrcFrom;  // another SSRC (and sequence number) from this packet on
  };

  explicit RtpPeer(const std::string& host = "127.0.0.1");
  ~RtpPeer();
  RtpPeer(const RtpPeer&) = delete;
  RtpPeer& operator=(const RtpPeer&) = delete;

  int port() const { return port_; }
  void setRemote(const std::string& host, int port);

  // Encoding of what play() sends and decoded() expects: PCMU, PCMA, L16/8000, L16/16000.
  void setFormat(const std::string& encoding, int payloadType, int eventPayloadType = 101,
                 int ptime = 20);
  int rate() const { return rate_; }

  // Queues samples (at rate()) to be sent, one packet per ptime. Returns at once.
  void play(const Samples& samples) { play(samples, Damage()); }
  void play(const Samples& samples, const Damage& damage);
  // Queues a payload as it is, cut into packets of one ptime (of G.711).
  void playCodes(const std::string& codes);
  // Queues an RFC 4733 key: packets every 20 ms with growing duration, then `ends` packets with the
  // end bit.
  void playDtmf(char digit, int millis, int ends = 3);
  // Queues time in which nothing is sent.
  void pause(int millis);
  // Waits until everything queued has been sent.
  bool waitPlayed(Millis limit) const;
  void stopPlaying();
  size_t sent() const;

  std::vector<RtpPacket> packets() const;
  std::vector<std::string> rtcpPackets() const;
  size_t received() const;
  bool waitReceived(size_t number, Millis limit) const;
  bool waitRtcp(size_t number, Millis limit) const;
  void forget();  // empties the recording
  // The audio of all packets with our payload type, by sequence number; a lost one leaves silence.
  Samples decoded() const;
  static Samples decodePayload(const std::string& encoding, const std::string& payload);
  static std::string encodePayload(const std::string& encoding, const Samples& samples);

  // One packet now, as it is, past the queue.
  void sendNow(const std::string& bytes);

 private:
  using Tick = std::vector<std::string>;  // the packets that go out together; ticks are 20 ms or a
                                          // ptime apart
  struct Step {
    Tick packets;
    int millis = 20;
  };

  void run();
  void receive(int fd, bool rtcp);
  void syncClock();
  std::string packet(int payloadType, bool marker, uint16_t sequence, uint32_t timestamp,
                     std::string_view payload) const;

  int rtp_ = -1;
  int rtcp_ = -1;
  int port_ = 0;
  int wake_[2] = {-1, -1};
  std::atomic<bool> stopping_{false};
  Monitor state_;
  // Under state_:
  std::string encoding_ = "PCMU";
  int payload_type_ = 0;
  int event_payload_type_ = 101;
  int ptime_ = 20;
  std::atomic<int> rate_{8000};
  int remote_port_ = 0;
  std::string remote_host_;
  uint32_t ssrc_;
  uint16_t sequence_;
  uint32_t timestamp_;
  Clock::time_point timestamp_at_;
  std::deque<Step> steps_;
  bool playing_ = false;
  Clock::time_point next_;
  size_t sent_ = 0;
  uint64_t octets_ = 0;
  std::vector<RtpPacket> packets_;
  std::vector<std::string> rtcp_packets_;
  Clock::time_point next_report_;
  std::thread thread_;
};

}  // namespace testsupport
