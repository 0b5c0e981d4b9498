// SPDX-License-Identifier: LGPL-2.1-or-later
#include "session/Session.hpp"

#include <algorithm>
#include <chrono>

#include "common/ShownText.hpp"
#include "dialects/Json.hpp"
#include "session/PlayoutBudget.hpp"
#include "session/SessionRegistry.hpp"

#define GST_CAT_DEFAULT sessionDebug()

namespace wsbridge {

namespace {

constexpr int64_t kDropWarningUs = 1'000'000;
constexpr std::chrono::seconds kCloseWait{7};
// Replies that an endpoint asks for and does not read must not fill the memory.
constexpr size_t kMaxPendingText = 4 * 1024 * 1024;
constexpr size_t kMaxMarks = 10'000;
}  // namespace

const char* nameOf(ConnectionState state) {
  switch (state) {
    case ConnectionState::Idle:
      return "idle";
    case ConnectionState::Connecting:
      return "connecting";
    case ConnectionState::Open:
      return "open";
    case ConnectionState::Closing:
      return "closing";
    case ConnectionState::Closed:
      return "closed";
    case ConnectionState::Failed:
      return "failed";
  }
  return "idle";
}

std::variant<std::shared_ptr<Session>, Session::AttachFailure> Session::attach(
    Role role, const SessionSettings& settings, const std::shared_ptr<SessionObserver>& observer) {
  const auto make = [&] { return std::shared_ptr<Session>(new Session(settings)); };
  std::shared_ptr<Session> connection =
      settings.name.empty() ? make() : SessionRegistry::findOrAdd(settings.name, make);
  if (auto failure = connection->join(role, settings, observer)) return *failure;
  return connection;
}

Session::Session(const SessionSettings& settings) : name_(settings.name) {
  settings_.name = settings.name;
}

Session::~Session() {
  PlayoutBudget::move(accounted_bytes_, 0);
  if (client_) loop_->post([client = std::move(client_)] { client->release(); });
}

std::optional<Session::AttachFailure> Session::join(
    Role role, const SessionSettings& settings, const std::shared_ptr<SessionObserver>& observer) {
  const std::lock_guard lock(mutex_);
  const char* what = role == Role::Sink ? "sink" : "source";
  if (peer(role).attached) {
    return AttachFailure{true, "connection \"" + name_ + "\" already has a " + what +
                                   ": each name takes one sink and one source"};
  }
  if (auto fault = settings_.merge(settings)) return AttachFailure{false, *fault};
  peer(role) = {observer, true, false};
  if (role == Role::Sink) muted_ = settings.mute;
  return std::nullopt;
}

void Session::detach(Role role) {
  stop(role);
  const std::lock_guard lock(mutex_);
  peer(role) = {};
  if (!peers_[0].attached && !peers_[1].attached) {
    settings_ = {};
    settings_.name = name_;
  }
}

std::optional<Failure> Session::start(Role role) {
  const std::lock_guard lock(mutex_);
  peer(role).running = true;
  if (role == Role::Source) source_ended_ = false;
  if (state_ != ConnectionState::Idle) return std::nullopt;
  stats_.uri.clear();
  if (settings_.uri.empty()) {
    if (!name_.empty()) return std::nullopt;  // the other element may bring it
    return Failure{.kind = FailureKind::Settings,
                   .text = "uri is not set: give ws://host[:port]/path"};
  }
  if (const auto fault = settings_.faultInContentType()) {
    return Failure{.kind = FailureKind::Settings, .text = *fault};
  }
  if (const int forced = settings_.forcedRate(); forced > 0) rate_ = forced;
  auto client = settings_.clientSettings();
  if (auto* failure = std::get_if<Failure>(&client)) return *failure;
  if (rate_ == 0) return std::nullopt;
  open(std::move(std::get<ClientSettings>(client)));
  return std::nullopt;
}

void Session::open(ClientSettings settings) {
  state_ = ConnectionState::Connecting;
  started_us_ = g_get_monotonic_time();
  stats_ = {};
  stats_.uri = settings.connect.candidates.front().endpoint.shown;
  stats_.rate = rate_;
  client_settings_ = std::move(settings);
  prepareDialect();
  close_after_outbox_ = closed_in_order_ = paused_ = resume_scheduled_ = source_ended_ = false;
  messages_before_ = bytes_before_ = pongs_before_ = 0;
  told_full_ = drained_wanted_ = bad_warned_ = resuming_ = deaf_ = false;
  endMuteOfEndpoint();
  digits_ = {};
  resumption_ = 0;
  if (!loop_) loop_ = MediaLoop::acquire(settings_.context, settings_.context_wait_ms);
  makePlayout();
  // A source in real time must lose nothing while the handshake goes on.
  outbox_.setMaxFrames(std::max(settings_.max_queue_ms, settings_.connect_timeout_ms) / 20);
  ClientSettings first = client_settings_;
  const unsigned used_ms = settings_.connect_time_used_ms;
  first.connect.timeout_ms -= std::min(used_ms, first.connect.timeout_ms - 1);
  onLoop([first = std::move(first)](Session& self) { self.connect(first); });
}

void Session::onLoop(std::function<void(Session&)> function) {
  loop_->post([weak = weak_from_this(), generation = generation_, function = std::move(function)] {
    const auto self = weak.lock();
    if (!self) return;
    {
      const std::lock_guard lock(self->mutex_);
      if (self->generation_ != generation) return;  // posted for a conversation that is over
    }
    function(*self);
  });
}

void Session::onOpen(const std::string& subprotocol) {
  subprotocol_ = subprotocol;
  std::vector<std::string> opening;
  {
    const std::lock_guard lock(mutex_);
    if (client_generation_ != generation_) return;  // of a conversation that is over
    const std::string custom = resumption_ == 0
                                   ? settings_.headers
                                   : json::withMember(settings_.headers, "resumption", resumption_);
    opening = dialect_->opening(
        {custom, ContentType{rate_, encoding_}, settings_.call_id, settings_.account_id});
    stats_.texts_sent += opening.size();
  }
  for (const std::string& message : opening) {
    client_->sendText(message);
    logText("sent", message);
  }
  confirmOpen();
}

void Session::confirmOpen() {
  if (!client_->writable()) return;  // onWritable() comes back to this
  OpenedEvent event;
  {
    const std::lock_guard lock(mutex_);
    if (state_ != ConnectionState::Connecting || client_generation_ != generation_) return;
    state_ = ConnectionState::Open;
    resuming_ = false;
    opened_us_ = g_get_monotonic_time();
    if (muted_) outbox_.pushNotice(MuteNotice{true});
    stats_.setup_ms = static_cast<double>(opened_us_ - started_us_) / 1000.0;
    outbox_.setMaxFrames(std::max(1U, settings_.max_queue_ms / 20));
    event = {stats_.content_type, rate_, subprotocol_, stats_.setup_ms};
  }
  GST_INFO("%s: open after %.1f ms, %s, subprotocol \"%s\"", name_.c_str(), event.setup_ms,
           event.content_type.c_str(), subprotocol_.c_str());
  emit(event);
  pump();
}

void Session::stop(Role role) {
  const std::lock_guard lock(mutex_);
  peer(role).running = false;
  if (peers_[0].running || peers_[1].running) {
    if (role == Role::Source) endSource();
    return;
  }
  if (state_ == ConnectionState::Idle) {
    rate_ = 0;
    playout_.reset();
    return;
  }
  GST_INFO("%s: stopped while %s", name_.c_str(), nameOf(state_));
  ++generation_;
  const bool open = state_ == ConnectionState::Open;
  const std::string goodbye = open ? dialect_->write(EndNotice{"stopped"}) : "";
  loop_->post([self = shared_from_this(), generation = generation_, goodbye] {
    {
      const std::lock_guard inner(self->mutex_);
      if (self->generation_ != generation) return;
    }
    self->forgetConversation(goodbye);
  });
  stats_.state =
      state_ == ConnectionState::Failed ? ConnectionState::Failed : ConnectionState::Closed;
  if (playout_) {
    stats_.playout = playout_->counters();
    playout_->clear();
    accountPlayout();
  }
  playout_.reset();
  outbox_.clear();
  mark_labels_.clear();
  mark_bytes_ = 0;
  state_ = ConnectionState::Idle;
  rate_ = 0;
}

void Session::forgetConversation(const std::string& goodbye) {
  if (client_) {
    sayGoodbye(goodbye);
    client_->release();
  }
  client_.reset();
}

int Session::agreeRate(int wanted) {
  const std::lock_guard lock(mutex_);
  if (rate_ == 0) {
    const int forced = settings_.forcedRate();
    rate_ = forced > 0 ? forced : wanted;
  }
  if (!playout_) makePlayout();
  return rate_;
}

int Session::rate() const {
  const std::lock_guard lock(mutex_);
  return rate_ != 0 ? rate_ : settings_.forcedRate();
}

std::shared_ptr<MediaLoop> Session::sharedLoop() const {
  const std::lock_guard lock(mutex_);
  if (settings_.context.empty()) return nullptr;
  return loop_ ? loop_ : MediaLoop::acquire(settings_.context, settings_.context_wait_ms);
}

void Session::makePlayout() {
  if (playout_ && playout_->frameSamples() == static_cast<size_t>(rate_) / 50) return;
  playout_.emplace(settings_.playoutSettings(rate_));
}

bool Session::isOver() const {
  return state_ == ConnectionState::Closed || state_ == ConnectionState::Failed ||
         state_ == ConnectionState::Closing;
}

AudioEncoding Session::encoding() const {
  const std::lock_guard lock(mutex_);
  return settings_.encoding();
}

Session::Sent Session::sendFrame(std::span<const uint8_t> frame, AudioEncoding given) {
  {
    const std::lock_guard lock(mutex_);
    if (isOver()) return Sent::Over;
    if (muted_) {
      ++stats_.frames_muted;
      return Sent::Ok;
    }
    // What comes before anybody knows the endpoint has no encoding to be kept in.
    if (state_ == ConnectionState::Idle && given != settings_.encoding()) return Sent::Ok;
    if (given != encoding_) {
      if (given != AudioEncoding::Linear) return Sent::Ok;
      encodeG711(encoding_, frame, coded_);
      frame = coded_;
    }
    const bool direct = state_ == ConnectionState::Open && outbox_.empty() && loop_->isCurrent();
    if (!direct || !client_->writable()) {
      if (const size_t dropped = outbox_.pushAudio(frame)) countDropped(dropped);
      schedulePump();
      return Sent::Ok;
    }
    ++stats_.frames_sent;
    stats_.bytes_sent += frame.size();
  }
  sendAudio(frame);
  return Sent::Ok;
}

void Session::sendAudio(std::span<const uint8_t> frame) {
  if (!audio_is_text_) {
    client_->sendAudio(Opcode::Binary, frame);
    return;
  }
  {
    const std::lock_guard lock(mutex_);
    dialect_->writeAudio(frame, g_get_monotonic_time(), audio_text_);
  }
  client_->sendAudio(Opcode::Text,
                     {reinterpret_cast<const uint8_t*>(audio_text_.data()), audio_text_.size()});
}

void Session::countDropped(size_t dropped) {
  stats_.frames_dropped += dropped;
  dropped_unreported_ += dropped;
  if (!loop_) return;
  const int64_t now_us = g_get_monotonic_time();
  if (now_us - last_drop_warning_us_ < kDropWarningUs) return;
  last_drop_warning_us_ = now_us;
  GST_LOG("%s: %" G_GUINT64_FORMAT " frames dropped: the endpoint does not read", name_.c_str(),
          dropped_unreported_);
  onLoop([event = DroppedEvent{dropped_unreported_}](Session& self) { self.emit(event); });
  dropped_unreported_ = 0;
}

void Session::pushNotice(const Notice& notice) {
  outbox_.pushNotice(notice);
  schedulePump();
  checkPendingText();
}

void Session::checkPendingText() {
  if (outbox_.textBytes() + mark_bytes_ <= kMaxPendingText && mark_labels_.size() <= kMaxMarks)
    return;
  if (state_ == ConnectionState::Open) {
    onLoop([](Session& self) {
      self.beginClose(1008, "too many replies that are not read", "replies-unread", true);
    });
  }
}

void Session::wakeWaiters() {
  { const std::lock_guard lock(mutex_); }  // a waiter is before its look or asleep, not in between
  changed_.notify_all();
}

void Session::sourceEnded() {
  const std::lock_guard lock(mutex_);
  endSource();
}

/// Nobody plays: what comes is dropped, and the socket is read again if it was not.
void Session::endSource() {
  source_ended_ = true;
  if (!playout_) return;
  playout_->clear();
  accountPlayout();
  resolveMarks(true);
  maybeResume();
}

void Session::finishSending() {
  const std::lock_guard lock(mutex_);
  if (!settings_.close_on_eos || !loop_ || isOver()) return;
  close_after_outbox_ = true;
  schedulePump();
}

void Session::waitUntilSent(const std::atomic<bool>& cancelled) {
  std::unique_lock lock(mutex_);
  if (loop_ && loop_->isCurrent()) return;  // it is this thread that sends
  const auto limit =
      std::chrono::milliseconds(settings_.connect_timeout_ms + settings_.max_queue_ms) + kCloseWait;
  changed_.wait_for(lock, limit, [&] {
    const bool ended = state_ == ConnectionState::Idle || state_ == ConnectionState::Closed ||
                       state_ == ConnectionState::Failed;
    const bool sent = state_ == ConnectionState::Open && outbox_.empty() && !close_after_outbox_;
    return cancelled || ended || sent;
  });
}

void Session::close(unsigned code, const std::string& reason, const std::string& why) {
  const std::lock_guard lock(mutex_);
  if (state_ == ConnectionState::Idle || isOver()) return;
  onLoop([=](Session& self) { self.beginClose(code, reason, why, true); });
}

void Session::schedulePump() {
  if (pump_scheduled_ || !loop_) return;
  pump_scheduled_ = true;
  loop_->post([weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->pump();
  });
}

void Session::pump() {
  bool close = false;
  for (;;) {
    Outbox::Item item;
    {
      const std::lock_guard lock(mutex_);
      pump_scheduled_ = false;
      if (state_ != ConnectionState::Open || !client_ || !client_->writable()) return;
      if (outbox_.empty()) {
        close = close_after_outbox_;
        changed_.notify_all();
        break;
      }
      item = outbox_.pop();
      if (item.kind == Outbox::Item::Kind::Audio) {
        ++stats_.frames_sent;
        stats_.bytes_sent += item.bytes.size();
      } else if (item.kind == Outbox::Item::Kind::Event) {
        const std::string text = dialect_->write(item.notice);
        if (text.empty()) continue;
        item.bytes.assign(text.begin(), text.end());
      }
      if (item.kind != Outbox::Item::Kind::Audio) ++stats_.texts_sent;
    }
    sendItem(item);
  }
  if (close) beginClose(1000, "end of stream", "end-of-stream", false);
}

void Session::sendItem(const Outbox::Item& item) {
  if (item.kind == Outbox::Item::Kind::Audio) {
    sendAudio(item.bytes);
    return;
  }
  const std::string_view text(reinterpret_cast<const char*>(item.bytes.data()), item.bytes.size());
  client_->sendText(text);
  logText("sent", text);
}

void Session::onWritable() {
  confirmOpen();
  pump();
}

void Session::sayGoodbye(const std::string& goodbye) {
  if (goodbye.empty() || !client_->sendText(goodbye)) return;
  logText("sent", goodbye);
  const std::lock_guard lock(mutex_);
  ++stats_.texts_sent;
}

void Session::logText(const char* way, std::string_view text) const {
  if (gst_debug_category_get_threshold(sessionDebug()) < GST_LEVEL_LOG) return;
  std::vector<std::string> custom;
  {
    const std::lock_guard lock(mutex_);
    const auto headers = json::Json::readObject(settings_.headers, json::kMaxCustomBytes);
    if (const auto* object = std::get_if<json::Json>(&headers)) {
      for (const json::JsonMember& member : object->root().members())
        custom.push_back(member.name);
    }
  }
  GST_LOG("%s: %s %s", name_.c_str(), way, common::shownText(text, custom).c_str());
}

void Session::beginClose(unsigned code, const std::string& reason, const std::string& why,
                         bool discard) {
  std::string goodbye;
  bool away = false;
  {
    const std::lock_guard lock(mutex_);
    if (state_ == ConnectionState::Idle || isOver()) return;
    away = resuming_ && !client_;
    if (!client_ && !away) return;
    resuming_ = false;
    state_ = ConnectionState::Closing;
    outbox_.clear();
    if (discard && playout_) playout_->clear();
    accountPlayout();
    goodbye = dialect_->write(EndNotice{why});
  }
  if (away) {  // nobody is there to be told
    if (endConversation(ConnectionState::Closed, code, reason))
      emit(ClosedEvent{code, reason, ClosedBy::Local});
    return;
  }
  GST_INFO("%s: closing with %u, %s", name_.c_str(), code, reason.c_str());
  sayGoodbye(goodbye);
  client_->close(code, reason, discard);
}

void Session::emit(const SessionEvent& event) {
  std::shared_ptr<SessionObserver> sink;
  std::shared_ptr<SessionObserver> source;
  bool by_sink = false;
  {
    const std::lock_guard lock(mutex_);
    sink = peer(Role::Sink).observer.lock();
    source = peer(Role::Source).observer.lock();
    // A source that has been stopped may be on its way to a state in which nobody hears it.
    by_sink = sink && (!source || (!peer(Role::Source).running && peer(Role::Sink).running));
  }
  if (source) source->onSessionEvent(event, !by_sink);
  if (sink) sink->onSessionEvent(event, by_sink);
}

}  // namespace wsbridge
