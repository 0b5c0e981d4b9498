// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Call control on a Session: what the application tells the endpoint, what the endpoint wants of
// the call, and which audio is carried.
#include "session/Session.hpp"

#define GST_CAT_DEFAULT sessionDebug()

namespace wsbridge {

bool Session::sendText(const std::string& text) {
  if (!g_utf8_validate_len(text.data(), text.size(), nullptr)) return false;
  const std::lock_guard lock(mutex_);
  if (run_->state != ConnectionState::Open) return false;
  run_->outbox.pushText(text);
  schedulePump();
  checkPendingText();
  return true;
}

bool Session::sendDtmf(char digit, unsigned duration_ms) {
  const std::lock_guard lock(mutex_);
  if (!isDtmfDigit(digit) || run_->isOver() || !loop_) return false;
  ++run_->stats.dtmf_sent;
  run_->outbox.pushNotice(DtmfNotice{digit, duration_ms});
  schedulePump();
  onLoop([event = DtmfEvent{std::string(1, digit), duration_ms, true}](Session& self) {
    self.emit(event);
  });
  return true;
}

bool Session::tell(const Notice& notice) {
  const std::lock_guard lock(mutex_);
  if (run_->state != ConnectionState::Open) return false;
  pushNotice(notice);
  return true;
}

bool Session::muted() const {
  const std::lock_guard lock(mutex_);
  return isMuted();
}

void Session::setMuted(bool muted) {
  const std::lock_guard lock(mutex_);
  const bool before = isMuted();
  run_->muted_by_endpoint = false;
  muted_ = muted;
  if (muted != before) applyMute(muted);
}

void Session::applyMute(bool muted) {
  GST_DEBUG("%s: %s", name_.c_str(), muted ? "muted" : "not muted any more");
  // What was said before and waits is not sent either: the endpoint is told that nothing comes.
  if (muted) {
    run_->stats.frames_muted += run_->outbox.dropAudio();
    changed_.notify_all();
  }
  if (run_->state == ConnectionState::Open) pushNotice(MuteNotice{muted});
}

void Session::muteForEndpoint(bool muted) {
  {
    const std::lock_guard lock(mutex_);
    if (!speaks()) return;
    if (muted == isMuted() || !(muted || run_->muted_by_endpoint)) {
      // Nothing changes, but the endpoint learns what holds.
      if (run_->state == ConnectionState::Open) pushNotice(MuteNotice{isMuted()});
      return;
    }
    run_->muted_by_endpoint = muted;
    applyMute(muted);
  }
  emit(MuteEvent{});
}

void Session::sendDigits(const DtmfCommand& command) {
  {
    const std::lock_guard lock(mutex_);
    if (!speaks()) return;
    const size_t count = command.digits.size();
    if (!run_->digits.take(g_get_monotonic_time(), count, command.duration_ms)) {
      run_->stats.digits_refused += count;
      if (run_->state == ConnectionState::Open) pushNotice(ErrorNotice{"too many digits wait"});
      return;
    }
  }
  for (const char digit : command.digits)
    emit(DtmfEvent{std::string(1, digit), command.duration_ms, false});
}

bool Session::actOnCall(const Command& command, std::string_view text) {
  const auto control = [&](const char* action, const std::string& value = {}) {
    emit(ControlEvent{action, std::string(text), value});
  };
  if (std::holds_alternative<HangupCommand>(command)) {
    control("hangup");
  } else if (const auto* dtmf = std::get_if<DtmfCommand>(&command)) {
    sendDigits(*dtmf);
  } else if (const auto* transfer = std::get_if<TransferCommand>(&command)) {
    control("transfer", transfer->uri);
  } else if (const auto* message = std::get_if<MessageCommand>(&command)) {
    emit(MessageEvent{message->type, message->body});
  } else if (const auto* mute = std::get_if<MuteCommand>(&command)) {
    muteForEndpoint(mute->muted);
    control("mute", mute->muted ? "true" : "false");
  } else if (const auto* direction = std::get_if<DirectionCommand>(&command)) {
    {
      const std::lock_guard lock(mutex_);
      on_loop_->deaf = !direction->from_endpoint;
    }
    muteForEndpoint(!direction->to_endpoint);
    control("mute", direction->to_endpoint ? "false" : "true");
  } else {
    return false;
  }
  return true;
}

}  // namespace wsbridge
