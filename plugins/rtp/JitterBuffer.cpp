// SPDX-License-Identifier: LGPL-2.1-or-later
#include "rtp/JitterBuffer.hpp"

#include <algorithm>
#include <cstdlib>
#include <utility>

namespace wsbridge {

namespace {

constexpr unsigned kAdvancesOfMainType = 3;

}  // namespace

void JitterBuffer::Stats::zero() {
  for (Gauge<uint64_t>* counter : {&received, &delivered, &skipped, &lost, &late, &reordered,
                                   &duplicates, &stale, &flushed, &ssrc_changes, &resyncs, &held}) {
    *counter = 0;
  }
  jitter_ns = 0;
  longest_hold_ns = 0;
}

void JitterBuffer::clear(uint32_t clock_rate) {
  uint64_t thrown = holds() + (has_ready_ ? 1 : 0) + (suspect_.payload ? 1 : 0);
  for (Packet& packet : pending_) {
    if (packet.payload) ++thrown;
    packet.payload.reset();
  }
  stats_.flushed += thrown;
  stats_.held = 0;
  clock_rate_ = clock_rate;
  timeline_.reset(clock_rate);
  started_ = false;
  discont_ = true;
  has_ready_ = false;
  ready_.payload.reset();
  held_.clear();
  first_ = 0;
  oldest_arrival_ns_ = kNever;
  draining_ = false;
  has_previous_ = false;
  suspect_.payload.reset();
  clearDoubts();
  packet_ticks_ = std::max<int64_t>(1, timeline_.toTicks(kDefaultPacketNs));
  candidate_ticks_ = 0;
  ticks_known_ = false;
  has_transit_ = false;
}

int64_t JitterBuffer::deadline() const {
  int64_t oldest_ns = oldest_arrival_ns_;
  if (suspect_.payload) oldest_ns = std::min(oldest_ns, suspect_.arrival_ns);
  return oldest_ns == kNever ? kNever : oldest_ns + limits_.max_wait_ns;
}

void JitterBuffer::place(Packet packet) {
  if (packet.skipped) {
    placeSkipped(std::move(packet));
    return;
  }
  if (!started_) {
    begin(std::move(packet));
    return;
  }
  if (packet.ssrc != ssrc_) {
    if (has_previous_ && packet.ssrc == previous_ssrc_ &&
        packet.arrival_ns - changed_ns_ < kStragglerNs) {
      ++stats_.stale;
      return;
    }
    ++stats_.ssrc_changes;
    has_previous_ = true;
    previous_ssrc_ = ssrc_;
    changed_ns_ = packet.arrival_ns;
    replaceStream(std::move(packet), Packet());
    return;
  }
  const int64_t seq = extended(packet);
  const int64_t top = holdsNothing() ? next_ - 1 : held_.back().seq;
  if (seq - top >= kMaxDropout || next_ - seq > kMaxMisorder || goesBack(packet, seq)) {
    suspect(std::move(packet));
  } else if (seq < next_) {
    placeBehind(std::move(packet), seq);
  } else {
    placeAhead(std::move(packet), seq);
  }
}

/// It takes its place in front of what is to come, and begins nothing.
void JitterBuffer::placeSkipped(Packet packet) {
  const int64_t seq = extended(packet);
  if (started_ && packet.ssrc == ssrc_ && seq >= next_ && seq - next_ < kMaxDropout) {
    hold(std::move(packet), seq);
  } else {
    ++stats_.skipped;
  }
}

int64_t JitterBuffer::extended(const Packet& packet) const {
  return next_ + static_cast<int16_t>(packet.seq - static_cast<uint16_t>(next_));
}

/// A number of the past with a time stamp of the future is not late: the sender has begun to count
/// anew.
bool JitterBuffer::goesBack(const Packet& packet, int64_t seq) const {
  return seq < next_ && packet.type == main_type_ &&
         static_cast<int32_t>(packet.time - newest_time_) > 0;
}

void JitterBuffer::placeBehind(Packet packet, int64_t seq) {
  const bool run = has_late_run_ && packet.seq == late_run_next_;
  if (!run) late_run_start_ns_ = packet.arrival_ns;
  late_run_length_ = run ? late_run_length_ + 1 : 1;
  has_late_run_ = doubtful_ = true;
  late_run_next_ = static_cast<uint16_t>(packet.seq + 1);
  if (late_run_length_ >= kLateRunPackets && packet.arrival_ns - late_run_start_ns_ >= kLateRunNs) {
    ++stats_.resyncs;
    replaceStream(std::move(packet), Packet());
    return;
  }
  ++(delivered_[static_cast<size_t>(seq) % kMaxMisorder] ? stats_.duplicates : stats_.late);
}

void JitterBuffer::placeAhead(Packet packet, int64_t seq) {
  clearDoubts();
  noteJitter(packet);
  hold(std::move(packet), seq);
}

void JitterBuffer::suspect(Packet packet) {
  if (has_suspect_ && packet.seq == static_cast<uint16_t>(suspect_.seq + 1)) {
    ++stats_.resyncs;
    Packet first = std::move(suspect_);
    suspect_.payload.reset();
    if (first.payload) {
      replaceStream(std::move(first), std::move(packet));
    } else {
      replaceStream(std::move(packet), Packet());
    }
    return;
  }
  dropSuspect();
  suspect_ = std::move(packet);
  has_suspect_ = doubtful_ = true;
}

void JitterBuffer::dropSuspect() {
  if (!suspect_.payload) return;
  ++stats_.stale;
  suspect_.payload.reset();
}

void JitterBuffer::clearDoubts() {
  dropSuspect();
  doubtful_ = has_suspect_ = has_late_run_ = false;
}

void JitterBuffer::replaceStream(Packet first, Packet second) {
  pending_[0] = std::move(first);
  pending_[1] = std::move(second);
  draining_ = true;
}

void JitterBuffer::begin(Packet packet) {
  clearDoubts();
  started_ = true;
  ssrc_ = packet.ssrc;
  next_ = packet.seq;
  discont_ = true;
  delivered_.reset();
  timeline_.restart();
  main_type_ = last_type_ = packet.type;
  newest_time_ = packet.time;
  has_last_ = false;
  advances_ = 0;
  has_transit_ = false;
  noteJitter(packet);
  ready_ = std::move(packet);
  has_ready_ = true;
}

void JitterBuffer::hold(Packet packet, int64_t seq) {
  const auto begin = held_.begin() + static_cast<std::ptrdiff_t>(first_);
  const auto at = std::lower_bound(
      begin, held_.end(), seq, [](const Held& held, int64_t number) { return held.seq < number; });
  if (at != held_.end()) {
    if (at->seq == seq) {
      ++stats_.duplicates;
      return;
    }
    ++stats_.reordered;
  }
  oldest_arrival_ns_ = std::min(oldest_arrival_ns_, packet.arrival_ns);
  held_.insert(at, Held{seq, std::move(packet)});
  stats_.held = holds();
}

JitterBuffer::Packet JitterBuffer::release(int64_t now_ns) {
  Packet packet = std::move(held_[first_++].packet);
  if (holdsNothing()) {
    held_.clear();
    first_ = 0;
    oldest_arrival_ns_ = kNever;
  } else if (packet.arrival_ns == oldest_arrival_ns_) {
    oldest_arrival_ns_ = kNever;
    for (size_t i = first_; i < held_.size(); ++i)
      oldest_arrival_ns_ = std::min(oldest_arrival_ns_, held_[i].packet.arrival_ns);
  }
  // Held for ever one would keep growing at its end.
  if (first_ > limits_.max_packets) {
    held_.erase(held_.begin(), held_.begin() + static_cast<std::ptrdiff_t>(first_));
    first_ = 0;
  }
  stats_.held = holds();
  stats_.longest_hold_ns = std::max<int64_t>(stats_.longest_hold_ns, now_ns - packet.arrival_ns);
  return packet;
}

JitterBuffer::Action JitterBuffer::pull(int64_t now_ns) {
  if (has_ready_) {
    has_ready_ = false;
    return deliver(std::move(ready_));
  }
  if (suspect_.payload && (draining_ || suspect_.arrival_ns + limits_.max_wait_ns <= now_ns))
    dropSuspect();
  while (!holdsNothing()) {
    if (front().seq == next_) return deliver(release(now_ns));
    const bool due = draining_ || holds() > limits_.max_packets ||
                     oldest_arrival_ns_ + limits_.max_wait_ns <= now_ns;
    if (!due) return {};
    Action lost = giveUp();
    if (lost.kind == Action::Kind::Lost) return lost;
  }
  draining_ = false;
  if (!pending_[0].payload) return {};
  begin(std::move(pending_[0]));
  pending_[0].payload.reset();
  if (pending_[1].payload) {
    noteJitter(pending_[1]);
    hold(std::move(pending_[1]), next_ + 1);
    pending_[1].payload.reset();
  }
  has_ready_ = false;
  return deliver(std::move(ready_));
}

JitterBuffer::Action JitterBuffer::deliver(Packet packet) {
  Action action;
  if (packet.skipped) {
    // Its time is not sound's: what follows tells how long it was.
    action.kind = Action::Kind::Skip;
    advances_ = 0;
    has_last_ = false;
    last_type_ = packet.type;
    delivered_.set(static_cast<size_t>(next_) % kMaxMisorder);
    ++next_;
    ++stats_.skipped;
    return action;
  }
  action.kind = Action::Kind::Deliver;
  const bool leading = noteType(packet);
  if (leading) newest_time_ = packet.time;
  const RtpTimeline::Stamp stamp = timeline_.stamp(packet.time, packet.arrival_ns, leading);
  if (stamp.stepped) ++stats_.resyncs;
  action.pts_ns = stamp.pts;
  action.discont = std::exchange(discont_, false) || stamp.stepped;
  if (leading) timeline_.setEnd(packet.time, packet_ticks_);
  delivered_.set(static_cast<size_t>(next_) % kMaxMisorder);
  ++next_;
  ++stats_.delivered;
  action.packet = std::move(packet);
  return action;
}

const JitterBuffer::Packet& JitterBuffer::behindGap() const {
  // Telephone events carry the time of their start; the next packet of sound tells how much is
  // missing.
  for (size_t i = first_;
       i < held_.size() && held_[i].seq - front().seq == static_cast<int64_t>(i - first_); ++i) {
    if (held_[i].packet.type == main_type_) return held_[i].packet;
  }
  return front().packet;
}

JitterBuffer::Action JitterBuffer::giveUp() {
  const int64_t count = front().seq - next_;
  const int64_t room = std::max<int64_t>(0, timeline_.extend(behindGap().time) - timeline_.end());
  const int64_t missing = std::min(room, count * packet_ticks_);
  discont_ = true;
  has_last_ = false;
  if (count > kMostReports || timeline_.toNs(missing) > limits_.max_lost_ns) {
    stats_.lost += static_cast<uint64_t>(count);
    for (int64_t i = 0; i < std::min(count, kMaxMisorder); ++i)
      delivered_.reset(static_cast<size_t>(front().seq - 1 - i) % kMaxMisorder);
    next_ = front().seq;
    return {};
  }
  // What is lost between an event and a pause was an event.
  const bool event = last_type_ != main_type_ && room > count * packet_ticks_;
  const int64_t ticks = event ? 0 : std::min(room, packet_ticks_);
  Action action;
  action.kind = Action::Kind::Lost;
  action.seq = static_cast<uint16_t>(next_);
  action.pts_ns = timeline_.endPts();
  action.duration_ns = timeline_.toNs(ticks);
  timeline_.extendEnd(ticks);
  delivered_.reset(static_cast<size_t>(next_) % kMaxMisorder);
  ++next_;
  ++stats_.lost;
  return action;
}

bool JitterBuffer::noteType(const Packet& packet) {
  const bool follows = has_last_ && packet.type == last_type_;
  const auto advance = static_cast<int32_t>(packet.time - last_time_);
  if (packet.type == main_type_) {
    if (follows && advance > 0 && advance <= timeline_.toTicks(kLongestPacketNs)) {
      // A pause or a single odd packet is no new packet length: two in a row are.
      if (advance == candidate_ticks_ || (!ticks_known_ && advance < packet_ticks_))
        packet_ticks_ = advance;
      ticks_known_ = ticks_known_ || advance == candidate_ticks_;
      candidate_ticks_ = advance;
    }
  } else {
    advances_ = follows && advance > 0 ? advances_ + 1 : 0;
    if (advances_ >= kAdvancesOfMainType) main_type_ = packet.type;
  }
  has_last_ = true;
  last_type_ = packet.type;
  last_time_ = packet.time;
  return packet.type == main_type_;
}

void JitterBuffer::noteJitter(const Packet& packet) {
  if (packet.type != main_type_) return;
  if (has_transit_) {
    const int64_t transit_ns = packet.arrival_ns - transit_arrival_ns_ -
                               timeline_.toNs(static_cast<int32_t>(packet.time - transit_time_));
    const int64_t jitter_ns = stats_.jitter_ns;
    stats_.jitter_ns = jitter_ns + (std::abs(transit_ns) - jitter_ns) / 16;
  }
  has_transit_ = true;
  transit_time_ = packet.time;
  transit_arrival_ns_ = packet.arrival_ns;
}

}  // namespace wsbridge
