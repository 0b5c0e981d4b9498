// SPDX-License-Identifier: LGPL-2.1-or-later
//
// JitterBuffer: whatever packets come, each comes out at most once and none is forgotten, time goes
// forward, and no more is held than the limit says. Six bytes a packet.
#include <cstdint>
#include <set>

#include "FuzzCheck.hpp"
#include "FuzzInput.hpp"
#include "rtp/JitterBuffer.hpp"

namespace {

using fuzz::require;
using wsbridge::JitterBuffer;
using Kind = JitterBuffer::Action::Kind;

constexpr int64_t kMs = JitterBuffer::kMs;

class Run {
 public:
  explicit Run(fuzz::Input input) : input_(input) {
    JitterBuffer::Limits limits;
    limits.max_wait_ns = input_.byte() % 120 * kMs;
    limits.max_packets = 2 + input_.byte() % 64;
    buffer_.setLimits(limits);
    most_ = limits.max_packets;
  }

  void go() {
    while (!input_.empty()) {
      push();
      pullAll();
      check();
    }
    for (int i = 0; buffer_.deadline() != JitterBuffer::kNever; ++i) {
      require(i < 100000, "what is due at its deadline is gone after it");
      if (buffer_.deadline() > now_ns_) now_ns_ = buffer_.deadline();
      pullAll();
    }
    buffer_.drain();
    pullAll();
    check(true);
  }

 private:
  void push() {
    const uint8_t what = input_.byte();
    seq_ = static_cast<uint16_t>(seq_ + static_cast<int8_t>(input_.byte()) * (what & 64U ? 97 : 1));
    time_ += static_cast<uint32_t>(static_cast<int8_t>(input_.byte())) * 80U;
    now_ns_ += input_.byte() * kMs;
    const uint8_t jump = input_.byte();
    if (jump > 250) time_ += static_cast<uint32_t>(jump) << 23U;
    (void)input_.byte();
    if (what > 253) return buffer_.clear(what == 254 ? 8000 : 16000);
    if (what == 253) return buffer_.drain();
    JitterBuffer::Packet packet;
    packet.seq = seq_;
    packet.type = what & 1U;
    packet.time = time_;
    packet.ssrc = (what >> 1U) & 3U;
    packet.arrival_ns = now_ns_;
    packet.skipped = (what & 8U) != 0;
    ++pushed_;
    if (!packet.skipped) packet.payload = {reinterpret_cast<void*>(pushed_), [](void*) {}};
    buffer_.push(std::move(packet));
  }

  void pullAll() {
    for (int i = 0;; ++i) {
      require(i < 100000, "there is an end of what is due");
      const JitterBuffer::Action action = buffer_.pull(now_ns_);
      if (action.kind == Kind::None) return;
      if (action.kind == Kind::Skip) continue;
      require(action.pts_ns >= 0, "time begins at 0");
      if (action.kind == Kind::Lost) {
        require(action.duration_ns >= 0, "what is lost takes no negative time");
        continue;
      }
      ++delivered_;
      const auto number = reinterpret_cast<uintptr_t>(action.packet.payload.get());
      require(number > 0 && number <= pushed_, "what comes out has come in");
      require(out_.insert(number).second, "a packet comes out once");
    }
  }

  void check(bool over = false) const {
    const auto& s = buffer_.stats();
    const uint64_t counted = s.delivered + s.skipped + s.late + s.duplicates + s.stale + s.flushed;
    // One that may begin a new sequence waits for the next to say so.
    require(s.received >= counted + s.held, "no packet is counted twice");
    require(!over || s.received == counted + s.held, "every packet is counted once");
    require(s.received == pushed_ && s.delivered == delivered_, "the counters say what happened");
    require(s.held <= most_, "no more is held than the limit says");
  }

  fuzz::Input input_;
  JitterBuffer buffer_;
  size_t most_ = 0;
  uint16_t seq_ = 0;
  uint32_t time_ = 0;
  int64_t now_ns_ = 0;
  uintptr_t pushed_ = 0;
  uint64_t delivered_ = 0;
  std::set<uintptr_t> out_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Run(fuzz::Input(data, size)).go();
  return 0;
}
