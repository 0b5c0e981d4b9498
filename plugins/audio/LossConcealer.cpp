// SPDX-License-Identifier: LGPL-2.1-or-later
#include "audio/LossConcealer.hpp"

#include <algorithm>
#include <cmath>

namespace wsbridge {

namespace {

constexpr size_t kHoldMs = 20;
constexpr size_t kSilentMs = 65;
constexpr size_t kHighestPitchHz = 400;
constexpr size_t kLowestPitchHz = 66;
constexpr size_t kMinBlendMs = 3;  // of new audio, for voices so high that a quarter period clicks
constexpr size_t kWindowMs = 20;
// What is searched coarsely is searched at about this rate.
constexpr size_t kSearchRate = 8000;

int16_t clip(double value) {
  return static_cast<int16_t>(std::lrint(std::clamp(value, -32768.0, 32767.0)));
}

/// From `from` at 0 to `to` at 1.
double mix(double from, double to, double share) {
  return from + (to - from) * share;
}

double share(size_t index, size_t count) {
  return static_cast<double>(index + 1) / static_cast<double>(count + 1);
}

}  // namespace

LossConcealer::LossConcealer(int rate)
    : rate_(static_cast<size_t>(rate)),
      min_lag_(std::max<size_t>(1, rate_ / kHighestPitchHz)),
      max_lag_(std::max<size_t>(2, rate_ / kLowestPitchHz)),
      hold_(rate_ * kHoldMs / 1000),
      silent_(rate_ * kSilentMs / 1000),
      ring_(rate_ * kHistoryMs / 1000),
      past_(ring_.size()),
      cycle_(max_lag_) {}

void LossConcealer::reset() {
  std::fill(ring_.begin(), ring_.end(), int16_t{0});
  ring_at_ = 0;
  heard_ = false;
  concealing_ = false;
}

void LossConcealer::remember(std::span<const int16_t> audio) {
  if (audio.size() > ring_.size()) audio = audio.last(ring_.size());
  const size_t first = std::min(audio.size(), ring_.size() - ring_at_);
  std::copy_n(audio.begin(), first, ring_.begin() + static_cast<std::ptrdiff_t>(ring_at_));
  std::copy(audio.begin() + static_cast<std::ptrdiff_t>(first), audio.end(), ring_.begin());
  ring_at_ += audio.size();
  if (ring_at_ >= ring_.size()) ring_at_ -= ring_.size();
}

/// Normalised correlation of the last window with the one `lag` earlier, squared and signed.
double LossConcealer::similarity(size_t lag, size_t step) const {
  int64_t product = 0;
  int64_t energy = 0;
  const int16_t* const now = past_.data() + past_.size() - rate_ * kWindowMs / 1000;
  const int16_t* const before = now - lag;
  const size_t count = rate_ * kWindowMs / 1000;
  for (size_t i = 0; i < count; i += step) {
    product += static_cast<int32_t>(now[i]) * before[i];
    energy += static_cast<int32_t>(before[i]) * before[i];
  }
  if (product <= 0 || energy == 0) return 0;
  const auto amount = static_cast<double>(product);
  return amount * amount / static_cast<double>(energy);
}

size_t LossConcealer::findPitch() const {
  const size_t step = std::max<size_t>(1, rate_ / kSearchRate);
  size_t best = max_lag_;
  double best_score = 0;
  const auto search = [&](size_t from, size_t to, size_t stride) {
    for (size_t lag = from; lag <= to; lag += stride) {
      const double score = similarity(lag, step);
      if (score <= best_score) continue;
      best_score = score;
      best = lag;
    }
  };
  search(min_lag_, max_lag_, step);
  if (step > 1) {
    search(std::max(min_lag_, best - step + 1), std::min(max_lag_, best + step - 1), 1);
  }
  return best;
}

void LossConcealer::begin() {
  const auto middle = ring_.begin() + static_cast<std::ptrdiff_t>(ring_at_);
  std::rotate_copy(ring_.begin(), middle, ring_.end(), past_.begin());
  pitch_ = findPitch();
  const int16_t* const end = past_.data() + past_.size();
  std::copy(end - pitch_, end, cycle_.begin());
  // The end of the period becomes that of the one before, so that its beginning follows on it.
  blend_ = std::max<size_t>(1, pitch_ / 4);
  const int16_t* const before = end - pitch_ - blend_;
  for (size_t i = 0; i < blend_; ++i) {
    int16_t& sample = cycle_[pitch_ - blend_ + i];
    sample = clip(mix(sample, before[i], share(i, blend_)));
  }
  // What the first repetition does not follow on smoothly; it is let go within the overlap.
  offset_ = end[-1] - end[-1 - static_cast<std::ptrdiff_t>(pitch_)];
  made_ = 0;
  cycle_at_ = 0;
  concealing_ = true;
}

int16_t LossConcealer::next() {
  if (made_ >= silent_) return 0;
  double value = cycle_[cycle_at_];
  if (made_ < blend_) value += mix(offset_, 0, share(made_, blend_));
  if (made_ > hold_) {
    value *= static_cast<double>(silent_ - made_) / static_cast<double>(silent_ - hold_);
  }
  ++made_;
  if (++cycle_at_ == pitch_) cycle_at_ = 0;
  return clip(value);
}

void LossConcealer::conceal(std::span<int16_t> out) {
  if (!heard_) {
    std::fill(out.begin(), out.end(), int16_t{0});
    return;
  }
  if (!concealing_) begin();
  for (int16_t& sample : out)
    sample = next();
  remember(out);
}

void LossConcealer::good(std::span<int16_t> audio) {
  if (concealing_) {
    const size_t count = std::min(std::max(blend_, rate_ * kMinBlendMs / 1000), audio.size());
    for (size_t i = 0; i < count; ++i)
      audio[i] = clip(mix(next(), audio[i], share(i, count)));
    concealing_ = false;
  }
  heard_ = heard_ || !audio.empty();
  remember(audio);
}

}  // namespace wsbridge
