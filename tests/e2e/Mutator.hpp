// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdint>
#include <random>
#include <string>

// Spoils SIP messages, the same way for the same seed. One thread.
namespace e2e {

class Mutator {
 public:
  explicit Mutator(uint64_t seed) : random_(seed) {}

  // One to four changes: octets, lines, numbers, whole values.
  std::string spoil(std::string message);
  size_t below(size_t bound) { return random_() % bound; }

 private:
  void change(std::string& message);

  std::mt19937_64 random_;
};

}  // namespace e2e
