// SPDX-License-Identifier: LGPL-2.1-or-later
#include "websocket/WebSocketClient.hpp"

#include <algorithm>

#include <libsoup/soup.h>

#include "runtime/Debug.hpp"

#define GST_CAT_DEFAULT webSocketDebug()

namespace wsbridge {

namespace {

constexpr int64_t kCloseAnswerUs = 1'000'000;
constexpr int64_t kDrainingCloseUs = 6'000'000;  // libsoup itself gives up after five seconds
constexpr int64_t kFaultLingerUs = 500'000;
constexpr size_t kMaxCloseReason = 120;
constexpr guint64 kMaxPayload = FrameFilter::kMaxText + 64 * 1024;

Failure failureOf(FrameFilter::Fault fault) {
  const auto protocol = [](const char* text, unsigned code) {
    return Failure{.kind = FailureKind::Protocol, .text = text, .close_code = code};
  };
  switch (fault) {
    case FrameFilter::Fault::TextTooLong:
      return protocol("the endpoint sent a text message over 1 MiB", common::close::kTooBig);
    case FrameFilter::Fault::BrokenLength:
      return protocol(
          "the endpoint sent a frame whose length is 2^63 or more, or not in its shortest form",
          common::close::kProtocolError);
    case FrameFilter::Fault::BadCloseReason:
      return protocol("the endpoint closed with a reason that is not UTF-8",
                      common::close::kInvalidData);
    case FrameFilter::Fault::BrokenFragments:
    case FrameFilter::Fault::None:
      break;
  }
  return protocol("the endpoint mixed the fragments of two messages",
                  common::close::kProtocolError);
}

std::string shortReason(const std::string& reason) {
  g_autofree char* valid = g_utf8_make_valid(reason.c_str(), static_cast<gssize>(reason.size()));
  std::string text(valid);
  if (text.size() <= kMaxCloseReason) return text;
  const char* end = g_utf8_find_prev_char(text.c_str(), text.c_str() + kMaxCloseReason + 1);
  return text.substr(0, static_cast<size_t>(end - text.c_str()));
}

}  // namespace

WebSocketClient::WebSocketClient(std::shared_ptr<MediaLoop> loop, ClientSettings settings,
                                 std::weak_ptr<Listener> listener)
    : loop_(std::move(loop)), settings_(std::move(settings)), listener_(std::move(listener)) {}

WebSocketClient::~WebSocketClient() {
  teardown();
}

void WebSocketClient::start() {
  const auto tell = [weak = weak_from_this()](const auto& what) {
    const auto self = weak.lock();
    const auto listener = self ? self->listener_.lock() : nullptr;
    if (listener) what(*listener);
  };
  ConnectSequence::Events events;
  events.trying = [tell](const ConnectSettings& candidate) {
    tell([&](Listener& l) { l.onTrying(candidate.position, candidate.endpoint.shown); });
  };
  events.failed = [tell](const Failure& failure) {
    tell([&](Listener& l) { l.onAttemptFailed(failure); });
  };
  events.done = [weak = weak_from_this()](Connector::Outcome result,
                                          const ConnectSettings& candidate) {
    if (const auto self = weak.lock()) self->connected(std::move(result), candidate);
  };
  connector_ =
      std::make_shared<ConnectSequence>(loop_, std::move(settings_.connect), std::move(events));
  connector_->start();
}

void WebSocketClient::connected(Connector::Outcome result, const ConnectSettings& settings) {
  const Endpoint endpoint = settings.endpoint;
  connector_.reset();
  if (!result) {
    reportFailed(result.error());
    return;
  }
  Connected& connected = *result;
  flow_ = std::make_unique<FlowStream>(
      loop_, connected.stream.get(), std::move(connected.prefix),
      // The stream is ours, and shared_from_this() keeps us while it calls.
      [this](std::span<const uint8_t> audio) { onAudio(audio); },
      [weak = weak_from_this()] {
        const auto self = weak.lock();
        const auto listener = self ? self->listener_.lock() : nullptr;
        if (listener) listener->onWritable();
      },
      [weak = weak_from_this()] {
        if (const auto self = weak.lock()) self->refuse();
      });
  flow_->setAudioIsText(settings_.audio_is_text);
  flow_->setBudget(settings_.budget, [weak = weak_from_this()](Slowed why) {
    const auto self = weak.lock();
    const auto listener = self && !self->reported_ ? self->listener_.lock() : nullptr;
    if (listener) listener->onSlowed(why);
  });
  g_autoptr(GUri) uri = g_uri_build(G_URI_FLAGS_NONE, endpoint.tls ? "wss" : "ws", nullptr,
                                    endpoint.host.c_str(), endpoint.port, "/", nullptr, nullptr);
  socket_ = soup_websocket_connection_new(
      flow_->stream(), uri, SOUP_WEBSOCKET_CONNECTION_CLIENT, nullptr,
      connected.subprotocol.empty() ? nullptr : connected.subprotocol.c_str(), nullptr);
  soup_websocket_connection_set_max_incoming_payload_size(socket_, kMaxPayload);
  g_signal_connect(socket_, "message", G_CALLBACK(onMessage), this);
  g_signal_connect(socket_, "error", G_CALLBACK(onError), this);
  g_signal_connect(socket_, "closing", G_CALLBACK(onClosing), this);
  g_signal_connect(socket_, "closed", G_CALLBACK(onClosedSignal), this);
  g_signal_connect(socket_, "notify::state", G_CALLBACK(onState), this);
  g_signal_connect(socket_, "pong", G_CALLBACK(onPong), this);
  startKeepalive();
  if (const auto listener = listener_.lock()) listener->onOpen(connected.subprotocol);
}

void WebSocketClient::startKeepalive() {
  if (settings_.ping_interval_s == 0) return;
  soup_websocket_connection_set_keepalive_interval(socket_, settings_.ping_interval_s);
  if (settings_.pong_timeout_s == 0) return;
  pong_timer_ =
      loop_->addTimer(checkPong(g_get_monotonic_time()), [weak = weak_from_this()](int64_t now_us) {
        const auto self = weak.lock();
        return self ? self->checkPong(now_us) : 0;
      });
}

int64_t WebSocketClient::checkPong(int64_t now_us) {
  const int64_t allowed_us =
      int64_t{settings_.ping_interval_s + settings_.pong_timeout_s} * G_USEC_PER_SEC;
  if (flow_->paused()) return now_us + allowed_us;  // what the endpoint says waits behind its audio
  const int64_t due_us = flow_->lastReadUs() + allowed_us;
  if (due_us > now_us) return due_us;
  pong_timer_.reset();
  reportFailed({.kind = FailureKind::PongTimeout,
                .text = "nothing from the endpoint for " +
                        std::to_string(allowed_us / G_USEC_PER_SEC) +
                        " s in spite of pings: it is gone, or see ping-interval and pong-timeout"});
  return 0;
}

bool WebSocketClient::writable() const {
  return socket_ != nullptr && !close_sent_ && !reported_ && flow_->writable() &&
         soup_websocket_connection_get_state(socket_) == SOUP_WEBSOCKET_STATE_OPEN;
}

void WebSocketClient::sendAudio(Opcode opcode, std::span<const uint8_t> payload) {
  flow_->sendMessage(opcode, payload);
}

bool WebSocketClient::sendText(std::string_view text) {
  if (socket_ == nullptr || close_sent_ ||
      soup_websocket_connection_get_state(socket_) != SOUP_WEBSOCKET_STATE_OPEN)
    return false;
  g_autoptr(GBytes) bytes = g_bytes_new_static(text.data(), text.size());
  soup_websocket_connection_send_message(socket_, SOUP_WEBSOCKET_DATA_TEXT, bytes);
  return true;
}

void WebSocketClient::close(unsigned code, const std::string& reason, bool discard) {
  local_code_ = common::close::mayBeSentByClient(code) ? code : common::close::kNormal;
  local_reason_ = shortReason(reason);
  discard_ = discard_ || discard;
  if (socket_ == nullptr) {  // still connecting, or over
    if (connector_) connector_->cancel();
    loop_->post([weak = weak_from_this()] {
      if (const auto self = weak.lock())
        self->reportClosed(self->local_code_, self->local_reason_, ClosedBy::Local);
    });
    return;
  }
  flow_->setPaused(false);  // the answer is behind audio that still waits
  if (close_sent_ || soup_websocket_connection_get_state(socket_) != SOUP_WEBSOCKET_STATE_OPEN)
    return;
  close_sent_ = true;
  flow_->forgetBudget();
  close_timer_ =
      loop_->addTimer(g_get_monotonic_time() + (discard ? kCloseAnswerUs : kDrainingCloseUs),
                      [weak = weak_from_this()](int64_t) -> int64_t {
                        if (const auto self = weak.lock()) {
                          self->close_timer_.reset();
                          self->streamClosed();
                          self->teardown();
                        }
                        return 0;
                      });
  soup_websocket_connection_close(socket_, static_cast<gushort>(local_code_),
                                  local_reason_.c_str());
}

void WebSocketClient::setPaused(bool paused) {
  GST_DEBUG("%s: reading %s", settings_.connection.c_str(), paused ? "stops" : "goes on");
  if (flow_ && !close_sent_) flow_->setPaused(paused);
}

bool WebSocketClient::paused() const {
  return flow_ && flow_->paused();
}

void WebSocketClient::release() {
  listener_.reset();
  if (socket_ != nullptr &&
      soup_websocket_connection_get_state(socket_) != SOUP_WEBSOCKET_STATE_CLOSED) {
    lingering_ = shared_from_this();
    close(common::close::kNormal, "", true);
    if (!close_timer_) armCloseTimeout();
    return;
  }
  if (connector_) connector_->cancel();
  loop_->post([self = shared_from_this()] { self->teardown(); });
}

void WebSocketClient::armCloseTimeout() {
  close_timer_ = loop_->addTimer(g_get_monotonic_time() + kFaultLingerUs,
                                 [weak = weak_from_this()](int64_t) -> int64_t {
                                   if (const auto self = weak.lock()) {
                                     self->close_timer_.reset();
                                     self->teardown();
                                   }
                                   return 0;
                                 });
}

uint64_t WebSocketClient::messagesReceived() const {
  return flow_ ? flow_->filter().messages() : 0;
}
uint64_t WebSocketClient::bytesReceived() const {
  return flow_ ? flow_->bytesRead() : 0;
}

void WebSocketClient::onAudio(std::span<const uint8_t> payload) {
  const auto self = shared_from_this();
  if (discard_ || reported_) return;
  if (const auto listener = listener_.lock()) listener->onBinary(payload);
}

void WebSocketClient::onMessage(SoupWebsocketConnection*, int type, void* bytes,
                                gpointer data) noexcept {
  const auto self = static_cast<WebSocketClient*>(data)->shared_from_this();
  const auto listener = self->discard_ || self->reported_ ? nullptr : self->listener_.lock();
  if (!listener || type != SOUP_WEBSOCKET_DATA_TEXT) return;
  gsize size = 0;
  const auto* text = static_cast<const char*>(g_bytes_get_data(static_cast<GBytes*>(bytes), &size));
  listener->onText({text, size});
}

void WebSocketClient::onPong(SoupWebsocketConnection*, void*, gpointer data) noexcept {
  ++static_cast<WebSocketClient*>(data)->pongs_;
}

void WebSocketClient::onClosing(SoupWebsocketConnection*, gpointer data) noexcept {
  // libsoup is about to write its answer: tell the listener when it is out.
  auto* self = static_cast<WebSocketClient*>(data);
  if (!self->flow_->filter().closeSeen()) return;
  self->loop_->post([weak = self->weak_from_this()] {
    if (const auto alive = weak.lock()) alive->streamClosed();
  });
}

void WebSocketClient::onState(SoupWebsocketConnection* socket, void*, gpointer data) noexcept {
  auto* self = static_cast<WebSocketClient*>(data);
  if (self->shut_down_ ||
      soup_websocket_connection_get_state(socket) != SOUP_WEBSOCKET_STATE_CLOSING)
    return;
  self->shut_down_ = true;
  self->flow_->shutdownWrite();
  if (!self->flow_->filter().closeSeen()) return;
  self->loop_->post([weak = self->weak_from_this()] {
    if (const auto alive = weak.lock()) alive->streamClosed();
  });
}

void WebSocketClient::onError(SoupWebsocketConnection*, GError* error, gpointer data) noexcept {
  const auto self = static_cast<WebSocketClient*>(data)->shared_from_this();
  // 3.2 emits `error` again for each read until closed.
  g_signal_handlers_disconnect_by_data(self->socket_, self.get());
  Failure failure{.kind = FailureKind::Lost,
                  .text = std::string("the connection broke: ") + error->message};
  if (error->domain == SOUP_WEBSOCKET_ERROR) {
    failure = {.kind = FailureKind::Protocol,
               .text = std::string("the endpoint broke the WebSocket protocol: ") + error->message,
               .close_code = static_cast<unsigned>(error->code)};
  }
  self->flow_->stopReading();
  self->loop_->post([weak = self->weak_from_this(), failure] {
    const auto alive = weak.lock();
    if (!alive) return;
    if (alive->flow_ && alive->flow_->filter().closeSeen()) {
      alive->streamClosed();  // a close frame with a code that libsoup does not know
    } else if (alive->close_sent_) {
      alive->reportClosed(alive->local_code_, alive->local_reason_, ClosedBy::Local);
    } else {
      alive->reportFailed(failure);
    }
    if (!alive->close_timer_ && alive->socket_ != nullptr) alive->armCloseTimeout();
  });
}

void WebSocketClient::refuse() {
  if (!flow_) return;
  GST_WARNING("%s: the endpoint broke the WebSocket protocol", settings_.connection.c_str());
  flow_->stopReading();  // in any case: what comes behind the fault is of no use
  if (socket_ == nullptr || reported_) return;
  const Failure failure = failureOf(flow_->filter().fault());
  if (close_sent_) return reportClosed(local_code_, local_reason_, ClosedBy::Local);
  close_sent_ = true;
  // The answer is behind what is not read any more: the socket is let go soon.
  armCloseTimeout();
  if (soup_websocket_connection_get_state(socket_) == SOUP_WEBSOCKET_STATE_OPEN)
    soup_websocket_connection_close(socket_, static_cast<gushort>(failure.close_code), nullptr);
  reportFailed(failure);
}

void WebSocketClient::onClosedSignal(SoupWebsocketConnection*, gpointer data) noexcept {
  auto* self = static_cast<WebSocketClient*>(data);
  self->loop_->post([weak = self->weak_from_this()] {
    if (const auto alive = weak.lock()) {
      alive->streamClosed();
      alive->teardown();
    }
  });
}

void WebSocketClient::streamClosed() {
  if (reported_ || !flow_) return;
  const FrameFilter& filter = flow_->filter();
  GST_DEBUG("%s: stream over, close frame of the endpoint: %s, of ours: %s",
            settings_.connection.c_str(), filter.closeSeen() ? "yes" : "no",
            close_sent_ ? "yes" : "no");
  if (close_sent_) {
    reportClosed(local_code_, local_reason_, ClosedBy::Local);
  } else if (!filter.closeSeen()) {
    reportFailed({.kind = FailureKind::Lost,
                  .text = "the endpoint closed the connection without a close frame",
                  .close_code = common::close::kAbnormal});
  } else if (filter.closeCode() == FrameFilter::kBrokenClose) {
    reportFailed({.kind = FailureKind::Protocol,
                  .text = "the endpoint closed with a code that may not be sent",
                  .close_code = common::close::kProtocolError});
  } else if (common::close::isOrderly(filter.closeCode())) {
    reportClosed(filter.closeCode(), filter.closeReason(), ClosedBy::Endpoint);
  } else {
    reportFailed({.kind = FailureKind::Closed,
                  .text = "the endpoint closed with " + std::to_string(filter.closeCode()),
                  .close_code = filter.closeCode(),
                  .close_reason = shortReason(filter.closeReason())});
  }
}

std::shared_ptr<WebSocketClient::Listener> WebSocketClient::takeListener() {
  if (reported_) return nullptr;
  reported_ = true;
  return listener_.lock();
}

void WebSocketClient::reportClosed(unsigned code, const std::string& reason, ClosedBy by) {
  if (const auto listener = takeListener()) listener->onClosed(code, shortReason(reason), by);
}

void WebSocketClient::reportFailed(const Failure& failure) {
  if (const auto listener = takeListener()) listener->onFailed(failure);
}

void WebSocketClient::teardown() {
  if (pong_timer_) loop_->removeTimer(*pong_timer_);
  if (close_timer_) loop_->removeTimer(*close_timer_);
  pong_timer_.reset();
  close_timer_.reset();
  if (connector_) connector_->cancel();
  connector_.reset();
  if (socket_ != nullptr) {
    g_signal_handlers_disconnect_by_data(socket_, this);
    g_object_unref(socket_);
    socket_ = nullptr;
  }
  flow_.reset();
  const auto last =
      std::move(lingering_);  // may be the last owner: nothing of ours is touched behind this
}

}  // namespace wsbridge
