// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Outbox: what waits to be sent to the endpoint, in order. Audio above the limit is dropped, the
// oldest first; text and notices are never dropped and keep their place among the audio. Notices
// are written when their turn comes: a dialect may number its messages. Pure; not synchronised.
#pragma once

#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "dialects/Dialect.hpp"

namespace wsbridge {

class Outbox {
 public:
  struct Item {
    enum class Kind { Audio, Text, Event };
    Kind kind;
    std::vector<uint8_t> bytes;  ///< of audio or text
    Notice notice;
  };

  void setMaxFrames(size_t frames) { max_frames_ = frames; }

  /// Returns how many frames were dropped to make room.
  size_t pushAudio(std::span<const uint8_t> frame) {
    size_t dropped = 0;
    while (frames_ >= max_frames_ && dropOldestFrame())
      ++dropped;
    items_.push_back({Item::Kind::Audio, {frame.begin(), frame.end()}, {}});
    ++frames_;
    return dropped;
  }
  void pushText(std::string_view text) {
    items_.push_back({Item::Kind::Text, {text.begin(), text.end()}, {}});
    text_bytes_ += text.size();
  }
  void pushNotice(const Notice& notice) {
    if (replaceLast(notice)) return;
    text_bytes_ += sizeOf(notice);
    items_.push_back({Item::Kind::Event, {}, notice});
  }
  Item pop() {
    Item item = std::move(items_.front());
    items_.pop_front();
    if (item.kind == Item::Kind::Audio) {
      --frames_;
    } else {
      text_bytes_ -= item.kind == Item::Kind::Text ? item.bytes.size() : sizeOf(item.notice);
    }
    return item;
  }
  /// Returns how many frames that were.
  size_t dropAudio() {
    std::erase_if(items_, [](const Item& item) { return item.kind == Item::Kind::Audio; });
    return std::exchange(frames_, 0);
  }
  void dropAllButAudio() {
    std::erase_if(items_, [](const Item& item) { return item.kind != Item::Kind::Audio; });
    text_bytes_ = 0;
  }
  [[nodiscard]] bool empty() const { return items_.empty(); }
  /// The next frame will have one dropped.
  [[nodiscard]] bool full() const { return frames_ >= max_frames_; }
  /// Enough has gone for a sender that waits to go on for a while.
  [[nodiscard]] bool hasRoom() const { return frames_ <= max_frames_ / 2; }
  [[nodiscard]] size_t textBytes() const { return text_bytes_; }
  void clear() {
    items_.clear();
    frames_ = 0;
    text_bytes_ = 0;
  }

 private:
  /// Of somebody who toggles faster than he reads, only what holds in the end is told.
  bool replaceLast(const Notice& notice) {
    constexpr size_t kKept = 64;
    if (items_.size() < kKept || !std::holds_alternative<MuteNotice>(notice)) return false;
    Item& last = items_.back();
    if (last.kind != Item::Kind::Event || !std::holds_alternative<MuteNotice>(last.notice))
      return false;
    last.notice = notice;
    return true;
  }
  /// About what it will be on the wire, and at least what it takes here.
  static size_t sizeOf(const Notice& notice) {
    constexpr size_t kMembers = sizeof(Item) + 16;
    if (const auto* mark = std::get_if<MarkNotice>(&notice)) return kMembers + mark->label.size();
    if (const auto* text = std::get_if<MessageNotice>(&notice)) return kMembers + text->body.size();
    if (const auto* error = std::get_if<ErrorNotice>(&notice))
      return kMembers + error->fault.size();
    return kMembers;
  }
  bool dropOldestFrame() {
    for (auto item = items_.begin(); item != items_.end(); ++item) {
      if (item->kind != Item::Kind::Audio) continue;
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
