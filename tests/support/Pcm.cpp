// SPDX-License-Identifier: LGPL-2.1-or-later
#include "Pcm.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <mutex>
#include <numbers>
#include <random>
#include <set>
#include <stdexcept>

#include "ChildProcess.hpp"
#include "TempDir.hpp"

namespace testsupport {
namespace {

constexpr double kPi = std::numbers::pi;

int16_t clip(double value) {
  return static_cast<int16_t>(std::lround(std::clamp(value, -32768.0, 32767.0)));
}

Samples espeak(int rate, const std::string& text) {
  try {
    const auto spoken = runCommand({"espeak-ng", "-v", "en", "-s", "150", "--stdout", text}, 20s);
    if (spoken.status != 0) return {};
    const auto raw =
        runCommand({"sox", "-D", "-t", "wav", "-", "-t", "raw", "-r", std::to_string(rate), "-e",
                    "signed", "-b", "16", "-c", "1", "-", "norm", "-6"},
                   20s, spoken.output);
    return raw.status == 0 ? fromBytes(raw.output) : Samples();
  } catch (const std::runtime_error&) {
    return {};
  }
}

}  // namespace

Samples sine(int rate, double hertz, double seconds, double amplitude) {
  Samples out(static_cast<size_t>(seconds * rate));
  for (size_t i = 0; i < out.size(); ++i) {
    out[i] = clip(amplitude * std::sin(2 * kPi * hertz * static_cast<double>(i) / rate));
  }
  return out;
}

Samples noise(int rate, double seconds, double amplitude, unsigned seed) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<double> spread(-amplitude, amplitude);
  Samples out(static_cast<size_t>(seconds * rate));
  for (auto& sample : out)
    sample = clip(spread(random));
  return out;
}

Samples syllables(int rate, double seconds) {
  Samples out(static_cast<size_t>(seconds * rate));
  std::mt19937 random(7);
  std::uniform_real_distribution<double> unit(0, 1);
  size_t at = 0;
  while (at < out.size()) {
    const double pitch = 90 + 120 * unit(random);
    const double first = 300 + 500 * unit(random);
    const double second = 900 + 1300 * unit(random);
    const auto length = static_cast<size_t>((0.08 + 0.2 * unit(random)) * rate);
    const auto pause = static_cast<size_t>(0.12 * unit(random) * rate);
    for (size_t i = 0; i < length && at + i < out.size(); ++i) {
      const double t = static_cast<double>(i) / rate;
      const double shape = std::sin(kPi * static_cast<double>(i) / static_cast<double>(length));
      double value = 0;
      for (int harmonic = 1; harmonic * pitch < 3200; ++harmonic) {
        const double hertz = harmonic * pitch * (1 + 0.1 * t);
        const double weight = std::exp(-std::pow((hertz - first) / 200, 2)) +
                              0.6 * std::exp(-std::pow((hertz - second) / 300, 2)) + 0.02;
        value += weight * std::sin(2 * kPi * hertz * t + harmonic);
      }
      out[at + i] = clip(6000 * shape * value);
    }
    at += length + pause;
  }
  return out;
}

Samples speech(int rate, const std::string& text) {
  static std::mutex mutex;
  static std::map<std::pair<int, std::string>, Samples> cache;
  const std::lock_guard guard(mutex);
  Samples& made = cache[{rate, text}];
  if (made.empty()) made = espeak(rate, text);
  if (made.empty()) made = syllables(rate, 0.07 * static_cast<double>(text.size()) + 0.5);
  return made;
}

std::string toBytes(const Samples& samples) {
  std::string bytes(samples.size() * 2, '\0');
  for (size_t i = 0; i < samples.size(); ++i) {
    const auto value = static_cast<uint16_t>(samples[i]);
    bytes[2 * i] = static_cast<char>(value & 0xFF);
    bytes[2 * i + 1] = static_cast<char>(value >> 8);
  }
  return bytes;
}

Samples fromBytes(const std::string& bytes) {
  Samples samples(bytes.size() / 2);
  for (size_t i = 0; i < samples.size(); ++i) {
    const auto low = static_cast<uint8_t>(bytes[2 * i]);
    const auto high = static_cast<uint8_t>(bytes[2 * i + 1]);
    samples[i] = static_cast<int16_t>(static_cast<uint16_t>(low | high << 8));
  }
  return samples;
}

Samples slice(const Samples& samples, size_t from, size_t count) {
  if (from >= samples.size()) return {};
  const auto begin = samples.begin() + static_cast<std::ptrdiff_t>(from);
  return {begin, begin + static_cast<std::ptrdiff_t>(std::min(count, samples.size() - from))};
}

double levelDbov(const Samples& samples) {
  if (samples.empty()) return -127;
  double energy = 0;
  for (const int16_t sample : samples)
    energy += static_cast<double>(sample) * sample;
  const double rms = std::sqrt(energy / static_cast<double>(samples.size()));
  return rms <= 0 ? -127 : std::max(-127.0, 20 * std::log10(rms / 32768));
}

Samples louderThan(const Samples& samples, int rate, double dbov) {
  const auto piece = static_cast<size_t>(rate / 50);
  Samples loud;
  for (size_t at = 0; at + piece <= samples.size(); at += piece) {
    const Samples part = slice(samples, at, piece);
    if (levelDbov(part) > dbov) loud.insert(loud.end(), part.begin(), part.end());
  }
  return loud;
}

double meanOf(const Samples& samples) {
  double sum = 0;
  for (const int16_t sample : samples)
    sum += sample;
  return samples.empty() ? 0 : sum / static_cast<double>(samples.size());
}

size_t distinctValues(const Samples& samples) {
  return std::set<int16_t>(samples.begin(), samples.end()).size();
}

void fft(std::vector<std::complex<double>>& values, bool inverse) {
  const size_t n = values.size();
  for (size_t i = 1, j = 0; i < n; ++i) {
    size_t bit = n >> 1;
    for (; j & bit; bit >>= 1)
      j ^= bit;
    j ^= bit;
    if (i < j) std::swap(values[i], values[j]);
  }
  for (size_t length = 2; length <= n; length <<= 1) {
    const double angle = 2 * kPi / static_cast<double>(length) * (inverse ? 1 : -1);
    std::vector<std::complex<double>> roots(length / 2);
    for (size_t k = 0; k < roots.size(); ++k)
      roots[k] = std::polar(1.0, angle * static_cast<double>(k));
    for (size_t start = 0; start < n; start += length) {
      for (size_t k = 0; k < length / 2; ++k) {
        const auto even = values[start + k];
        const auto odd = values[start + k + length / 2] * roots[k];
        values[start + k] = even + odd;
        values[start + k + length / 2] = even - odd;
      }
    }
  }
  if (!inverse) return;
  for (auto& value : values)
    value /= static_cast<double>(n);
}

double correlation(const Samples& a, const Samples& b) {
  const size_t n = std::min(a.size(), b.size());
  double ab = 0;
  double aa = 0;
  double bb = 0;
  for (size_t i = 0; i < n; ++i) {
    ab += static_cast<double>(a[i]) * b[i];
    aa += static_cast<double>(a[i]) * a[i];
    bb += static_cast<double>(b[i]) * b[i];
  }
  return aa <= 0 || bb <= 0 ? 0 : ab / std::sqrt(aa * bb);
}

Match findIn(const Samples& sent, const Samples& received) {
  if (sent.empty() || received.empty()) return {};
  size_t size = 1;
  while (size < sent.size() + received.size())
    size <<= 1;
  std::vector<std::complex<double>> a(size);
  std::vector<std::complex<double>> b(size);
  std::copy(sent.begin(), sent.end(), a.begin());
  std::copy(received.begin(), received.end(), b.begin());
  fft(a, false);
  fft(b, false);
  for (size_t i = 0; i < size; ++i)
    b[i] *= std::conj(a[i]);
  fft(b, true);
  // Only lags at which the whole of `sent` lies within `received`, give or take a tenth of it.
  const auto slack = static_cast<long>(sent.size() / 10);
  const long last = static_cast<long>(received.size()) - static_cast<long>(sent.size()) + slack;
  long best = 0;
  double highest = -1e300;
  for (long lag = -slack; lag <= std::max(last, 0L); ++lag) {
    const double value =
        b[static_cast<size_t>((lag + static_cast<long>(size)) % static_cast<long>(size))].real();
    if (value > highest) {
      highest = value;
      best = lag;
    }
  }
  const Samples from = best < 0 ? slice(sent, static_cast<size_t>(-best), sent.size()) : sent;
  const Samples part = slice(received, static_cast<size_t>(std::max(best, 0L)), from.size());
  Match match;
  match.lag = static_cast<int>(best);
  match.correlation = correlation(from, part);
  match.gainDb = levelDbov(part) - levelDbov(slice(from, 0, part.size()));
  return match;
}

double shareFound(const Samples& sent, const Samples& received, size_t piece, double least) {
  size_t pieces = 0;
  size_t found = 0;
  for (size_t at = 0; at + piece <= sent.size(); at += piece) {
    ++pieces;
    if (findIn(slice(sent, at, piece), received).correlation >= least) ++found;
  }
  return pieces == 0 ? 0 : static_cast<double>(found) / static_cast<double>(pieces);
}

std::vector<double> powerSpectrum(const Samples& samples) {
  size_t size = 1;
  while (size * 2 <= samples.size())
    size *= 2;
  if (samples.empty()) return {};
  std::vector<std::complex<double>> values(size);
  for (size_t i = 0; i < size; ++i) {
    const double window =
        0.5 - 0.5 * std::cos(2 * kPi * static_cast<double>(i) / static_cast<double>(size));
    values[i] = samples[i] * window;
  }
  fft(values, false);
  std::vector<double> power(size / 2);
  for (size_t i = 0; i < power.size(); ++i)
    power[i] = std::norm(values[i]);
  return power;
}

double dominantHertz(const Samples& samples, int rate) {
  auto power = powerSpectrum(samples);
  if (power.size() < 4) return 0;
  power[0] = power[1] = 0;
  const auto peak =
      static_cast<size_t>(std::max_element(power.begin(), power.end()) - power.begin());
  return static_cast<double>(peak) * rate / (2.0 * static_cast<double>(power.size()));
}

double powerShare(const Samples& samples, int rate, double hertz, double width) {
  const auto power = powerSpectrum(samples);
  double inside = 0;
  double all = 0;
  for (size_t k = 0; k < power.size(); ++k) {
    const double f = static_cast<double>(k) * rate / (2.0 * static_cast<double>(power.size()));
    all += power[k];
    if (std::abs(f - hertz) <= width) inside += power[k];
  }
  return all <= 0 ? 0 : inside / all;
}

double spectralFlatness(const Samples& samples, int rate) {
  const auto power = powerSpectrum(samples);
  double logs = 0;
  double sum = 0;
  size_t count = 0;
  for (size_t k = 0; k < power.size(); ++k) {
    const double f = static_cast<double>(k) * rate / (2.0 * static_cast<double>(power.size()));
    if (f < 300 || f > 3000) continue;
    logs += std::log(power[k] + 1e-9);
    sum += power[k];
    ++count;
  }
  if (count == 0 || sum <= 0) return 0;
  return std::exp(logs / static_cast<double>(count)) / (sum / static_cast<double>(count));
}

}  // namespace testsupport
