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

/// What ControlEvent says of commands that were understood. The same word in a dialect that has
/// another one for it is no command, and nobody may take it for one.
bool isOurAction(const std::string& action) {
  constexpr std::array kActions = {"clear",  "notify",   "clear-marks", "pause",  "continue",
                                   "hangup", "transfer", "mute",        "message"};
  return std::find(kActions.begin(), kActions.end(), action) != kActions.end();
}

}  // namespace

void Session::onBinary(std::span<const uint8_t> payload) {
  if (on_loop_->audio_is_text) {
    {
      const std::lock_guard lock(mutex_);
      if (!speaks()) return;
      run_->client_settings.budget->message(g_get_monotonic_time(), payload.size());
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
    if (!speaks()) return;  // of a conversation that is over
    run_->noteReceived();
    if (!peer(Role::Source).attached || !run_->playout) return;  // a recorder: nobody plays it
    // Where nobody can be told to stop, what goes beyond the limits is not kept.
    const bool unstoppable = run_->state == ConnectionState::Closing || run_->playout->held();
    if (run_->source_ended || run_->deaf) return;
    if (unstoppable && run_->isOverLimit(settings_.max_total_playout_bytes)) {
      if (run_->playout->held()) ++run_->stats.ignored_messages;
      // Half a sample is kept for the other half.
      payload = run_->encoding == AudioEncoding::Linear ? payload.last(payload.size() % 2)
                                                        : std::span<const uint8_t>();
    }
    if (run_->encoding != AudioEncoding::Linear) {
      decodeG711(run_->encoding, payload, decoded_);
      payload = decoded_;
    }
    run_->playout->push(payload, g_get_monotonic_time());
    if (decoded_.capacity() > kKeptDecoded) std::vector<uint8_t>().swap(decoded_);
    run_->accountPlayout();
    if (!run_->told_full) tellQueueState();
    pause = !run_->paused && run_->state == ConnectionState::Open &&
            run_->shouldPause(settings_.max_total_playout_bytes);
    if (pause) {
      run_->paused = true;
      ++run_->stats.pauses;
    }
  }
  if (pause) {
    GST_DEBUG("%s: not read for a while, enough waits to be played", name_.c_str());
    on_loop_->client->setPaused(true);
  }
  if (on_loop_->first_audio_seen) return;
  on_loop_->first_audio_seen = true;
  GST_DEBUG("%s: first audio of the endpoint", name_.c_str());
  emit(FirstAudioEvent{static_cast<double>(g_get_monotonic_time() - on_loop_->opened_us) / 1000.0});
}

Session::Pulled Session::pullFrame(int16_t* out, int64_t now_us) {
  const std::lock_guard lock(mutex_);
  if (!run_->playout) return Pulled::End;
  const bool end =
      run_->state == ConnectionState::Failed || (run_->closed_in_order && run_->playout->empty());
  if (end) return Pulled::End;
  const PlayoutQueue::Pulled pulled = run_->playout->pull(out, now_us);
  if (pulled == PlayoutQueue::Pulled::Audio) {
    run_->accountPlayout();
    if (!run_->marks.empty()) resolveMarks(false);
  }
  if (run_->told_full) tellQueueState();
  if (run_->drained_wanted && run_->playout->empty() && !run_->playout->held()) {
    run_->drained_wanted = false;
    pushNotice(DrainedNotice{});
  }
  maybeResume();
  return pulled == PlayoutQueue::Pulled::Audio ? Pulled::Audio : Pulled::Fallback;
}

void Session::maybeResume() {
  if (!run_->paused || run_->resume_scheduled || !run_->playout ||
      !run_->shouldResume(settings_.max_total_playout_bytes))
    return;
  run_->resume_scheduled = true;
  onLoop([](Session& self) {
    {
      const std::lock_guard inner(self.mutex_);
      self.run_->paused = self.run_->resume_scheduled = false;
    }
    if (self.on_loop_ && self.on_loop_->client) self.on_loop_->client->setPaused(false);
  });
}

int64_t Session::patienceUs() const {
  const std::lock_guard lock(mutex_);
  return run_->playout ? run_->playout->patienceUs() : 0;
}

int64_t Session::takeDelay(int64_t waited_us) {
  const std::lock_guard lock(mutex_);
  return run_->playout ? run_->playout->takeDelay(waited_us) : 0;
}

bool Session::hasAudio() const {
  const std::lock_guard lock(mutex_);
  return run_->playout && run_->playout->milliseconds() >= common::kFrameMs;
}

int64_t Session::takeAdvance(int64_t step_us) {
  const std::lock_guard lock(mutex_);
  return run_->playout ? run_->playout->takeAdvance(step_us) : 0;
}

/// High and low water, long before the socket is left alone.
void Session::tellQueueState() {
  const uint64_t percent = run_->playout->milliseconds() * 100 / settings_.max_playout_ms;
  if (run_->told_full ? percent >= kQueueRoomPercent : percent < kQueueFullPercent) return;
  run_->told_full = !run_->told_full;
  pushNotice(QueueNotice{run_->told_full});
}

void Session::resolveMarks(bool cleared) {
  for (const uint64_t mark : run_->playout->takeMarks()) {
    if (auto label = run_->marks.take(mark)) pushNotice(MarkNotice{*std::move(label), cleared});
  }
}

void Session::addMark(const std::string& label) {
  const std::lock_guard lock(mutex_);
  if (!speaks() || !run_->playout) return;
  run_->playout->addMark(run_->marks.add(label));
  if (!run_->playout->held()) resolveMarks(false);
  checkPendingText();
}

uint64_t Session::clear() {
  const std::lock_guard lock(mutex_);
  if (!run_->playout) return 0;
  const uint64_t cleared_ms = run_->playout->clear();
  run_->playout->setHeld(false);
  run_->accountPlayout();
  resolveMarks(true);
  if (run_->told_full) tellQueueState();
  maybeResume();
  return cleared_ms;
}

void Session::onText(std::string_view text) {
  Command command;
  {
    const std::lock_guard lock(mutex_);
    if (!speaks()) return;  // of a conversation that is over
    run_->noteReceived();
    ++run_->stats.texts_received;
    command = run_->dialect->decodeText(text);
    ControlBudget& budget = *run_->client_settings.budget;
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
    if (speaks() && run_->playout) function();
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
      run_->playout->forgetMarks();
      run_->marks.forget();
    });
    control("clear-marks");
  } else if (const auto* pause = std::get_if<PauseCommand>(&command)) {
    locked([&] {
      run_->playout->setHeld(pause->paused);
      maybeResume();
      if (!pause->paused) resolveMarks(false);  // those that no audio is queued before
    });
    control(pause->paused ? "pause" : "continue");
  } else if (std::holds_alternative<ReportDrainedCommand>(command)) {
    locked([this] { run_->drained_wanted = true; });
  } else if (std::holds_alternative<StatusCommand>(command)) {
    locked([this] {
      pushNotice(StatusNotice{run_->playout->milliseconds(), settings_.max_playout_ms,
                              run_->told_full, run_->playout->held()});
    });
  } else if (const auto* bad = std::get_if<BadCommand>(&command)) {
    ignore(*bad);
  } else if (const auto* other = std::get_if<OtherCommand>(&command)) {
    {
      const std::lock_guard lock(mutex_);
      ++on_loop_->stats.ignored_messages;
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
    if (!speaks()) return;
    ++run_->stats.ignored_messages;
    if (run_->state == ConnectionState::Open) pushNotice(ErrorNotice{command.fault});
    if (run_->bad_warned) return;
    run_->bad_warned = true;
  }
  GST_WARNING("%s: a message cannot be used: %s", name_.c_str(), command.fault.c_str());
  emit(IgnoredEvent{command.fault});
}

void Session::onSlowed(Slowed why) {
  SlowedEvent event{0, why != Slowed::Work};
  {
    const std::lock_guard lock(mutex_);
    if (!speaks()) return;
    ++run_->stats.slowdowns;
    event.times = run_->slowed.add(g_get_monotonic_time(), 1);
  }
  if (event.times > 0) {
    GST_WARNING("%s: the endpoint is read more slowly, it sends too %s", name_.c_str(),
                event.messages ? "many messages" : "much");
    emit(event);
  }
  if (why == Slowed::Abused) {
    beginClose(common::close::kPolicy, "too many control messages: see max-control-rate",
               "too-many-messages", true);
  }
}

bool Session::endConversation(ConnectionState state, unsigned code, const std::string& reason) {
  if (on_loop_->client) on_loop_->client->release();
  {
    const std::lock_guard lock(mutex_);
    if (!speaks()) return false;  // stopped, perhaps started anew, in the meantime
    run_->resumption.end();
    run_->state = state;
    run_->stats.close_code = code;
    run_->stats.close_reason = reason;
    run_->noteReceived();
    run_->closed_in_order = state == ConnectionState::Closed;
    run_->paused = false;
    run_->outbox.clear();
    run_->marks.forget();
    if (run_->playout) run_->playout->finish();
  }
  changed_.notify_all();
  return true;
}

void Session::onClosed(unsigned code, const std::string& reason, ClosedBy by) {
  const auto keep = shared_from_this();
  if (endConversation(ConnectionState::Closed, code, reason)) {
    GST_INFO("%s: closed by %s with %u, %s", name_.c_str(),
             by == ClosedBy::Endpoint ? "the endpoint" : "us", code, reason.c_str());
    emit(ClosedEvent{code, reason, by});
  }
  on_loop_->client.reset();
}

void Session::onFailed(const Failure& failure) {
  const auto keep = shared_from_this();
  if (resumeAfter(failure)) return;
  if (endConversation(ConnectionState::Failed, failure.close_code, failure.close_reason)) {
    GST_WARNING("%s: failed (%s): %s", name_.c_str(), nameOf(failure.kind), failure.text.c_str());
    emit(failure);
  }
  on_loop_->client.reset();
}

SessionStats Session::stats() const {
  const std::lock_guard lock(mutex_);
  return run_->state == ConnectionState::Idle && !run_->playout ? last_ : run_->statistics();
}

std::string Session::shownUri() const {
  const std::lock_guard lock(mutex_);
  const std::string& uri = run_->state == ConnectionState::Idle ? last_.uri : run_->stats.uri;
  if (!uri.empty()) return uri;
  const auto endpoint = Endpoint::parse(settings_.uri);
  return endpoint ? endpoint->shown : std::string();
}

}  // namespace wsbridge
