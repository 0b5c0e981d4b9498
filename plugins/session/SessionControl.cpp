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
  if (state_ != ConnectionState::Open) return false;
  outbox_.pushText(text);
  schedulePump();
  checkPendingText();
  return true;
}

bool Session::sendDtmf(char digit, unsigned duration_ms) {
  const std::lock_guard lock(mutex_);
  if (!isDtmfDigit(digit) || isOver() || !loop_) return false;
  ++stats_.dtmf_sent;
  outbox_.pushNotice(DtmfNotice{digit, duration_ms});
  schedulePump();
  onLoop([event = DtmfEvent{std::string(1, digit), duration_ms, true}](Session& self) {
    self.emit(event);
  });
  return true;
}

bool Session::tell(const Notice& notice) {
  const std::lock_guard lock(mutex_);
  if (state_ != ConnectionState::Open) return false;
  pushNotice(notice);
  return true;
}

bool Session::muted() const {
  const std::lock_guard lock(mutex_);
  return muted_;
}

void Session::setMuted(bool muted) {
  const std::lock_guard lock(mutex_);
  muted_by_endpoint_ = false;
  if (muted != muted_) applyMute(muted);
}

void Session::applyMute(bool muted) {
  GST_DEBUG("%s: %s", name_.c_str(), muted ? "muted" : "not muted any more");
  muted_ = muted;
  // What was said before and waits is not sent either: the endpoint is told that nothing comes.
  if (muted) stats_.frames_muted += outbox_.dropAudio();
  if (state_ == ConnectionState::Open) pushNotice(MuteNotice{muted});
}

bool Session::endMuteOfEndpoint() {
  if (!muted_by_endpoint_) return false;
  muted_by_endpoint_ = muted_ = false;
  return true;
}

void Session::muteForEndpoint(bool muted) {
  {
    const std::lock_guard lock(mutex_);
    if (muted == muted_ || !(muted || muted_by_endpoint_)) {
      // Nothing changes, but the endpoint learns what holds.
      if (state_ == ConnectionState::Open) pushNotice(MuteNotice{muted_});
      return;
    }
    muted_by_endpoint_ = muted;
    applyMute(muted);
  }
  emit(MuteEvent{});
}

void Session::sendDigits(const DtmfCommand& command) {
  {
    const std::lock_guard lock(mutex_);
    const size_t count = command.digits.size();
    if (!digits_.take(g_get_monotonic_time(), count, command.duration_ms)) {
      stats_.digits_refused += count;
      if (state_ == ConnectionState::Open) pushNotice(ErrorNotice{"too many digits wait"});
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
      deaf_ = !direction->from_endpoint;
    }
    muteForEndpoint(!direction->to_endpoint);
    control("mute", direction->to_endpoint ? "false" : "true");
  } else {
    return false;
  }
  return true;
}

}  // namespace wsbridge
