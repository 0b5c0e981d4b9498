// SPDX-License-Identifier: LGPL-2.1-or-later
#include "audio/PlayoutQueue.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <utility>

#include "common/Frame.hpp"

namespace wsbridge {

static_assert(std::endian::native == std::endian::little, "samples are used in place as S16LE");

namespace {

using common::kFrameUs;
constexpr int64_t kStaleTailUs = 30'000;   // a part of a frame this old is the end of a spurt
constexpr int64_t kJitterGapUs = 250'000;  // a longer gap is a pause of the speaker, not jitter
constexpr int64_t kMaxTargetUs = 100'000;
constexpr int64_t kTargetStepUs = 10'000;
constexpr int64_t kTargetDecayEveryUs = 4'000'000;
constexpr int64_t kTargetDecayUs = 10'000;
constexpr int64_t kTargetReviewUs = 500'000;
constexpr int64_t kTrimMarginUs = kFrameUs + 5'000;
// Early in a call, and short: the caller's own buffer settles on the rhythm that it hears first.
constexpr size_t kAdvanceWindow = 10;
constexpr size_t kSettleWindow = 4;  // the very first frame is slow: nothing is negotiated yet
constexpr int64_t kMaxSpareUs =
    60'000;  // more is an endpoint that sends in large chunks, or a burst
constexpr int64_t kMergeArrivalsUs = 1'000;
constexpr size_t kMaxArrivals = 256;
constexpr int64_t kAdvanceMarginUs = 8'000;  // above what a loop that gathers work for 5 ms adds
constexpr int64_t kMaxAdvanceUs = 20'000;
constexpr int64_t kShortWaitUs = 3'000;  // may happen as often as it likes
constexpr unsigned kWaitsInARow = 3;     // a stall is over sooner
constexpr int64_t kBurstWindowUs = 1'000'000;
constexpr int64_t kBurstAllowanceUs = 250'000;
constexpr double kSilenceRms = 150.0;       // about -47 dBov
constexpr int kFadeInThreshold = 512;       // a smaller first sample makes no audible step
constexpr int kFadeInDivisor = 333;         // rate / 333 samples: 3 ms
constexpr float kFadeOutSeconds = 0.0015F;  // time constant; inaudible after 8 ms
constexpr uint64_t kLowWaterMs = 5'000;

}  // namespace

PlayoutQueue::PlayoutQueue(const PlayoutSettings& settings)
    : settings_(settings),
      frame_samples_(common::samplesPerFrame(settings.rate)),
      frame_bytes_(frame_samples_ * 2),
      bytes_per_ms_(static_cast<size_t>(settings.rate) * 2 / 1000),
      high_bytes_(settings.max_ms * bytes_per_ms_),
      low_bytes_(high_bytes_ - std::min<size_t>(high_bytes_ / 4, kLowWaterMs * bytes_per_ms_)),
      noise_(settings.rate, settings.noise_level_dbov, settings.seed),
      advance_left_us_(kMaxAdvanceUs) {}

void PlayoutQueue::push(std::span<const uint8_t> bytes, int64_t now_us) {
  if (bytes.empty()) return;
  noteJitter(now_us);
  if (empty()) spurt_arrival_us_ = now_us;
  last_arrival_us_ = now_us;
  last_push_bytes_ = bytes.size();
  fifo_.write(bytes);
  written_bytes_ += bytes.size();
  noteArrival(now_us);
  counters_.high_bytes = std::max<uint64_t>(counters_.high_bytes, fifo_.size());
  protectBursts(bytes.size(), now_us);
}

void PlayoutQueue::noteJitter(int64_t now_us) {
  if (starved_us_ == 0) return;
  const int64_t late_us = now_us - starved_us_;
  starved_us_ = 0;
  if (late_us > kJitterGapUs) return;
  ++counters_.underruns;
  const int64_t raised_us = std::max<int64_t>(late_us, 0) + target_us_ / 2 + kTargetStepUs;
  target_us_ = std::clamp(raised_us, target_us_, kMaxTargetUs);
  target_decay_us_ = now_us;
}

void PlayoutQueue::protectBursts(size_t bytes, int64_t now_us) {
  if (now_us - burst_window_us_ > kBurstWindowUs) {
    burst_window_us_ = now_us;
    burst_bytes_ = 0;
  }
  burst_bytes_ += bytes;
  const int64_t audio_us = static_cast<int64_t>(burst_bytes_ / bytes_per_ms_) * 1000;
  const int64_t elapsed_us = now_us - burst_window_us_;
  if (audio_us > elapsed_us + elapsed_us / 4 + kBurstAllowanceUs) protected_until_ = written_bytes_;
}

bool PlayoutQueue::mayStart(int64_t now_us) const {
  if (empty()) return false;
  if (finished_ || !marks_.empty()) return true;
  const int64_t wanted_us = wantedUs();
  // An endpoint that sends in chunks has all of one there at once, and nothing to spare all the
  // same.
  const size_t spare = fifo_.size() - std::min(fifo_.size(), last_push_bytes_);
  const auto spare_us = static_cast<int64_t>(spare / bytes_per_ms_) * 1000;
  return spare_us >= wanted_us || now_us - spurt_arrival_us_ >= wanted_us;
}

PlayoutQueue::Pulled PlayoutQueue::pull(int16_t* out, int64_t now_us) {
  const std::span<int16_t> frame(out, frame_samples_);
  if (!std::exchange(waited_, false)) waits_ = 0;
  if (held_) {
    playing_ = false;
    ++counters_.fallback;
    fillFallback(frame);
    return Pulled::Fallback;
  }
  if (target_us_ > 0) reviewTarget(now_us);
  if (!playing_ && mayStart(now_us)) {
    playing_ = true;
    resetWindow();
  }
  const size_t available = std::min(fifo_.size() & ~size_t{1}, frame_bytes_);
  const bool tail = available < frame_bytes_;
  const bool stale = finished_ || !marks_.empty() || now_us - last_arrival_us_ >= kStaleTailUs;
  if (!playing_ || available == 0 || (tail && !stale)) {
    if (playing_) {
      if (starved_us_ == 0) starved_us_ = now_us;
      if (available == 0) playing_ = false;
    }
    ++counters_.fallback;
    fillFallback(frame);
    return Pulled::Fallback;
  }
  read_bytes_ += fifo_.read(reinterpret_cast<uint8_t*>(out), available);
  starved_us_ = 0;
  ++counters_.played;
  const std::span<int16_t> audio = frame.first(available / 2);
  noteSlack(now_us);
  if (!tail) trimStandingLatency(out);
  if (fade_in_) fadeIn(audio);
  fade_in_ = false;
  residual_ = 0.0F;
  last_sample_ = audio.back();
  if (tail) {
    fillFallback(frame.subspan(available / 2));
    playing_ = false;
    starved_us_ = now_us + kFrameUs;
  }
  return Pulled::Audio;
}

int64_t PlayoutQueue::wantedUs() const {
  return std::max<int64_t>(target_us_, int64_t{settings_.prebuffer_ms} * 1000);
}

void PlayoutQueue::noteArrival(int64_t now_us) {
  const bool merge = !arrivals_.empty() && (now_us - arrivals_.back().at_us < kMergeArrivalsUs ||
                                            arrivals_.size() >= kMaxArrivals);
  if (!merge) arrivals_.push_back({0, 0});
  arrivals_.back() = {written_bytes_, now_us};
}

/// One stall must not be paid for as steady jitter is: where the last second shows less of it
/// than the target, the target comes down quickly, otherwise slowly.
void PlayoutQueue::reviewTarget(int64_t now_us) {
  const int64_t since_us = now_us - target_decay_us_;
  if (since_us < kTargetReviewUs) return;
  const bool calm = pacedFor(kWindow) && slackSpreadUs() + kTargetDecayUs <= target_us_;
  if (!calm && since_us < kTargetDecayEveryUs) return;
  target_us_ = std::max<int64_t>(target_us_ - kTargetDecayUs, 0);
  target_decay_us_ = now_us;
  // What the underrun has put between arrival and turn may be taken back.
  if (target_us_ == 0) advance_left_us_ = kMaxAdvanceUs;
}

int64_t PlayoutQueue::slackSpreadUs() const {
  const auto [least, most] = std::minmax_element(slack_us_.begin(), slack_us_.end());
  return *most - *least;
}

/// How long the frame just read has been waiting since its last byte came.
void PlayoutQueue::noteSlack(int64_t now_us) {
  while (arrivals_.size() > 1 && arrivals_.front().end < read_bytes_)
    arrivals_.pop_front();
  slack_us_[slack_next_] = now_us - arrivals_.front().at_us;
  slack_next_ = (slack_next_ + 1) % kWindow;
  slack_count_ = std::min(slack_count_ + 1, kWindow);
}

bool PlayoutQueue::pacedFor(size_t pulls) const {
  return playing_ && slack_count_ >= pulls && !finished_ && marks_.empty() &&
         read_bytes_ >= protected_until_;
}

int64_t PlayoutQueue::leastSlackUs(size_t pulls) const {
  int64_t least = slack_us_[(slack_next_ + kWindow - 1) % kWindow];
  for (size_t i = 2; i <= pulls; ++i)
    least = std::min(least, slack_us_[(slack_next_ + kWindow - i) % kWindow]);
  return least;
}

void PlayoutQueue::trimStandingLatency(const int16_t* frame) {
  if (!pacedFor(kWindow) || fifo_.size() < frame_bytes_ || !isSilent(frame)) return;
  if (leastSlackUs(kWindow) < wantedUs() + kTrimMarginUs) return;
  std::array<int16_t, 960> next{};  // 20 ms at 48 kHz
  fifo_.peek(reinterpret_cast<uint8_t*>(next.data()), frame_bytes_);
  if (!isSilent(next.data())) return;
  read_bytes_ += fifo_.read(nullptr, frame_bytes_);
  ++counters_.trimmed;
  for (int64_t& slack : slack_us_)
    slack -= kFrameUs;
}

int64_t PlayoutQueue::takeAdvance(int64_t step_us) {
  // The first frames settle most of it at once, so that hardly a packet goes out in the old rhythm.
  const bool first = !advanced_ && pacedFor(kSettleWindow);
  if (advance_left_us_ <= 0 || (!first && !pacedFor(kAdvanceWindow))) return 0;
  const int64_t spare_us =
      leastSlackUs(first ? kSettleWindow - 1 : kAdvanceWindow) - wantedUs() - kAdvanceMarginUs;
  const int64_t most_us = first ? kMaxAdvanceUs : step_us;
  advanced_ = true;
  const int64_t advance_us = std::min({most_us, spare_us, advance_left_us_});
  if (advance_us <= 0 || spare_us > kMaxSpareUs) return 0;
  advance_left_us_ -= advance_us;
  if (!first) ahead_us_ += advance_us;
  for (int64_t& slack : slack_us_)
    slack -= advance_us;
  return advance_us;
}

int64_t PlayoutQueue::patienceUs() const {
  const bool dry =
      playing_ && !finished_ && !held_ && marks_.empty() && fifo_.size() < frame_bytes_;
  return dry ? std::clamp(ahead_us_, kShortWaitUs, kMaxAdvanceUs) : 0;
}

int64_t PlayoutQueue::takeDelay(int64_t waited_us) {
  if (waited_us <= kShortWaitUs) return 0;
  waited_ = true;
  shortest_wait_us_ = waits_ == 0 ? waited_us : std::min(shortest_wait_us_, waited_us);
  if (++waits_ < kWaitsInARow) return 0;
  waits_ = 0;
  const int64_t delay_us = std::min(shortest_wait_us_, ahead_us_);
  ahead_us_ -= delay_us;
  advance_left_us_ += delay_us;
  for (int64_t& slack : slack_us_)
    slack += delay_us;
  return delay_us;
}

bool PlayoutQueue::isSilent(const int16_t* frame) const {
  double energy = 0.0;
  for (size_t i = 0; i < frame_samples_; ++i)
    energy += static_cast<double>(frame[i]) * frame[i];
  return energy < kSilenceRms * kSilenceRms * static_cast<double>(frame_samples_);
}

void PlayoutQueue::resetWindow() {
  slack_count_ = 0;
  slack_next_ = 0;
}

void PlayoutQueue::fillFallback(std::span<int16_t> out) {
  if (settings_.fallback == Fallback::ComfortNoise) {
    noise_.fill(out);
  } else {
    std::fill(out.begin(), out.end(), int16_t{0});
  }
  if (last_sample_ != 0) {
    residual_ = static_cast<float>(last_sample_);
    last_sample_ = 0;
  }
  fade_in_ = true;
  if (residual_ == 0.0F) return;
  const float decay = std::exp(-1.0F / (kFadeOutSeconds * static_cast<float>(settings_.rate)));
  for (int16_t& sample : out) {
    residual_ *= decay;
    const long mixed = std::lrintf(static_cast<float>(sample) + residual_);
    sample = static_cast<int16_t>(std::clamp(mixed, -32768L, 32767L));
  }
  if (std::fabs(residual_) < 0.5F) residual_ = 0.0F;
}

void PlayoutQueue::fadeIn(std::span<int16_t> audio) const {
  if (std::abs(audio.front()) <= kFadeInThreshold) return;
  const size_t length =
      std::min(audio.size(), static_cast<size_t>(settings_.rate / kFadeInDivisor));
  for (size_t i = 0; i < length; ++i) {
    audio[i] =
        static_cast<int16_t>(audio[i] * static_cast<int>(i + 1) / static_cast<int>(length + 1));
  }
}

uint64_t PlayoutQueue::clear() {
  const uint64_t cleared_ms = milliseconds();
  // An odd byte is half a sample of a message still arriving: keep the alignment.
  const bool odd = (written_bytes_ & 1U) != 0;
  const size_t drop = fifo_.size() - (odd && fifo_.size() > 0 ? 1 : 0);
  read_bytes_ += fifo_.read(nullptr, drop);
  counters_.cleared_ms += cleared_ms;
  playing_ = false;
  starved_us_ = 0;
  protected_until_ = 0;
  for (Mark& mark : marks_)
    mark.position = 0;
  return cleared_ms;
}

void PlayoutQueue::beginStream() {
  if ((written_bytes_ & 1U) == 0) return;
  fifo_.write(std::array<uint8_t, 1>{});
  ++written_bytes_;
}

void PlayoutQueue::addMark(uint64_t id) {
  marks_.push_back({id, written_bytes_ & ~uint64_t{1}});
}

std::vector<uint64_t> PlayoutQueue::takeMarks() {
  std::vector<uint64_t> reached;
  while (!marks_.empty() && marks_.front().position <= read_bytes_) {
    reached.push_back(marks_.front().id);
    marks_.pop_front();
  }
  return reached;
}

}  // namespace wsbridge
