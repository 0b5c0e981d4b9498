// SPDX-License-Identifier: LGPL-2.1-or-later
// What the endpoint wants sent to the caller inside the dialog, as MESSAGE or INFO: one at a time,
// in order, the next one after the answer. Bounded: an endpoint may ask faster than a caller
// answers. Pure.
#pragma once

#include <algorithm>
#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <utility>

namespace launcher {

struct DialogRequest {
  std::string key;  ///< of a keypad, or empty
  std::string type;
  std::string body;
};

class DialogRequests {
 public:
  static constexpr std::size_t kMaxMessages = 8;
  static constexpr std::size_t kMaxKeys = 64;

  /// False: too many wait already.
  [[nodiscard]] bool add(DialogRequest request) {
    const bool key = !request.key.empty();
    const auto same = std::count_if(waiting_.begin(), waiting_.end(),
                                    [key](const auto& other) { return other.key.empty() != key; });
    if (static_cast<std::size_t>(same) >= (key ? kMaxKeys : kMaxMessages)) return false;
    waiting_.push_back(std::move(request));
    return true;
  }
  /// The one to be sent now; null while one is on its way, or when none waits.
  [[nodiscard]] const DialogRequest* next() {
    if (sent_ || waiting_.empty()) return nullptr;
    sent_ = std::move(waiting_.front());
    waiting_.pop_front();
    return &*sent_;
  }
  /// The one that was on its way.
  [[nodiscard]] std::optional<DialogRequest> answered() {
    return std::exchange(sent_, std::nullopt);
  }
  /// How many keys that were.
  [[nodiscard]] std::size_t dropKeys() {
    return std::erase_if(waiting_, [](const auto& request) { return !request.key.empty(); });
  }

 private:
  std::deque<DialogRequest> waiting_;
  std::optional<DialogRequest> sent_;
};

}  // namespace launcher
