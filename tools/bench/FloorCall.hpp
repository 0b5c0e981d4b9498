// SPDX-License-Identifier: LGPL-2.1-or-later
// One call through the floor: its two sockets, and the bytes between them. The SIP side fills the
// settings before the loop gets the call; everything after that happens on the loop's thread.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include <netinet/in.h>

#include "Clock.hpp"
#include "FileDescriptor.hpp"
#include "FloorAudio.hpp"
#include "wire/Codec.hpp"
#include "wire/WebSocketFrame.hpp"

namespace bench {

using namespace wire;

struct FloorSettings {
  const Codec* codec = nullptr;
  uint8_t payloadType = 0;
  FileDescriptor rtp;  // bound, connected to the caller
  sockaddr_in endpoint{};
  std::string endpointHost, endpointTarget;
  std::function<void(bool open)> onDecided;  // once: first message written, or it failed
};

class FloorCall {
 public:
  FloorCall(FloorSettings settings, uint32_t number);

  int rtpSocket() const { return settings_.rtp.get(); }
  int webSocket() const { return socket_.get(); }

  bool connect();  // starts it; false: the call is over, as everywhere below
  bool onWebSocket(uint32_t events);
  void onRtp();
  // One RTP packet: a frame of the queue. A frame that is late is sent when it comes, so that a
  // stall adds no delay; what has not come after a few ticks becomes silence.
  void tick();

  bool open() const { return state_ == State::Open; }
  bool wantsToWrite() const { return state_ == State::Connecting || !output_.empty(); }
  // The first audio of the endpoint has come since the last question: time to place the ticks.
  bool takeFirstAudio() { return std::exchange(first_audio_, false); }
  void decide(bool open);

  Nanoseconds due = 0;        // of its next tick; the loop's own
  unsigned placement = 0;     // ticks of an earlier placement are void; the loop's own
  bool watchingWrite = true;  // the loop's own

 private:
  enum class State { Idle, Connecting, Upgrading, Open };
  // A frame is played 20 ms after another, so more than this is an endpoint that runs ahead.
  static constexpr size_t kQueueFrames = 8;
  static constexpr int kPatience = 5;  // ticks

  bool readWebSocket();
  bool handleInput(char* data, size_t length, size_t& used);
  bool handleFrame(const Frame& frame);
  void queue(std::string_view audio);
  void sendQueued();
  void sendRtp(std::span<const uint8_t> frame);
  bool write(const char* data, size_t length);
  bool flush();
  uint32_t nextMask();

  FloorSettings settings_;
  FileDescriptor socket_;
  State state_ = State::Idle;
  std::string key_, input_, output_;
  FloorUpward upward_;
  std::array<uint8_t, kQueueFrames * kFloorFrameBytes> queue_{};
  size_t queue_start_ = 0, queue_length_ = 0;
  int owed_ = 0;       // packets whose tick has passed
  int dry_ticks_ = 0;  // in a row that found more than one owed
  bool heard_ = false, first_audio_ = false;
  uint32_t mask_;
  uint16_t sequence_ = 0;
  uint32_t timestamp_ = 0, ssrc_;
};

}  // namespace bench
