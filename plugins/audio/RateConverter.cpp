// SPDX-License-Identifier: LGPL-2.1-or-later
#include "audio/RateConverter.hpp"

#include <algorithm>
#include <numeric>
#include <vector>

namespace wsbridge {

namespace {

constexpr guint kQuality = 2;
// Fills the resampler's caches of filter phases and sizes its sample memory.
constexpr int kWarmUpMs = 40;

GstAudioResampler* makeResampler(int from_rate, int to_rate) {
  constexpr GstAudioResamplerMethod method = GST_AUDIO_RESAMPLER_METHOD_KAISER;
  GstStructure* options = gst_structure_new_empty("options");
  gst_audio_resampler_options_set_quality(method, kQuality, from_rate, to_rate, options);
  GstAudioResampler* resampler = gst_audio_resampler_new(
      method, GST_AUDIO_RESAMPLER_FLAG_NONE, GST_AUDIO_FORMAT_S16, 1, from_rate, to_rate, options);
  gst_structure_free(options);
  return resampler;
}

void run(GstAudioResampler* resampler, const int16_t* in, size_t in_samples, int16_t* out,
         size_t out_samples) {
  // It only reads from there.
  gpointer from[] = {const_cast<int16_t*>(in)};
  gpointer to[] = {out};
  gst_audio_resampler_resample(resampler, in != nullptr ? from : nullptr, in_samples, to,
                               out_samples);
}

}  // namespace

RateConverter::RateConverter(int from_rate, int to_rate)
    : from_rate_(from_rate), to_rate_(to_rate) {
  const auto divisor = static_cast<uint64_t>(std::gcd(from_rate, to_rate));
  up_ = static_cast<uint64_t>(to_rate) / divisor;
  down_ = static_cast<uint64_t>(from_rate) / divisor;
  reset();
}

void RateConverter::reset() {
  carry_ = 0;
  if (up_ == down_) return;
  if (up_ + down_ == 3) {
    half_band_.emplace(up_ == 2 ? HalfBand::Direction::Up : HalfBand::Direction::Down);
    lead_in_ = half_band_->delay();
    return;
  }
  // gst_audio_resampler_reset() would keep the phase of the filter.
  resampler_.reset(makeResampler(from_rate_, to_rate_));
  // The filter begins with its left half full of silence. With its right half full, too, there is
  // always enough for what convert() promises; when it takes several samples for one, some less.
  lead_in_ = gst_audio_resampler_get_max_latency(resampler_.get()) + 1;
  lead_in_ -= std::min(lead_in_, static_cast<size_t>(down_ / up_));
  // A delay of whole samples at the output, too: half a one would blur what is compared with it.
  while (lead_in_ * up_ % down_ != 0)
    ++lead_in_;
  // A whole number of periods of the ratio leaves the phase as it was.
  const uint64_t periods = static_cast<uint64_t>(from_rate_) * kWarmUpMs / 1000 / down_ + 1;
  std::vector<int16_t> out(periods * up_);
  run(resampler_.get(), nullptr, periods * down_ + lead_in_, out.data(), out.size());
}

size_t RateConverter::outputSize(size_t in_samples) const {
  return (carry_ + in_samples * up_) / down_;
}

size_t RateConverter::convert(std::span<const int16_t> in, int16_t* out) {
  if (in.empty()) return 0;
  if (up_ == down_) {
    std::copy(in.begin(), in.end(), out);
    return in.size();
  }
  const size_t count = outputSize(in.size());
  carry_ = (carry_ + in.size() * up_) % down_;
  if (half_band_) return half_band_->convert(in, out);
  run(resampler_.get(), in.data(), in.size(), out, count);
  return count;
}

int64_t RateConverter::delayNs() const {
  return static_cast<int64_t>(lead_in_) * 1'000'000'000 / from_rate_;
}

}  // namespace wsbridge
