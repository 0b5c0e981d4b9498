// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Outbox: what waits to be sent to the endpoint, in order. Audio above the limit is dropped, the
// oldest first; text is never dropped and keeps its place among the audio. Pure; not synchronised.
#pragma once

#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace wsbridge {

class Outbox {
 public:
  struct Item {
    bool text;
    std::vector<uint8_t> bytes;
  };

  void setMaxFrames(size_t frames) { max_frames_ = frames; }

  /// Returns how many frames were dropped to make room.
  size_t pushAudio(std::span<const uint8_t> frame) {
    size_t dropped = 0;
    while (frames_ >= max_frames_ && dropOldestFrame())
      ++dropped;
    items_.push_back({false, {frame.begin(), frame.end()}});
    ++frames_;
    return dropped;
  }
  void pushText(std::string_view text) {
    items_.push_back({true, {text.begin(), text.end()}});
    text_bytes_ += text.size();
  }
  Item pop() {
    Item item = std::move(items_.front());
    items_.pop_front();
    if (item.text) {
      text_bytes_ -= item.bytes.size();
    } else {
      --frames_;
    }
    return item;
  }
  [[nodiscard]] bool empty() const { return items_.empty(); }
  [[nodiscard]] size_t textBytes() const { return text_bytes_; }
  void clear() {
    items_.clear();
    frames_ = 0;
    text_bytes_ = 0;
  }

 private:
  bool dropOldestFrame() {
    for (auto item = items_.begin(); item != items_.end(); ++item) {
      if (item->text) continue;
      items_.erase(item);
      --frames_;
      return true;
    }
    return false;
  }

  std::deque<Item> items_;
  size_t frames_ = 0;
  size_t text_bytes_ = 0;
  size_t max_frames_ = 50;
};

}  // namespace wsbridge
