// SPDX-License-Identifier: LGPL-2.1-or-later
//
// FrameFilter: what comes out of the server's bytes is the same however they are cut and however
// often the play-out holds them up. The first two bytes of the input say how.
#include <algorithm>
#include <cstdint>
#include <span>
#include <string>

#include "FuzzCheck.hpp"
#include "common/Utf8.hpp"
#include "websocket/FrameFilter.hpp"

namespace {

using fuzz::require;
using wsbridge::FrameFilter;

struct Outcome {
  std::string audio;
  std::string libsoup;
  FrameFilter::Fault fault;
  uint64_t messages;
  bool close_seen;
  unsigned close_code;
  std::string close_reason;
  bool operator==(const Outcome&) const = default;
};

struct Manner {
  bool audio_is_text;
  bool holds;       ///< now and then
  bool drop_pings;  ///< all along
};

/// As FlowState does it. `cuts` says how long the pieces are; 0 stands for the rest at once.
class Run {
 public:
  explicit Run(const Manner& manner) : manner_(manner) {
    filter_.setAudioIsText(manner.audio_is_text);
    filter_.setDropPings(manner.drop_pings);
  }

  Outcome pass(std::span<const uint8_t> raw, uint32_t cuts) {
    while (!raw.empty()) {
      if (manner_.holds) filter_.setHold(next(cuts) % 3 == 0);
      drain();
      if (filter_.stuck()) release();
      const size_t wanted = cuts == 0 ? raw.size() : 1 + next(cuts) % 17;
      const auto part = raw.first(std::min(raw.size(), wanted));
      raw = raw.subspan(part.size());
      filter_.feed(part);
      drain();
    }
    release();
    return {audio_,
            libsoup_,
            filter_.fault(),
            filter_.messages(),
            filter_.closeSeen(),
            filter_.closeCode(),
            filter_.closeReason()};
  }

 private:
  static uint32_t next(uint32_t& state) {
    if (state == 0) return 1;
    state = state * 1664525U + 1013904223U;
    state |= 1U;  // never 0, which would be without cuts
    return state >> 16U;
  }

  void release() {
    filter_.setHold(false);
    drain();
  }

  void drain() {
    for (;;) {
      uint8_t buffer[64];
      while (const size_t count = filter_.read(buffer, sizeof buffer))
        libsoup_.append(buffer, buffer + count);
      require(filter_.wanted(), "all was read");
      if (filter_.fault() != FrameFilter::Fault::None || !filter_.behind()) return;
      filter_.proceed();
    }
  }

  Manner manner_;
  std::string audio_;
  std::string libsoup_;
  FrameFilter filter_{[this](std::span<const uint8_t> part) {
    require(!part.empty(), "audio has bytes");
    audio_.append(part.begin(), part.end());
  }};
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const Manner manner{.audio_is_text = (data[0] & 1U) != 0,
                      .holds = (data[0] & 2U) != 0,
                      .drop_pings = (data[0] & 4U) != 0};
  const std::span<const uint8_t> raw(data + 2, size - 2);
  Manner plain = manner;
  plain.holds = false;
  const Outcome whole = Run(plain).pass(raw, 0);
  const Outcome cut = Run(manner).pass(raw, 1U + data[1]);
  require(whole == cut, "the same comes out however the bytes are cut");
  require(whole.audio.size() + whole.libsoup.size() <= raw.size(), "nothing is added");
  if (whole.close_seen && whole.close_code != FrameFilter::kBrokenClose)
    require(wsbridge::common::isUtf8(whole.close_reason), "a close reason is UTF-8");
  return 0;
}
