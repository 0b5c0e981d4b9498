// SPDX-License-Identifier: LGPL-2.1-or-later
//
// RateConverter: mono 16-bit audio from one rate to another: twice or half the rate by HalfBand,
// which telephony needs most, others by GStreamer's resampler (Kaiser window, quality 2). It owns
// the one that it uses. Primed with silence, so that from the first call on
// so much time comes out as went in: for whole numbers of samples exactly, otherwise with the
// remainder carried to the next call. Equal rates are a copy. Not synchronised; convert() does not
// allocate, except when it is given more than ever before and more than 40 ms.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include <gst/audio/audio.h>

#include "audio/HalfBand.hpp"

namespace wsbridge {

class RateConverter {
 public:
  /// Rates in Hz, positive.
  RateConverter(int from_rate, int to_rate);

  /// Samples that the next convert() of so many gives.
  [[nodiscard]] size_t outputSize(size_t in_samples) const;
  /// Writes outputSize(in.size()) samples to `out`, which must not overlap `in`; how many.
  size_t convert(std::span<const int16_t> in, int16_t* out);
  /// As new: what is in the filter is forgotten.
  void reset();
  /// How much later a sound comes out than it went in.
  [[nodiscard]] int64_t delayNs() const;

 private:
  struct Free {
    void operator()(GstAudioResampler* resampler) const { gst_audio_resampler_free(resampler); }
  };

  int from_rate_;
  int to_rate_;
  // The ratio of the rates in lowest terms.
  uint64_t up_;
  uint64_t down_;
  uint64_t carry_ = 0;  // of an output sample, in parts of 1/down_
  size_t lead_in_ = 0;  // silence in front, input samples
  std::optional<HalfBand> half_band_;
  std::unique_ptr<GstAudioResampler, Free> resampler_;  // neither for equal rates
};

}  // namespace wsbridge
