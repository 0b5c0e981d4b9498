// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Marks: the labels that an endpoint has put into the audio it sends, until they are told back.
// Where they stand in the audio is the play-out queue's business. Pure; not synchronised.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>

namespace wsbridge {

class Marks {
 public:
  /// Beyond this an endpoint asks for replies that it does not read.
  static constexpr size_t kMax = 10'000;

  /// The number by which take() gives it back; no number comes twice.
  uint64_t add(std::string label) {
    bytes_ += label.size();
    labels_.emplace(next_, std::move(label));
    return next_++;
  }
  /// Nothing when it has been forgotten.
  std::optional<std::string> take(uint64_t mark) {
    const auto node = labels_.extract(mark);
    if (!node) return std::nullopt;
    bytes_ -= node.mapped().size();
    return std::move(node.mapped());
  }
  void forget() {
    labels_.clear();
    bytes_ = 0;
  }

  [[nodiscard]] bool empty() const { return labels_.empty(); }
  [[nodiscard]] size_t count() const { return labels_.size(); }
  [[nodiscard]] size_t bytes() const { return bytes_; }

 private:
  std::map<uint64_t, std::string> labels_;
  uint64_t next_ = 1;
  size_t bytes_ = 0;
};

}  // namespace wsbridge
