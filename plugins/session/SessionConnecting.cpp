// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Session: how its WebSocket is opened, and opened again after a break: the same endpoint with
// growing pauses until the time for it is over, then the others of the list, once each.
#include <algorithm>

#include "session/Session.hpp"

#define GST_CAT_DEFAULT sessionDebug()

namespace wsbridge {

namespace {

constexpr int64_t kFirstRedialUs = 250'000;
constexpr int64_t kMaxRedialUs = 4'000'000;

/// What another WebSocket may mend: the connection went, or the endpoint or something in front of
/// it says that it cannot go on (RFC 6455 section 7.4.1 and its registry). Other codes are about
/// us.
bool isBreak(const Failure& failure) {
  if (failure.kind == FailureKind::Closed)
    return failure.close_code >= 1011 && failure.close_code <= 1014;
  return failure.kind == FailureKind::Lost || failure.kind == FailureKind::PongTimeout;
}

}  // namespace

/// A WebSocket has a dialect of its own, which counts its messages.
void Session::prepareDialect() {
  dialect_ = makeDialect(settings_.dialect);
  encoding_ = settings_.encoding();
  stats_.content_type = dialect_->format({rate_, encoding_});
  client_settings_.audio_is_text = dialect_->audioIsText();
}

void Session::connect(ClientSettings settings) {
  first_audio_seen_ = false;
  audio_is_text_ = settings.audio_is_text;
  {
    const std::lock_guard lock(mutex_);
    client_generation_ = generation_;
  }
  client_ = std::make_shared<WebSocketClient>(loop_, std::move(settings), weak_from_this());
  client_->start();
}

void Session::onTrying(size_t position, const std::string& uri) {
  const std::lock_guard lock(mutex_);
  if (client_generation_ != generation_) return;
  GST_INFO("%s: connecting to %s, number %zu of its endpoints", name_.c_str(), uri.c_str(),
           position + 1);
  position_ = position;
  stats_.uri = uri;
}

void Session::onAttemptFailed(const Failure& failure) {
  {
    const std::lock_guard lock(mutex_);
    if (client_generation_ != generation_) return;
  }
  GST_WARNING("%s: endpoint not reached (%s): %s", name_.c_str(), nameOf(failure.kind),
              failure.text.c_str());
  emit(AttemptFailedEvent{failure});
}

bool Session::beginResumption(int64_t now_us) {
  resuming_ = true;
  resume_until_us_ = now_us + int64_t{settings_.reconnect_time_ms} * 1000;
  redials_ = 0;
  falling_back_ = false;
  broken_ = position_;
  ++resumption_;
  ++stats_.resumptions;
  state_ = ConnectionState::Connecting;
  paused_ = told_full_ = drained_wanted_ = false;
  // What waits to be played is played. The marks in it were of the conversation that broke.
  // A pause and a mute were that endpoint's too: nobody would end them.
  deaf_ = false;
  const bool unmuted = endMuteOfEndpoint();
  if (playout_) {
    playout_->forgetMarks();
    playout_->setHeld(false);
    playout_->beginStream();
  }
  mark_labels_.clear();
  mark_bytes_ = 0;
  outbox_.dropAllButAudio();
  return unmuted;
}

std::optional<int64_t> Session::nextRedial(int64_t now_us) {
  if (falling_back_) return std::nullopt;
  const int64_t due_us = now_us + std::min(kFirstRedialUs << std::min(redials_, 4U), kMaxRedialUs);
  if (due_us <= resume_until_us_) return due_us;
  falling_back_ = true;
  return client_settings_.connect.candidates.size() > 1 ? std::optional(now_us) : std::nullopt;
}

bool Session::resumeAfter(const Failure& failure) {
  ReconnectingEvent event;
  std::optional<int64_t> due_us;
  bool unmuted = false;
  {
    const std::lock_guard lock(mutex_);
    if (client_generation_ != generation_ || settings_.reconnect_time_ms == 0) return false;
    const int64_t now_us = g_get_monotonic_time();
    if (!resuming_) {
      if (state_ != ConnectionState::Open || !isBreak(failure)) return false;
      unmuted = beginResumption(now_us);
    }
    due_us = nextRedial(now_us);
    if (due_us) {
      noteReceived();
      messages_before_ = stats_.messages_received;
      bytes_before_ = stats_.bytes_received;
      pongs_before_ = stats_.pongs_received;
      event = {++redials_, resumption_, failure.text};
    }
  }
  if (!due_us) {
    if (unmuted) emit(MuteEvent{});
    return false;
  }
  GST_WARNING("%s: connecting again, attempt %u: %s", name_.c_str(), event.attempt,
              event.reason.c_str());
  client_->release();
  client_.reset();
  loop_->addTimer(*due_us, [weak = weak_from_this(), generation = client_generation_](int64_t) {
    const auto self = weak.lock();
    if (self && self->client_generation_ == generation) self->redial();
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
    if (client_generation_ != generation_ || !resuming_ || client_) return;
    started_us_ = g_get_monotonic_time();
    prepareDialect();
    settings = client_settings_;
    settings.connect.retries = 0;  // the pauses between attempts are those of a resumption
    std::erase_if(settings.connect.candidates, [this](const ConnectSettings& candidate) {
      return (candidate.position == broken_) == falling_back_;
    });
    if (!falling_back_) {
      const int64_t left_ms = (resume_until_us_ - started_us_) / 1000;
      settings.connect.timeout_ms = std::min(settings.connect.timeout_ms,
                                             static_cast<unsigned>(std::max<int64_t>(left_ms, 1)));
    }
  }
  connect(std::move(settings));
}

}  // namespace wsbridge
