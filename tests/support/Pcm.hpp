// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <complex>
#include <cstdint>
#include <string>
#include <vector>

#include "wire/Wav.hpp"

// Signals to send, and measures of what came back. All pure functions, except speech(), which runs
// espeak-ng.
namespace testsupport {

using namespace wire;

using Samples = std::vector<int16_t>;

Samples sine(int rate, double hertz, double seconds, double amplitude);
Samples noise(int rate, double seconds, double amplitude, unsigned seed = 1);
// Speech of espeak-ng, or a signal like it (voiced syllables with pauses) where that is not
// installed. Mono, with a peak of about -6 dBov. The same text gives the same samples.
Samples speech(int rate, const std::string& text);
// Vowel-like syllables with formants and pauses, deterministic.
Samples syllables(int rate, double seconds);

std::string toBytes(const Samples& samples);  // signed 16-bit little-endian
Samples fromBytes(const std::string& bytes);
Samples slice(const Samples& samples, size_t from, size_t count);

// RMS level in dB below the overload point (RFC 3389 dBov: a full-scale square wave is 0); -127 for
// silence.
double levelDbov(const Samples& samples);
// The 20 ms pieces above that level, put together.
Samples louderThan(const Samples& samples, int rate, double dbov);
double meanOf(const Samples& samples);
size_t distinctValues(const Samples& samples);

struct Match {
  double correlation = 0;  // normalised, -1 to 1, at the best lag
  int lag = 0;             // samples that `received` is later than `sent`
  double gainDb = 0;       // level of the matching part of `received` over that of `sent`
};
// Where `sent` is found in `received`, which must be at least nearly as long.
Match findIn(const Samples& sent, const Samples& received);
// The share, 0 to 1, of consecutive pieces of `sent` that are found in `received` with at least
// that correlation: a machine that is late for a moment moves what follows by a frame of noise and
// spoils one piece, a fault spoils many.
double shareFound(const Samples& sent, const Samples& received, size_t piece, double least);
// Normalised correlation of two signals that are already aligned.
double correlation(const Samples& a, const Samples& b);

// Power spectrum of the first 2^n samples that fit, Hann window: element k is k * rate / size Hz.
std::vector<double> powerSpectrum(const Samples& samples);
// The strongest frequency.
double dominantHertz(const Samples& samples, int rate);
// Share (0 to 1) of the power within +-width Hz of a frequency.
double powerShare(const Samples& samples, int rate, double hertz, double width);
// Geometric over arithmetic mean of the spectrum from 300 Hz to 3000 Hz: near 0.56 for white noise,
// near 0 for a tone.
double spectralFlatness(const Samples& samples, int rate);

// In-place FFT; the size must be a power of two.
void fft(std::vector<std::complex<double>>& values, bool inverse);

}  // namespace testsupport
