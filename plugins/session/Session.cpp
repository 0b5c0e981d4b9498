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

constexpr std::chrono::seconds kCloseWait{7};
// Replies that an endpoint asks for and does not read must not fill the memory.
constexpr size_t kMaxPendingText = 4 * 1024 * 1024;

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

common::Result<std::shared_ptr<Session>, Session::AttachFailure> Session::attach(
    Role role, const SessionSettings& settings, const std::shared_ptr<SessionObserver>& observer) {
  const auto make = [&] { return std::shared_ptr<Session>(new Session(settings)); };
  std::shared_ptr<Session> connection =
      settings.name.empty() ? make() : SessionRegistry::findOrAdd(settings.name, make);
  if (auto failure = connection->join(role, settings, observer))
    return common::Failure{*std::move(failure)};
  return connection;
}

Session::Session(const SessionSettings& settings) : name_(settings.name) {
  settings_.name = settings.name;
}

Session::~Session() {
  if (!on_loop_) return;
  loop_->post([run = std::move(run_), on_loop = std::move(on_loop_)] {
    if (on_loop->client) on_loop->client->release();
  });
}

std::optional<Session::AttachFailure> Session::join(
    Role role, const SessionSettings& settings, const std::shared_ptr<SessionObserver>& observer) {
  const std::lock_guard lock(mutex_);
  const char* what = role == Role::Sink ? "sink" : "source";
  if (peer(role).attached) {
    return AttachFailure{true, "connection \"" + name_ + "\" already has a " + what +
                                   ": each name takes one sink and one source"};
  }
  peer(role) = {observer, settings, true, false};
  auto both = combined();
  if (!both) {
    peer(role) = {};
    return AttachFailure{false, both.error()};
  }
  settings_ = *std::move(both);
  if (role == Role::Sink) muted_ = settings.mute;
  return std::nullopt;
}

common::Result<SessionSettings> Session::combined() const {
  SessionSettings both;
  both.name = name_;
  for (const Peer& one : peers_) {
    if (!one.attached) continue;
    if (auto fault = both.merge(one.settings)) return common::Failure{*std::move(fault)};
  }
  return both;
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

std::optional<Failure> Session::renew(Role role, const SessionSettings& settings) {
  const auto fault = [](std::string text) {
    return Failure{.kind = FailureKind::Settings, .text = std::move(text)};
  };
  const std::lock_guard lock(mutex_);
  SessionSettings before = std::exchange(peer(role).settings, settings);
  auto both = combined();
  if (!both) {
    peer(role).settings = std::move(before);
    return fault(both.error());
  }
  if (run_->state != ConnectionState::Idle) return std::nullopt;
  if (loop_ && both->context != settings_.context)
    return fault("context cannot be changed in READY: go to NULL in between");
  settings_ = *std::move(both);
  return std::nullopt;
}

std::optional<Failure> Session::start(Role role) {
  const std::lock_guard lock(mutex_);
  peer(role).running = true;
  if (role == Role::Source) run_->source_ended = false;
  if (run_->state != ConnectionState::Idle) return std::nullopt;
  last_.uri.clear();
  if (settings_.uri.empty()) {
    if (!name_.empty()) return std::nullopt;  // the other element may bring it
    return Failure{.kind = FailureKind::Settings,
                   .text = "uri is not set: give ws://host[:port]/path"};
  }
  if (const auto fault = settings_.faultInContentType()) {
    return Failure{.kind = FailureKind::Settings, .text = *fault};
  }
  if (const int forced = settings_.forcedRate(); forced > 0) run_->rate = forced;
  auto client = settings_.clientSettings();
  if (!client) return client.error();
  if (run_->rate == 0) return std::nullopt;
  open(*std::move(client));
  return std::nullopt;
}

void Session::open(ClientSettings settings) {
  run_->state = ConnectionState::Connecting;
  run_->started_us = g_get_monotonic_time();
  run_->stats.uri = settings.connect.candidates.front().endpoint.shown;
  run_->stats.rate = run_->rate;
  run_->client_settings = std::move(settings);
  prepareDialect();
  run_->source_ended = false;
  if (!loop_) loop_ = MediaLoop::acquire(settings_.context, settings_.context_wait_ms);
  run_->makePlayout(settings_);
  // A source in real time must lose nothing while the handshake goes on.
  run_->outbox.setMaxFrames(std::max(settings_.max_queue_ms, settings_.connect_timeout_ms) /
                            common::kFrameMs);
  ClientSettings first = run_->client_settings;
  const unsigned used_ms = settings_.connect_time_used_ms;
  first.connect.timeout_ms -= std::min(used_ms, first.connect.timeout_ms - 1);
  onLoop([run = run_, first = std::move(first)](Session& self) { self.connect(run, first); });
}

void Session::onLoop(std::function<void(Session&)> function) {
  loop_->post([weak = weak_from_this(), run = run_, function = std::move(function)] {
    const auto self = weak.lock();
    if (!self) return;
    {
      const std::lock_guard lock(self->mutex_);
      if (self->run_ != run) return;  // posted for a conversation that is over
    }
    function(*self);
  });
}

void Session::onOpen(const std::string& subprotocol) {
  on_loop_->subprotocol = subprotocol;
  std::vector<std::string> opening;
  {
    const std::lock_guard lock(mutex_);
    if (!speaks()) return;  // of a conversation that is over
    const unsigned resumption = run_->resumption.count();
    const std::string custom = resumption == 0
                                   ? settings_.headers
                                   : json::withMember(settings_.headers, "resumption", resumption);
    opening = run_->dialect->opening(
        {custom, ContentType{run_->rate, run_->encoding}, settings_.call_id, settings_.account_id});
    run_->stats.texts_sent += opening.size();
  }
  for (const std::string& message : opening) {
    on_loop_->client->sendText(message);
    logText("sent", message);
  }
  confirmOpen();
}

void Session::confirmOpen() {
  if (!on_loop_->client->writable()) return;  // onWritable() comes back to this
  OpenedEvent event;
  {
    const std::lock_guard lock(mutex_);
    if (run_->state != ConnectionState::Connecting || !speaks()) return;
    run_->state = ConnectionState::Open;
    run_->resumption.end();
    on_loop_->opened_us = g_get_monotonic_time();
    if (isMuted()) run_->outbox.pushNotice(MuteNotice{true});
    run_->stats.setup_ms = static_cast<double>(on_loop_->opened_us - run_->started_us) / 1000.0;
    run_->outbox.setMaxFrames(std::max(1U, settings_.max_queue_ms / common::kFrameMs));
    event = {run_->stats.content_type, run_->rate, on_loop_->subprotocol, run_->stats.setup_ms};
  }
  GST_INFO("%s: open after %.1f ms, %s, subprotocol \"%s\"", name_.c_str(), event.setup_ms,
           event.content_type.c_str(), on_loop_->subprotocol.c_str());
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
  const auto over = std::exchange(run_, std::make_shared<Conversation>());
  if (over->state == ConnectionState::Idle) return;
  GST_INFO("%s: stopped while %s", name_.c_str(), nameOf(over->state));
  last_ = over->statistics();
  last_.playout_ms = 0;
  if (over->state != ConnectionState::Failed) last_.state = ConnectionState::Closed;
  over->playout.reset();
  over->accountPlayout();
  const bool open = over->state == ConnectionState::Open;
  const std::string goodbye = open ? over->dialect->write(EndNotice{"stopped"}) : "";
  loop_->post([self = shared_from_this(), over, goodbye] { self->forget(*over, goodbye); });
}

void Session::forget(Conversation& over, const std::string& goodbye) {
  if (over.client) {
    if (sayGoodbye(*over.client, goodbye)) {
      const std::lock_guard lock(mutex_);
      ++last_.texts_sent;
    }
    over.client->release();
    over.client.reset();
  }
  if (on_loop_.get() == &over) on_loop_.reset();
}

int Session::agreeRate(int wanted) {
  const std::lock_guard lock(mutex_);
  if (run_->rate == 0) {
    const int forced = settings_.forcedRate();
    run_->rate = forced > 0 ? forced : wanted;
  }
  if (!run_->playout) run_->makePlayout(settings_);
  return run_->rate;
}

int Session::rate() const {
  const std::lock_guard lock(mutex_);
  return run_->rate != 0 ? run_->rate : settings_.forcedRate();
}

std::shared_ptr<MediaLoop> Session::sharedLoop() const {
  const std::lock_guard lock(mutex_);
  if (settings_.context.empty()) return nullptr;
  return loop_ ? loop_ : MediaLoop::acquire(settings_.context, settings_.context_wait_ms);
}

AudioEncoding Session::encoding() const {
  const std::lock_guard lock(mutex_);
  return settings_.encoding();
}

Session::Sent Session::sendFrame(std::span<const uint8_t> frame, AudioEncoding given) {
  {
    const std::lock_guard lock(mutex_);
    if (run_->isOver()) return Sent::Over;
    if (isMuted()) {
      ++run_->stats.frames_muted;
      return Sent::Ok;
    }
    // What comes before anybody knows the endpoint has no encoding to be kept in.
    if (run_->state == ConnectionState::Idle && given != settings_.encoding()) return Sent::Ok;
    if (given != run_->encoding) {
      if (given != AudioEncoding::Linear) return Sent::Ok;
      encodeG711(run_->encoding, frame, coded_);
      frame = coded_;
    }
    const bool direct =
        run_->state == ConnectionState::Open && run_->outbox.empty() && loop_->isCurrent();
    if (!direct || !on_loop_->client->writable()) {
      if (mustWait()) return Sent::Full;
      if (const size_t dropped = run_->outbox.pushAudio(frame)) countDropped(dropped);
      schedulePump();
      return Sent::Ok;
    }
    ++run_->stats.frames_sent;
    run_->stats.bytes_sent += frame.size();
  }
  sendAudio(frame);
  return Sent::Ok;
}

bool Session::mustWait() const {
  if (settings_.leaky || !run_->outbox.full()) return false;
  const bool opening = run_->state == ConnectionState::Connecting && !run_->resumption.active();
  return (opening || run_->state == ConnectionState::Open) && !loop_->isCurrent();
}

bool Session::waitForRoom(const std::atomic<bool>& cancelled) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return cancelled || run_->outbox.hasRoom() || !mustWait(); });
  return !cancelled;
}

void Session::sendAudio(std::span<const uint8_t> frame) {
  if (!on_loop_->audio_is_text) {
    on_loop_->client->sendAudio(Opcode::Binary, frame);
    return;
  }
  {
    const std::lock_guard lock(mutex_);
    // Whoever stops may have put another run in its place since the frame was taken.
    on_loop_->dialect->writeAudio(frame, g_get_monotonic_time(), audio_text_);
  }
  on_loop_->client->sendAudio(
      Opcode::Text, {reinterpret_cast<const uint8_t*>(audio_text_.data()), audio_text_.size()});
}

void Session::countDropped(size_t dropped) {
  run_->stats.frames_dropped += dropped;
  if (!loop_) return;
  const uint64_t frames = run_->dropped.add(g_get_monotonic_time(), dropped);
  if (frames == 0) return;
  GST_LOG("%s: %" G_GUINT64_FORMAT " frames dropped: the endpoint does not read", name_.c_str(),
          frames);
  onLoop([event = DroppedEvent{frames}](Session& self) { self.emit(event); });
}

void Session::pushNotice(const Notice& notice) {
  run_->outbox.pushNotice(notice);
  schedulePump();
  checkPendingText();
}

void Session::checkPendingText() {
  const Marks& marks = run_->marks;
  if (run_->outbox.textBytes() + marks.bytes() <= kMaxPendingText && marks.count() <= Marks::kMax)
    return;
  if (run_->state == ConnectionState::Open) {
    onLoop([](Session& self) {
      self.beginClose(common::close::kPolicy, "too many replies that are not read",
                      "replies-unread", true);
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
  run_->source_ended = true;
  if (!run_->playout) return;
  run_->playout->clear();
  run_->accountPlayout();
  resolveMarks(true);
  maybeResume();
}

void Session::finishSending() {
  const std::lock_guard lock(mutex_);
  if (!settings_.close_on_eos || !loop_ || run_->isOver()) return;
  run_->close_after_outbox = true;
  schedulePump();
}

void Session::waitUntilSent(const std::atomic<bool>& cancelled) {
  std::unique_lock lock(mutex_);
  if (loop_ && loop_->isCurrent()) return;  // it is this thread that sends
  const auto limit =
      std::chrono::milliseconds(settings_.connect_timeout_ms + settings_.max_queue_ms) + kCloseWait;
  changed_.wait_for(lock, limit, [&] {
    const bool ended = run_->state == ConnectionState::Idle ||
                       run_->state == ConnectionState::Closed ||
                       run_->state == ConnectionState::Failed;
    const bool sent =
        run_->state == ConnectionState::Open && run_->outbox.empty() && !run_->close_after_outbox;
    return cancelled || ended || sent;
  });
}

void Session::close(unsigned code, const std::string& reason, const std::string& why) {
  const std::lock_guard lock(mutex_);
  if (run_->state == ConnectionState::Idle || run_->isOver()) return;
  onLoop([=](Session& self) { self.beginClose(code, reason, why, true); });
}

void Session::schedulePump() {
  if (run_->pump_scheduled || !loop_) return;
  run_->pump_scheduled = true;
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
      run_->pump_scheduled = false;
      if (run_->state != ConnectionState::Open || !speaks() || !on_loop_->client->writable())
        return;
      if (run_->outbox.empty()) {
        close = run_->close_after_outbox;
        changed_.notify_all();
        break;
      }
      item = run_->outbox.pop();
      if (run_->outbox.hasRoom()) changed_.notify_all();
      if (item.kind == Outbox::Item::Kind::Audio) {
        ++run_->stats.frames_sent;
        run_->stats.bytes_sent += item.bytes.size();
      } else if (item.kind == Outbox::Item::Kind::Event) {
        const std::string text = run_->dialect->write(item.notice);
        if (text.empty()) continue;
        item.bytes.assign(text.begin(), text.end());
      }
      if (item.kind != Outbox::Item::Kind::Audio) ++run_->stats.texts_sent;
    }
    sendItem(item);
  }
  if (close) beginClose(common::close::kNormal, "end of stream", "end-of-stream", false);
}

void Session::sendItem(const Outbox::Item& item) {
  if (item.kind == Outbox::Item::Kind::Audio) {
    sendAudio(item.bytes);
    return;
  }
  const std::string_view text(reinterpret_cast<const char*>(item.bytes.data()), item.bytes.size());
  on_loop_->client->sendText(text);
  logText("sent", text);
}

void Session::onWritable() {
  confirmOpen();
  pump();
}

bool Session::sayGoodbye(WebSocketClient& client, const std::string& goodbye) const {
  if (goodbye.empty() || !client.sendText(goodbye)) return false;
  logText("sent", goodbye);
  return true;
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
    if (run_->state == ConnectionState::Idle || run_->isOver()) return;
    if (!speaks()) return;
    away = run_->resumption.active() && !on_loop_->client;
    if (!on_loop_->client && !away) return;
    run_->resumption.end();
    run_->state = ConnectionState::Closing;
    run_->outbox.clear();
    if (discard && run_->playout) run_->playout->clear();
    run_->accountPlayout();
    goodbye = run_->dialect->write(EndNotice{why});
  }
  changed_.notify_all();
  if (away) {  // nobody is there to be told
    if (endConversation(ConnectionState::Closed, code, reason))
      emit(ClosedEvent{code, reason, ClosedBy::Local});
    return;
  }
  GST_INFO("%s: closing with %u, %s", name_.c_str(), code, reason.c_str());
  if (sayGoodbye(*on_loop_->client, goodbye)) {
    const std::lock_guard lock(mutex_);
    ++on_loop_->stats.texts_sent;
  }
  on_loop_->client->close(code, reason, discard);
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
