// SPDX-License-Identifier: LGPL-2.1-or-later
//
// PlayoutQueue: the audio that an endpoint has sent and that has not been played yet. Bytes of any
// message size go in; exactly one 20 ms frame comes out per pull, whatever there is. Pure: the time
// is a parameter; no threads, no I/O; not synchronised. Rules, in the order in which they matter:
//   * nothing that arrived is lost: a file sent at once is played to its last sample;
//   * a stream that arrives with jitter is played with the least depth that the jitter of late
//   allows (`target`);
//   * latency that a paced stream has gathered (drift, a stall) is taken back by leaving out silent
//   frames only;
//   * between audio and noise there is no step: short fades at both seams.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <vector>

#include "audio/ByteFifo.hpp"
#include "audio/ComfortNoise.hpp"

namespace wsbridge {

enum class Fallback { ComfortNoise, Silence, None };

struct PlayoutSettings {
  int rate = 16000;
  Fallback fallback = Fallback::ComfortNoise;
  double noise_level_dbov = -65.0;
  unsigned prebuffer_ms = 0;
  unsigned max_ms = 60'000;
  uint64_t seed = 1;
};

struct PlayoutCounters {
  uint64_t played = 0;
  uint64_t fallback = 0;
  uint64_t trimmed = 0;
  uint64_t underruns = 0;
  uint64_t cleared_ms = 0;
  uint64_t high_bytes = 0;
};

class PlayoutQueue {
 public:
  enum class Pulled { Audio, Fallback };

  explicit PlayoutQueue(const PlayoutSettings& settings);

  void push(std::span<const uint8_t> bytes, int64_t now_us);
  /// In the middle of a spurt, and the next frame is not there yet: for so long it is worth waiting
  /// for, because noise in its place would delay all that follows by 20 ms. 0: nothing to wait for.
  [[nodiscard]] int64_t patienceUs() const;
  /// The next pull has waited for so long. Returns how much later than planned all that follow are
  /// to come: when they keep having to wait, a part of what takeAdvance() had brought forward.
  int64_t takeDelay(int64_t waited_us);
  /// Held: everything stays queued, and noise is played.
  void setHeld(bool held) { held_ = held; }
  [[nodiscard]] bool held() const { return held_; }
  /// No more audio will come: a last part shorter than a frame is played at once.
  void finish() {
    finished_ = true;
    held_ = false;
  }
  /// The stream has broken off, another one follows: half a sample is made whole.
  void beginStream();
  /// Writes exactly frameSamples() samples.
  Pulled pull(int16_t* out, int64_t now_us);
  /// How much earlier than planned the next pull may come: a paced endpoint's frames then wait less
  /// for their turn. After the first frames as much as is of use, later at most `step_us`. The sum
  /// is bounded, until an underrun has put noise between them, so that the caller's own buffer does
  /// not become the place where they wait.
  int64_t takeAdvance(int64_t step_us);
  /// Returns the milliseconds thrown away. Marks are resolved at once: takeMarks() gives them.
  uint64_t clear();

  /// Remembers `id` at the present end of the queue; takeMarks() gives it once all audio before it
  /// was pulled.
  void addMark(uint64_t id);
  /// Marks reached, in order; empty when none.
  std::vector<uint64_t> takeMarks();
  void forgetMarks() { marks_.clear(); }

  [[nodiscard]] size_t frameSamples() const { return frame_samples_; }
  [[nodiscard]] size_t bytes() const { return fifo_.size(); }
  [[nodiscard]] uint64_t milliseconds() const { return fifo_.size() / bytes_per_ms_; }
  [[nodiscard]] bool empty() const { return fifo_.size() < 2; }
  [[nodiscard]] bool aboveHighWater() const { return fifo_.size() >= high_bytes_; }
  [[nodiscard]] bool belowLowWater() const { return fifo_.size() < low_bytes_; }
  [[nodiscard]] const PlayoutCounters& counters() const { return counters_; }

 private:
  static constexpr size_t kWindow = 50;  // pulls, one second

  bool mayStart(int64_t now_us) const;
  void noteJitter(int64_t now_us);
  void protectBursts(size_t bytes, int64_t now_us);
  void noteArrival(int64_t now_us);
  void reviewTarget(int64_t now_us);
  void noteSlack(int64_t now_us);
  /// For the last `pulls` pulls the endpoint kept pace with us.
  [[nodiscard]] bool pacedFor(size_t pulls) const;
  [[nodiscard]] int64_t leastSlackUs(size_t pulls) const;
  /// Over the whole window.
  [[nodiscard]] int64_t slackSpreadUs() const;
  [[nodiscard]] int64_t wantedUs() const;
  void trimStandingLatency(const int16_t* frame);
  [[nodiscard]] bool isSilent(const int16_t* frame) const;
  void resetWindow();
  void fillFallback(std::span<int16_t> out);
  void fadeIn(std::span<int16_t> audio) const;

  PlayoutSettings settings_;
  size_t frame_samples_;
  size_t frame_bytes_;
  size_t bytes_per_ms_;
  size_t high_bytes_;
  size_t low_bytes_;

  ByteFifo fifo_;
  ComfortNoise noise_;
  PlayoutCounters counters_;
  uint64_t written_bytes_ = 0;
  uint64_t read_bytes_ = 0;
  bool finished_ = false;
  bool held_ = false;

  bool playing_ = false;
  int64_t spurt_arrival_us_ = 0;  // first arrival since the queue ran dry
  int64_t last_arrival_us_ = 0;
  size_t last_push_bytes_ = 0;
  int64_t starved_us_ = 0;  // when a frame was due and missing; 0 when not starved
  int64_t target_us_ = 0;
  int64_t target_decay_us_ = 0;

  struct Arrival {
    uint64_t end;  // position behind its last byte
    int64_t at_us;
  };
  std::deque<Arrival> arrivals_;
  std::array<int64_t, kWindow> slack_us_{};  // how long the frames pulled of late had waited
  size_t slack_count_ = 0;
  size_t slack_next_ = 0;

  int64_t advance_left_us_;
  int64_t ahead_us_ = 0;  // advanced since the first frames, and not given back
  bool advanced_ = false;
  bool waited_ = false;           // before the next pull
  unsigned waits_ = 0;            // in a row
  int64_t shortest_wait_us_ = 0;  // of these

  int64_t burst_window_us_ = 0;
  uint64_t burst_bytes_ = 0;
  uint64_t protected_until_ = 0;

  struct Mark {
    uint64_t id;
    uint64_t position;
  };
  std::deque<Mark> marks_;

  int16_t last_sample_ = 0;
  float residual_ = 0.0F;  // what is left of the last sample while it fades out
  bool fade_in_ = true;
};

}  // namespace wsbridge
