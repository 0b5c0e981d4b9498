// SPDX-License-Identifier: LGPL-2.1-or-later
//
// LossConcealer: makes up the audio of lost packets from what came before, in the manner of G.711
// Appendix I: the last pitch period again and again, fading to silence. It owns the last 40 ms.
// Pure, mono, any rate; not synchronised and never allocates after construction. Without loss it
// costs a copy.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace wsbridge {

class LossConcealer {
 public:
  static constexpr size_t kHistoryMs = 40;

  explicit LossConcealer(int rate);

  /// Fills `out` with what could have been there. Silence when nothing ever came.
  void conceal(std::span<int16_t> out);
  /// Takes note of audio that came. After a loss its beginning is blended with what was made up.
  void good(std::span<int16_t> audio);
  /// As new.
  void reset();

 private:
  void begin();
  [[nodiscard]] size_t findPitch() const;
  [[nodiscard]] double similarity(size_t lag, size_t step) const;
  /// The next made-up sample.
  int16_t next();
  void remember(std::span<const int16_t> audio);

  const size_t rate_;
  const size_t min_lag_;
  const size_t max_lag_;
  const size_t hold_;    // samples at full level
  const size_t silent_;  // samples until there is silence

  std::vector<int16_t> ring_;
  size_t ring_at_ = 0;
  bool heard_ = false;

  // One loss.
  bool concealing_ = false;
  std::vector<int16_t> past_;   // the ring, in order
  std::vector<int16_t> cycle_;  // the period that is repeated, the first pitch_ of it
  size_t pitch_ = 0;
  size_t blend_ = 0;     // samples of an overlap
  size_t made_ = 0;      // samples of this loss
  size_t cycle_at_ = 0;  // in cycle_
  int offset_ = 0;       // from the period before to the end of the last one
};

}  // namespace wsbridge
