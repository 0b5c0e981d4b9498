// SPDX-License-Identifier: LGPL-2.1-or-later
// Where on the clock the samples of a stream are: the last marks, each a sample and its time. Pure
// values, no allocation; one thread at a time.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "Clock.hpp"

namespace bench {

class MarkRing {
 public:
  void add(int64_t sample, Nanoseconds time) { marks_[count_++ % kKept] = {sample, time}; }

  // By the last mark at or before `sample`; the oldest one's time when all are behind it.
  Nanoseconds timeAt(double sample, double rate) const {
    const size_t kept = count_ < kKept ? count_ : kKept;
    Nanoseconds oldest = 0;
    for (size_t i = 1; i <= kept; ++i) {
      const Mark& mark = marks_[(count_ - i) % kKept];
      if (static_cast<double>(mark.sample) <= sample)
        return mark.time +
               static_cast<Nanoseconds>((sample - static_cast<double>(mark.sample)) / rate * 1e9);
      oldest = mark.time;
    }
    return oldest;
  }

 private:
  static constexpr size_t kKept = 32;
  struct Mark {
    int64_t sample;
    Nanoseconds time;
  };
  std::array<Mark, kKept> marks_{};
  size_t count_ = 0;
};

}  // namespace bench
