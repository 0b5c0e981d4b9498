// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Session: how its WebSocket is opened, and opened again after a break: the same endpoint with
// growing pauses until the time for it is over, then the others of the list, once each.
#include <algorithm>

#include "session/Session.hpp"

#define GST_CAT_DEFAULT sessionDebug()

namespace wsbridge {

namespace {

/// What another WebSocket may mend: the connection went, or its close code says so.
bool isBreak(const Failure& failure) {
  if (failure.kind == FailureKind::Closed) return common::close::isBreak(failure.close_code);
  return failure.kind == FailureKind::Lost || failure.kind == FailureKind::PongTimeout;
}

}  // namespace

/// A WebSocket has a dialect of its own, which counts its messages.
void Session::prepareDialect() {
  run_->dialect = makeDialect(settings_.dialect);
  run_->encoding = settings_.encoding();
  run_->stats.content_type = run_->dialect->format({run_->rate, run_->encoding});
  run_->client_settings.audio_is_text = run_->dialect->audioIsText();
}

void Session::connect(std::shared_ptr<Conversation> run, ClientSettings settings) {
  on_loop_ = std::move(run);
  on_loop_->first_audio_seen = false;
  on_loop_->audio_is_text = settings.audio_is_text;
  on_loop_->client =
      std::make_shared<WebSocketClient>(loop_, std::move(settings), weak_from_this());
  on_loop_->client->start();
}

void Session::onTrying(size_t position, const std::string& uri) {
  const std::lock_guard lock(mutex_);
  if (!speaks()) return;
  GST_INFO("%s: connecting to %s, number %zu of its endpoints", name_.c_str(), uri.c_str(),
           position + 1);
  run_->position = position;
  run_->stats.uri = uri;
}

void Session::onAttemptFailed(const Failure& failure) {
  {
    const std::lock_guard lock(mutex_);
    if (!speaks()) return;
  }
  GST_WARNING("%s: endpoint not reached (%s): %s", name_.c_str(), nameOf(failure.kind),
              failure.text.c_str());
  emit(AttemptFailedEvent{failure});
}

bool Session::beginResumption(int64_t now_us) {
  Conversation& run = *run_;
  run.resumption.begin(now_us, int64_t{settings_.reconnect_time_ms} * 1000, run.position);
  ++run.stats.resumptions;
  run.state = ConnectionState::Connecting;
  run.paused = run.told_full = run.drained_wanted = false;
  // What waits to be played is played. The marks in it were of the conversation that broke.
  // A pause and a mute were that endpoint's too: nobody would end them.
  run.deaf = false;
  const bool unmuted = std::exchange(run.muted_by_endpoint, false);
  if (run.playout) {
    run.playout->forgetMarks();
    run.playout->setHeld(false);
    run.playout->beginStream();
  }
  run.marks.forget();
  run.outbox.dropAllButAudio();
  changed_.notify_all();
  return unmuted && !muted_;
}

bool Session::resumeAfter(const Failure& failure) {
  ReconnectingEvent event;
  std::optional<int64_t> due_us;
  bool unmuted = false;
  {
    const std::lock_guard lock(mutex_);
    if (!speaks() || settings_.reconnect_time_ms == 0) return false;
    const int64_t now_us = g_get_monotonic_time();
    if (!run_->resumption.active()) {
      if (run_->state != ConnectionState::Open || !isBreak(failure)) return false;
      unmuted = beginResumption(now_us);
    }
    due_us = run_->resumption.next(now_us, run_->client_settings.connect.candidates.size() > 1);
    if (due_us) {
      run_->noteBefore();
      event = {run_->resumption.attempts(), run_->resumption.count(), failure.text};
    }
  }
  if (!due_us) {
    if (unmuted) emit(MuteEvent{});
    return false;
  }
  GST_WARNING("%s: connecting again, attempt %u: %s", name_.c_str(), event.attempt,
              event.reason.c_str());
  on_loop_->client->release();
  on_loop_->client.reset();
  loop_->addTimer(*due_us, [weak = weak_from_this(), run = on_loop_](int64_t) {
    const auto self = weak.lock();
    if (self && self->on_loop_ == run) self->redial();
    return int64_t{0};
  });
  emit(event);
  if (unmuted) emit(MuteEvent{});
  return true;
}

void Session::redial() {
  ClientSettings settings;
  {
    const std::lock_guard lock(mutex_);
    if (!speaks() || !run_->resumption.active() || on_loop_->client) return;
    run_->started_us = g_get_monotonic_time();
    prepareDialect();
    settings = run_->client_settings;
    settings.connect.retries = 0;  // the pauses between attempts are those of a resumption
    std::erase_if(settings.connect.candidates, [this](const ConnectSettings& candidate) {
      return !run_->resumption.tries(candidate.position);
    });
    if (const auto left_us = run_->resumption.leftUs(run_->started_us)) {
      settings.connect.timeout_ms =
          std::min(settings.connect.timeout_ms,
                   static_cast<unsigned>(std::max<int64_t>(*left_us / 1000, 1)));
    }
  }
  connect(on_loop_, std::move(settings));
}

}  // namespace wsbridge
