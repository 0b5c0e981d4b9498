// SPDX-License-Identifier: LGPL-2.1-or-later
//
// ControlBudget: how much of a media loop one endpoint may use. Two token buckets: one for what the
// endpoint sends besides audio, in units of one small message, and one for the time that the loop
// spends on the connection. While either is empty the socket is not read; nothing is lost by that.
// Only the first one can run out for so long that the conversation ends: audio never does that.
// The budget belongs to the conversation and outlives a WebSocket that broke. Pure: the caller
// brings the clock, monotonic µs. Loop thread only.
#pragma once

#include <cstddef>
#include <cstdint>

namespace wsbridge {

/// Why a socket is not read for a while.
enum class Slowed {
  Work,      ///< its messages took the loop too long
  Messages,  ///< too many control messages
  Abused     ///< the same, for so long that the endpoint is given up
};

class ControlBudget {
 public:
  /// Control messages a second that may go on for ever.
  static constexpr unsigned kDefaultRate = 200;
  /// So many seconds' worth may come at once: a bot pushes a minute of audio with a mark behind
  /// each frame, which makes 3000 marks.
  static constexpr int64_t kBurstSeconds = 30;
  /// An endpoint that wants more than its rate for so long without a pause is given up.
  static constexpr int64_t kPatienceUs = 10'000'000;
  /// The loop's time that goes on for ever, µs a second, and what may be used at once.
  static constexpr int64_t kWorkRate = 100'000;
  static constexpr int64_t kWorkBurstUs = 500'000;
  /// One connection may take so much of a loop's round before the others have their turn.
  static constexpr int64_t kSliceUs = 2'000;

  /// `rate`: control messages a second; 0: not limited.
  explicit ControlBudget(unsigned rate = kDefaultRate);

  /// A text message that carries no audio, or does something besides.
  void message(int64_t now_us, size_t bytes);
  /// A text message that carries so much audio, one byte per sample: text that the audio does not
  /// explain counts, so that padding is no way around the budget.
  void mediaMessage(int64_t now_us, size_t bytes, size_t audio_bytes);
  /// Frames that the WebSocket library has to deal with one by one.
  void frames(int64_t now_us, uint64_t pings, uint64_t text_fragments);
  /// The loop's time that the connection has used.
  void work(int64_t now_us, int64_t us);
  /// All that has been sent is read: unless more is owed, the endpoint keeps to its rate.
  void caughtUp() {
    if (left_ > 0) over_since_us_ = 0;
  }

  /// readableAt() has to be asked.
  [[nodiscard]] bool isExhausted() const {
    return resting_ || work_ <= 0 || (counts_ && left_ <= 0);
  }
  /// When the socket may be read again; `now_us`: at once.
  int64_t readableAt(int64_t now_us);
  /// Control messages are what keeps the socket from being read.
  [[nodiscard]] bool isOverRate() const { return over_since_us_ != 0; }
  /// For so long that the endpoint is given up.
  [[nodiscard]] bool isAbused(int64_t now_us) const {
    return over_since_us_ != 0 && now_us - over_since_us_ >= kPatienceUs;
  }

 private:
  void refill(int64_t now_us);

  // In thousandths of a message.
  int64_t rate_;
  int64_t burst_;
  int64_t left_;
  int64_t work_ = kWorkBurstUs;
  const bool counts_;
  bool resting_ = false;       // until there is enough for a while
  int64_t refilled_us_ = 0;    // 0: not yet
  int64_t over_since_us_ = 0;  // 0: within the rate
};

}  // namespace wsbridge
