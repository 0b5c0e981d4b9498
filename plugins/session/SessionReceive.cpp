// SPDX-License-Identifier: LGPL-2.1-or-later
//
// The receiving half of Session: what the endpoint sends, the play-out queue, back-pressure and
// the end.
#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>

#include "session/PlayoutBudget.hpp"
#include "session/Session.hpp"

#define GST_CAT_DEFAULT sessionDebug()

namespace wsbridge {

namespace {

constexpr size_t kKeptDecoded = 16 * 1024;
constexpr int64_t kSlowWarningUs = 1'000'000;

/// What ControlEvent says of commands that were understood. The same word in a dialect that has
/// another one for it is no command, and nobody may take it for one.
bool isOurAction(const std::string& action) {
  constexpr std::array kActions = {"clear",  "notify",   "clear-marks", "pause",  "continue",
                                   "hangup", "transfer", "mute",        "message"};
  return std::find(kActions.begin(), kActions.end(), action) != kActions.end();
}

}  // namespace

bool Session::isOverLimit() const {
  if (playout_->aboveHighWater()) return true;
  const uint64_t limit = settings_.max_total_playout_bytes;
  return limit > 0 && PlayoutBudget::total() > limit &&
         playout_->milliseconds() > PlayoutBudget::kKeepMs;
}

bool Session::shouldPause() const {
  // Whoever has paused the play-out goes on with a text, which has to be read.
  return !playout_->held() && isOverLimit();
}

bool Session::shouldResume() const {
  const uint64_t limit = settings_.max_total_playout_bytes;
  if (playout_->held()) return true;
  const bool room = limit == 0 || PlayoutBudget::total() <= limit;
  return playout_->belowLowWater() && (room || playout_->milliseconds() <= PlayoutBudget::kKeepMs);
}

void Session::accountPlayout() {
  const size_t bytes = playout_ ? playout_->bytes() : 0;
  PlayoutBudget::move(accounted_bytes_, bytes);
  accounted_bytes_ = bytes;
}

void Session::onBinary(std::span<const uint8_t> payload) {
  if (audio_is_text_) {
    {
      const std::lock_guard lock(mutex_);
      if (client_generation_ != generation_) return;
      client_settings_.budget->message(g_get_monotonic_time(), payload.size());
    }
    ignore({"a BINARY message where audio is TEXT"});
  } else {
    play(payload);
  }
}

void Session::play(std::span<const uint8_t> payload) {
  bool pause = false;
  {
    const std::lock_guard lock(mutex_);
    if (client_generation_ != generation_) return;  // of a conversation that is over
    noteReceived();
    if (!peer(Role::Source).attached || !playout_) return;  // a recorder: nobody plays it
    // Where nobody can be told to stop, what goes beyond the limits is not kept.
    const bool unstoppable = state_ == ConnectionState::Closing || playout_->held();
    if (source_ended_ || deaf_) return;
    if (unstoppable && isOverLimit()) {
      if (playout_->held()) ++stats_.ignored_messages;
      // Half a sample is kept for the other half.
      payload = encoding_ == AudioEncoding::Linear ? payload.last(payload.size() % 2)
                                                   : std::span<const uint8_t>();
    }
    if (encoding_ != AudioEncoding::Linear) {
      decodeG711(encoding_, payload, decoded_);
      payload = decoded_;
    }
    playout_->push(payload, g_get_monotonic_time());
    if (decoded_.capacity() > kKeptDecoded) std::vector<uint8_t>().swap(decoded_);
    accountPlayout();
    if (!told_full_) tellQueueState();
    pause = !paused_ && state_ == ConnectionState::Open && shouldPause();
    if (pause) {
      paused_ = true;
      ++stats_.pauses;
    }
  }
  if (pause) {
    GST_DEBUG("%s: not read for a while, enough waits to be played", name_.c_str());
    client_->setPaused(true);
  }
  if (first_audio_seen_) return;
  first_audio_seen_ = true;
  GST_DEBUG("%s: first audio of the endpoint", name_.c_str());
  emit(FirstAudioEvent{static_cast<double>(g_get_monotonic_time() - opened_us_) / 1000.0});
}

Session::Pulled Session::pullFrame(int16_t* out, int64_t now_us) {
  const std::lock_guard lock(mutex_);
  if (!playout_) return Pulled::End;
  const bool end = state_ == ConnectionState::Failed || (closed_in_order_ && playout_->empty());
  if (end) return Pulled::End;
  const PlayoutQueue::Pulled pulled = playout_->pull(out, now_us);
  if (pulled == PlayoutQueue::Pulled::Audio) {
    accountPlayout();
    if (!mark_labels_.empty()) resolveMarks(false);
  }
  if (told_full_) tellQueueState();
  if (drained_wanted_ && playout_->empty() && !playout_->held()) {
    drained_wanted_ = false;
    pushNotice(DrainedNotice{});
  }
  maybeResume();
  return pulled == PlayoutQueue::Pulled::Audio ? Pulled::Audio : Pulled::Fallback;
}

void Session::maybeResume() {
  if (!paused_ || resume_scheduled_ || !playout_ || !shouldResume()) return;
  resume_scheduled_ = true;
  onLoop([](Session& self) {
    {
      const std::lock_guard inner(self.mutex_);
      self.paused_ = self.resume_scheduled_ = false;
    }
    if (self.client_) self.client_->setPaused(false);
  });
}

int64_t Session::patienceUs() const {
  const std::lock_guard lock(mutex_);
  return playout_ ? playout_->patienceUs() : 0;
}

int64_t Session::takeDelay(int64_t waited_us) {
  const std::lock_guard lock(mutex_);
  return playout_ ? playout_->takeDelay(waited_us) : 0;
}

bool Session::hasAudio() const {
  const std::lock_guard lock(mutex_);
  return playout_ && playout_->milliseconds() >= 20;
}

int64_t Session::takeAdvance(int64_t step_us) {
  const std::lock_guard lock(mutex_);
  return playout_ ? playout_->takeAdvance(step_us) : 0;
}

/// High and low water, long before the socket is left alone.
void Session::tellQueueState() {
  const uint64_t percent = playout_->milliseconds() * 100 / settings_.max_playout_ms;
  if (told_full_ ? percent >= kQueueRoomPercent : percent < kQueueFullPercent) return;
  told_full_ = !told_full_;
  pushNotice(QueueNotice{told_full_});
}

void Session::resolveMarks(bool cleared) {
  for (const uint64_t mark : playout_->takeMarks()) {
    if (auto node = mark_labels_.extract(mark)) {
      mark_bytes_ -= node.mapped().size();
      pushNotice(MarkNotice{node.mapped(), cleared});
    }
  }
}

void Session::addMark(const std::string& label) {
  const std::lock_guard lock(mutex_);
  if (!playout_) return;
  const uint64_t mark = next_mark_++;
  mark_bytes_ += label.size();
  mark_labels_[mark] = label;
  playout_->addMark(mark);
  if (!playout_->held()) resolveMarks(false);
  checkPendingText();
}

uint64_t Session::clear() {
  const std::lock_guard lock(mutex_);
  if (!playout_) return 0;
  const uint64_t cleared_ms = playout_->clear();
  playout_->setHeld(false);
  accountPlayout();
  resolveMarks(true);
  if (told_full_) tellQueueState();
  maybeResume();
  return cleared_ms;
}

void Session::onText(std::string_view text) {
  Command command;
  {
    const std::lock_guard lock(mutex_);
    if (client_generation_ != generation_) return;  // of a conversation that is over
    noteReceived();
    ++stats_.texts_received;
    command = dialect_->decodeText(text);
    ControlBudget& budget = *client_settings_.budget;
    if (const auto* media = std::get_if<MediaCommand>(&command)) {
      budget.mediaMessage(g_get_monotonic_time(), text.size(), media->audio.size());
    } else {
      budget.message(g_get_monotonic_time(), text.size());
    }
  }
  if (const auto* media = std::get_if<MediaCommand>(&command)) {
    play(media->audio);
  } else {
    logText("received", text);
    act(command, text);
  }
}

void Session::act(const Command& command, std::string_view text) {
  if (actOnCall(command, text)) return;
  const auto control = [&](const char* action) { emit(ControlEvent{action, std::string(text)}); };
  const auto locked = [this](const auto& function) {
    const std::lock_guard lock(mutex_);
    if (playout_) function();
  };
  if (std::holds_alternative<ClearCommand>(command)) {
    clear();
    locked([this] { pushNotice(ClearedNotice{}); });
    control("clear");
  } else if (const auto* mark = std::get_if<MarkCommand>(&command)) {
    addMark(mark->label);
    control("notify");
  } else if (std::holds_alternative<ClearMarksCommand>(command)) {
    locked([this] {
      playout_->forgetMarks();
      mark_labels_.clear();
      mark_bytes_ = 0;
    });
    control("clear-marks");
  } else if (const auto* pause = std::get_if<PauseCommand>(&command)) {
    locked([&] {
      playout_->setHeld(pause->paused);
      maybeResume();
      if (!pause->paused) resolveMarks(false);  // those that no audio is queued before
    });
    control(pause->paused ? "pause" : "continue");
  } else if (std::holds_alternative<ReportDrainedCommand>(command)) {
    locked([this] { drained_wanted_ = true; });
  } else if (std::holds_alternative<StatusCommand>(command)) {
    locked([this] {
      pushNotice(StatusNotice{playout_->milliseconds(), settings_.max_playout_ms, told_full_,
                              playout_->held()});
    });
  } else if (const auto* bad = std::get_if<BadCommand>(&command)) {
    ignore(*bad);
  } else if (const auto* other = std::get_if<OtherCommand>(&command)) {
    {
      const std::lock_guard lock(mutex_);
      ++stats_.ignored_messages;
    }
    if (isOurAction(other->action)) {
      emit(TextEvent{std::string(text)});
    } else {
      control(other->action.c_str());
    }
  } else if (std::holds_alternative<PlainText>(command)) {
    emit(TextEvent{std::string(text)});
  }
}

void Session::ignore(const BadCommand& command) {
  {
    const std::lock_guard lock(mutex_);
    ++stats_.ignored_messages;
    if (state_ == ConnectionState::Open) pushNotice(ErrorNotice{command.fault});
    if (bad_warned_) return;
    bad_warned_ = true;
  }
  GST_WARNING("%s: a message cannot be used: %s", name_.c_str(), command.fault.c_str());
  emit(IgnoredEvent{command.fault});
}

void Session::onSlowed(Slowed why) {
  SlowedEvent event{0, why != Slowed::Work};
  {
    const std::lock_guard lock(mutex_);
    if (client_generation_ != generation_) return;
    ++stats_.slowdowns;
    ++slowdowns_unreported_;
    const int64_t now_us = g_get_monotonic_time();
    const bool due = now_us - last_slow_warning_us_ >= kSlowWarningUs;
    if (due) {
      last_slow_warning_us_ = now_us;
      event.times = std::exchange(slowdowns_unreported_, 0);
    }
  }
  if (event.times > 0) {
    GST_WARNING("%s: the endpoint is read more slowly, it sends too %s", name_.c_str(),
                event.messages ? "many messages" : "much");
    emit(event);
  }
  if (why == Slowed::Abused) {
    beginClose(1008, "too many control messages: see max-control-rate", "too-many-messages", true);
  }
}

bool Session::endConversation(ConnectionState state, unsigned code, const std::string& reason) {
  if (client_) client_->release();
  {
    const std::lock_guard lock(mutex_);
    if (client_generation_ != generation_)
      return false;  // stopped, perhaps started anew, in the meantime
    resuming_ = false;
    state_ = state;
    stats_.close_code = code;
    stats_.close_reason = reason;
    noteReceived();
    closed_in_order_ = state == ConnectionState::Closed;
    paused_ = false;
    outbox_.clear();
    mark_labels_.clear();
    mark_bytes_ = 0;
    if (playout_) playout_->finish();
  }
  changed_.notify_all();
  return true;
}

/// Of the present client and of those before it.
void Session::noteReceived() {
  if (!client_) return;
  stats_.messages_received = messages_before_ + client_->messagesReceived();
  stats_.bytes_received = bytes_before_ + client_->bytesReceived();
  stats_.pongs_received = pongs_before_ + client_->pongsReceived();
}

void Session::onClosed(unsigned code, const std::string& reason, ClosedBy by) {
  const auto keep = shared_from_this();
  if (endConversation(ConnectionState::Closed, code, reason)) {
    GST_INFO("%s: closed by %s with %u, %s", name_.c_str(),
             by == ClosedBy::Endpoint ? "the endpoint" : "us", code, reason.c_str());
    emit(ClosedEvent{code, reason, by});
  }
  client_.reset();
}

void Session::onFailed(const Failure& failure) {
  const auto keep = shared_from_this();
  if (resumeAfter(failure)) return;
  if (endConversation(ConnectionState::Failed, failure.close_code, failure.close_reason)) {
    GST_WARNING("%s: failed (%s): %s", name_.c_str(), nameOf(failure.kind), failure.text.c_str());
    emit(failure);
  }
  client_.reset();
}

SessionStats Session::stats() const {
  const std::lock_guard lock(mutex_);
  SessionStats stats = stats_;
  if (state_ != ConnectionState::Idle) stats.state = state_;
  if (playout_) {
    stats.playout = playout_->counters();
    stats.playout_ms = playout_->milliseconds();
  }
  if (stats.rate > 0)
    stats.playout_high_ms = stats.playout.high_bytes * 500 / static_cast<uint64_t>(stats.rate);
  return stats;
}

std::string Session::shownUri() const {
  const std::lock_guard lock(mutex_);
  if (!stats_.uri.empty()) return stats_.uri;
  const auto endpoint = Endpoint::parse(settings_.uri);
  const auto* parsed = std::get_if<Endpoint>(&endpoint);
  return parsed != nullptr ? parsed->shown : std::string();
}

}  // namespace wsbridge
