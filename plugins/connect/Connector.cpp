// SPDX-License-Identifier: LGPL-2.1-or-later
#include "connect/Connector.hpp"

#include <algorithm>
#include <string_view>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "connect/Http.hpp"
#include "runtime/Debug.hpp"
#include "runtime/Elsewhere.hpp"
#include "tls/TlsClose.hpp"

#define GST_CAT_DEFAULT connectDebug()

namespace wsbridge {

namespace {

using ConnectorPtr = std::shared_ptr<Connector>;

constexpr size_t kMaxAnswer = 16 * 1024;
constexpr unsigned kMaxInterim = 16;
// The kernel would otherwise take minutes of audio before a peer that does not read is noticed.
constexpr int kSendBufferBytes = 32 * 1024;

/// From the connection to the end of the TLS handshake; an endpoint that needs longer is not there.
constexpr int64_t kTlsUs = 3'000'000;

ConnectorPtr takeSelf(gpointer data) {
  const std::unique_ptr<ConnectorPtr> held(static_cast<ConnectorPtr*>(data));
  return *held;
}

gpointer giveSelf(const ConnectorPtr& self) {
  return new ConnectorPtr(self);
}

/// Then its work is not waited for any more, and others may wait behind it.
bool isCancelled(const GObjectPtr<GCancellable>& cancellable) {
  return g_cancellable_is_cancelled(cancellable.get()) != FALSE;
}

bool isIoError(const GError* error, GIOErrorEnum code) {
  return g_error_matches(error, G_IO_ERROR, code) != FALSE;
}

/// Somebody in between, or the endpoint itself while it restarts, went away.
bool isReset(const GError* error) {
  return isIoError(error, G_IO_ERROR_CONNECTION_CLOSED) ||
         isIoError(error, G_IO_ERROR_BROKEN_PIPE) ||
         g_error_matches(error, G_TLS_ERROR, G_TLS_ERROR_EOF) != FALSE;
}

/// Whether the same endpoint may be there in a moment.
bool mayPass(const GError* error) {
  if (error->domain == G_RESOLVER_ERROR) return error->code == G_RESOLVER_ERROR_TEMPORARY_FAILURE;
  return isReset(error) || isIoError(error, G_IO_ERROR_CONNECTION_REFUSED) ||
         isIoError(error, G_IO_ERROR_HOST_UNREACHABLE) ||
         isIoError(error, G_IO_ERROR_NETWORK_UNREACHABLE);
}

FailureKind kindOf(const GError* error) {
  if (error->domain == G_RESOLVER_ERROR) return FailureKind::Resolve;
  if (error->domain == G_TLS_ERROR) return FailureKind::Tls;
  if (g_error_matches(error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT)) return FailureKind::Timeout;
  return FailureKind::Refused;
}

}  // namespace

Connector::Connector(std::shared_ptr<MediaLoop> loop, ConnectSettings settings, Done done)
    : loop_(std::move(loop)),
      settings_(std::move(settings)),
      done_(std::move(done)),
      key_(makeHandshakeKey()),
      cancellable_(g_cancellable_new()),
      client_(g_socket_client_new()) {
  // The environment's proxies are not meant for the media of a gateway.
  g_socket_client_set_enable_proxy(client_.get(), FALSE);
  // An address that swallows everything must leave time for those behind it.
  const size_t addresses = std::max<size_t>(settings_.addresses.size(), 1);
  if (addresses > 1) {
    g_socket_client_set_timeout(client_.get(), static_cast<guint>(std::max<size_t>(
                                                   1, settings_.timeout_ms / 1000 / addresses)));
  }
}

Connector::~Connector() {
  endTls();
  if (deadline_) loop_->removeTimer(*deadline_);
}

void Connector::start() {
  const int64_t due_us = g_get_monotonic_time() + int64_t{settings_.timeout_ms} * 1000;
  deadline_ = loop_->addTimer(due_us, [weak = weak_from_this()](int64_t) -> int64_t {
    if (const auto self = weak.lock()) {
      self->deadline_.reset();
      self->fail({.kind = FailureKind::Timeout,
                  .text = "no WebSocket within " +
                          std::string(self->settings_.shares_time ? "its share of " : "") +
                          "connect-timeout (" + std::to_string(self->settings_.timeout_ms) +
                          " ms) while " + self->stage_});
    }
    return 0;
  });
  connectNext();
}

void Connector::cancel() {
  done_ = nullptr;
  g_cancellable_cancel(cancellable_.get());
  endTls();
  if (deadline_) loop_->removeTimer(*deadline_);
  deadline_.reset();
}

void Connector::connectNext() {
  const uint16_t port = settings_.endpoint.port;
  const bool resolved = !settings_.addresses.empty();
  destination_ = resolved ? settings_.addresses[next_address_++] : settings_.endpoint.host;
  GObjectPtr<GSocketConnectable> target;
  if (settings_.proxy) {
    target.reset(g_network_address_new(settings_.proxy->host.c_str(), settings_.proxy->port));
  } else if (!resolved) {
    target.reset(g_network_address_new(destination_.c_str(), port));
  } else {
    const std::string& address = destination_;
    GSocketAddress* parsed = g_inet_socket_address_new_from_string(address.c_str(), port);
    if (parsed == nullptr) {
      fail({.kind = FailureKind::Settings,
            .text = "resolved-addresses has a value that is no IP address"});
      return;
    }
    target.reset(G_SOCKET_CONNECTABLE(parsed));
  }
  GST_DEBUG("%s: TCP to %s port %u%s%s", settings_.connection.c_str(), destination_.c_str(), port,
            settings_.proxy ? " through the proxy " : "",
            settings_.proxy ? settings_.proxy->shown.c_str() : "");
  g_socket_client_connect_async(client_.get(), target.get(), cancellable_.get(), onConnected,
                                giveSelf(shared_from_this()));
}

void Connector::onConnected(GObject* source, GAsyncResult* result, gpointer data) noexcept {
  const ConnectorPtr self = takeSelf(data);
  GError* problem = nullptr;
  const GObjectPtr<GSocketConnection> connection(
      g_socket_client_connect_finish(G_SOCKET_CLIENT(source), result, &problem));
  const GErrorPtr error(problem);
  if (!self->done_) return;
  if (connection) {
    self->connected(connection.get());
  } else if (self->next_address_ < self->settings_.addresses.size()) {
    self->connectNext();
  } else {
    const auto& proxy = self->settings_.proxy;
    const std::string where = proxy ? " to the proxy " + proxy->shown : "";
    self->fail({.kind = kindOf(error.get()),
                .text = "cannot connect" + where + ": " + error->message,
                .temporary = mayPass(error.get())});
  }
}

void Connector::connected(GSocketConnection* connection) {
  GSocket* socket = g_socket_connection_get_socket(connection);
  g_socket_set_blocking(socket, FALSE);
  g_socket_set_timeout(socket, 0);
  g_socket_set_option(socket, IPPROTO_TCP, TCP_NODELAY, 1, nullptr);
  g_socket_set_option(socket, SOL_SOCKET, SO_SNDBUF, kSendBufferBytes, nullptr);
  stream_.reset(G_IO_STREAM(g_object_ref(connection)));
  if (settings_.proxy) {
    askProxy();
  } else {
    secure();
  }
}

void Connector::askProxy() {
  stage_ = "waiting for the proxy's answer";
  asking_proxy_ = true;
  request_ = connectText(*settings_.proxy, destination_, settings_.endpoint.port);
  sendRequest();
}

void Connector::proxyAnswered(std::string_view head) {
  asking_proxy_ = false;
  const bool more = answer_size_ > head.size();
  answer_size_ = 0;
  if (auto failure = readProxyAnswer(head, *settings_.proxy)) {
    // Another address of the endpoint may be in the proxy's reach.
    if (failure->temporary && next_address_ < settings_.addresses.size()) {
      stream_.reset();
      connectNext();
    } else {
      fail(std::move(*failure));
    }
  } else if (more) {
    fail({.kind = FailureKind::Handshake,
          .text = "the proxy " + settings_.proxy->shown + " sent data before it was asked"});
  } else {
    secure();
  }
}

void Connector::secure() {
  if (settings_.endpoint.tls) {
    startTls();
  } else {
    signHandshake();
  }
}

void Connector::startTls() {
  stage_ = "waiting for other TLS handshakes with the same host";
  const std::string host = settings_.endpoint.host + ":" + std::to_string(settings_.endpoint.port);
  tls_place_ = HandshakeGate::enter(host, [loop = loop_, weak = weak_from_this()] {
    loop->post([weak] {
      const auto self = weak.lock();
      if (self && self->done_) self->makeTls();
    });
  });
}

void Connector::makeTls() {
  stage_ = "negotiating TLS";
  // Reading the authorities takes 10 ms and more.
  runElsewhere(
      loop_,
      [base = refObject(stream_.get()), host = settings_.endpoint.host, tls = settings_.tls,
       cancellable = refObject(cancellable_.get())]() -> TlsSession::Made {
        if (isCancelled(cancellable)) return common::Failure{std::string()};
        return TlsSession::make(G_SOCKET_CONNECTION(base.get()), host, tls);
      },
      [self = shared_from_this()](TlsSession::Made made) {
        if (!self->done_) return;
        if (!made) {
          self->fail({.kind = FailureKind::Settings, .text = "TLS settings: " + made.error()});
        } else {
          self->tls_ = *std::move(made);
          // What this machine takes to read its own files is not the endpoint's fault.
          self->tls_deadline_ = self->loop_->addTimer(
              g_get_monotonic_time() + kTlsUs, [weak = self->weak_from_this()](int64_t) {
                if (const auto connector = weak.lock()) {
                  connector->tls_deadline_.reset();
                  connector->fail(
                      {.kind = FailureKind::Timeout,
                       .text = "no TLS within " + std::to_string(kTlsUs / 1000) + " ms"});
                }
                return int64_t{0};
              });
          self->shakeHands();
        }
      });
}

/// A step of the handshake takes milliseconds, but waits for nothing; what it needs of the peer is
/// waited for on the loop.
void Connector::shakeHands() {
  shaking_ = true;
  runElsewhere(
      loop_,
      [tls = tls_, cancellable = refObject(cancellable_.get())] {
        return isCancelled(cancellable) ? TlsSession::Step::Failed : tls->handshake();
      },
      [self = shared_from_this()](TlsSession::Step step) {
        self->shaking_ = false;
        if (self->done_) return self->shaken(step);
        if (self->stream_) closeTls(self->stream_.get(), self->loop_);
      });
}

void Connector::shaken(TlsSession::Step step) {
  switch (step) {
    case TlsSession::Step::WantsInput:
    case TlsSession::Step::WantsOutput:
      waitForTls(step == TlsSession::Step::WantsOutput);
      break;
    case TlsSession::Step::Failed:
      fail({.kind = FailureKind::Tls, .text = tls_->fault(), .temporary = tls_->wasReset()});
      break;
    case TlsSession::Step::Done:
      GST_DEBUG("%s: TLS negotiated", settings_.connection.c_str());
      stream_.reset(makeTlsStream(tls_));
      endTls();
      signHandshake();
      break;
  }
}

void Connector::waitForTls(bool output) {
  if (!tls_watch_) {
    tls_watch_ = std::make_unique<SocketWatch>(*loop_, g_socket_get_fd(tls_->socket()),
                                               [weak = weak_from_this()](uint32_t) {
                                                 const auto self = weak.lock();
                                                 if (!self) return;
                                                 self->tls_watch_->want(false, false);
                                                 if (self->done_) self->shakeHands();
                                               });
  }
  tls_watch_->want(!output, output);
}

void Connector::endTls() {
  if (tls_deadline_) loop_->removeTimer(*tls_deadline_);
  tls_deadline_.reset();
  // It may be the watch itself that has called us.
  if (tls_watch_) {
    tls_watch_->want(false, false);
    loop_->post([watch = std::shared_ptr<SocketWatch>(std::move(tls_watch_))] {});
  }
  tls_place_.reset();
  tls_.reset();
}

void Connector::signHandshake() {
  stage_ = "signing the handshake";
  const auto& authorization = settings_.credentials.authorization;
  const bool takes_long = authorization && authorization->takesLong();
  auto work = [request = settings_.request, endpoint = settings_.endpoint,
               credentials = settings_.credentials, cancellable = refObject(cancellable_.get())] {
    std::optional<HandshakeRequest> made(request);
    if (isCancelled(cancellable) ||
        !sign(*made, endpoint, credentials, g_get_real_time() / G_USEC_PER_SEC))
      made.reset();
    return made;
  };
  if (!takes_long) return sendHandshake(work());
  runElsewhere(loop_, std::move(work),
               [self = shared_from_this()](const std::optional<HandshakeRequest>& made) {
                 if (self->done_) self->sendHandshake(made);
               });
}

void Connector::sendHandshake(const std::optional<HandshakeRequest>& request) {
  if (!request)
    return fail({.kind = FailureKind::Settings, .text = "the key in jwt-key-file cannot sign"});
  stage_ = "waiting for the handshake's answer";
  GST_DEBUG("%s: handshake sent, %s", settings_.connection.c_str(),
            request->authorization.empty() && settings_.endpoint.authorization.empty()
                ? "without Authorization"
                : "with Authorization");
  request_ = handshakeText(settings_.endpoint, *request, key_);
  sendRequest();
}

void Connector::sendRequest() {
  g_output_stream_write_all_async(g_io_stream_get_output_stream(stream_.get()), request_.data(),
                                  request_.size(), G_PRIORITY_DEFAULT, cancellable_.get(),
                                  onWritten, giveSelf(shared_from_this()));
}

void Connector::onWritten(GObject* source, GAsyncResult* result, gpointer data) noexcept {
  const ConnectorPtr self = takeSelf(data);
  GError* problem = nullptr;
  g_output_stream_write_all_finish(G_OUTPUT_STREAM(source), result, nullptr, &problem);
  const GErrorPtr error(problem);
  if (!self->done_) return;
  if (error) {
    self->fail({.kind = FailureKind::Refused,
                .text = std::string("sending the request: ") + error->message,
                .temporary = isReset(error.get())});
    return;
  }
  self->answer_.resize(kMaxAnswer);
  self->readAnswer();
}

void Connector::readAnswer() {
  g_input_stream_read_async(g_io_stream_get_input_stream(stream_.get()),
                            answer_.data() + answer_size_, kMaxAnswer - answer_size_,
                            G_PRIORITY_DEFAULT, cancellable_.get(), onRead,
                            giveSelf(shared_from_this()));
}

void Connector::onRead(GObject* source, GAsyncResult* result, gpointer data) noexcept {
  const ConnectorPtr self = takeSelf(data);
  GError* problem = nullptr;
  const gssize count = g_input_stream_read_finish(G_INPUT_STREAM(source), result, &problem);
  const GErrorPtr error(problem);
  if (!self->done_) return;
  if (count <= 0) {
    const char* peer = self->asking_proxy_ ? "the proxy" : "the endpoint";
    const std::string why = error ? error->message : std::string(peer) + " closed the connection";
    self->fail({.kind = FailureKind::Handshake,
                .text = std::string(self->stage_) + ": " + why,
                .temporary = !error || isReset(error.get())});
    return;
  }
  self->answerRead(static_cast<size_t>(count));
}

void Connector::answerRead(size_t count) {
  answer_size_ += count;
  for (;;) {
    const std::string_view text(reinterpret_cast<const char*>(answer_.data()), answer_size_);
    const HeadProgress head = headProgress(text, kMaxAnswer);
    if (head.state == HeadProgress::State::Partial) return readAnswer();
    if (head.state == HeadProgress::State::NoHttp)
      return fail({.kind = FailureKind::Handshake, .text = whatIsNoAnswer(text)});
    const std::string_view whole = text.substr(0, head.size);
    const auto http = readHttpAnswer(whole);
    if (!http || !isInterimStatus(http->status)) return answered(whole);
    if (++interim_ > kMaxInterim) {
      return fail({.kind = FailureKind::Handshake,
                   .text = "the endpoint says " + std::to_string(http->status) +
                           " again and again, and no answer follows"});
    }
    std::copy(answer_.begin() + static_cast<std::ptrdiff_t>(head.size),
              answer_.begin() + static_cast<std::ptrdiff_t>(answer_size_), answer_.begin());
    answer_size_ -= head.size;
  }
}

std::string Connector::whatIsNoAnswer(std::string_view text) const {
  const std::string peer =
      asking_proxy_ ? "the proxy " + settings_.proxy->shown : std::string("the endpoint");
  if (text.size() >= kMaxAnswer && text.starts_with("HTTP/"))
    return peer + "'s answer has more than " + std::to_string(kMaxAnswer) + " bytes of headers";
  if (asking_proxy_) return peer + " does not answer in HTTP";
  return "the endpoint's answer is not HTTP: is there a WebSocket server behind this URI?";
}

void Connector::answered(std::string_view head) {
  if (asking_proxy_) return proxyAnswered(head);
  const size_t head_size = head.size();
  auto answer = readHandshakeAnswer(head, settings_.request, key_);
  if (!answer) {
    fail(answer.error());
    return;
  }
  Connected connected;
  connected.prefix.assign(answer_.begin() + static_cast<std::ptrdiff_t>(head_size),
                          answer_.begin() + static_cast<std::ptrdiff_t>(answer_size_));
  connected.subprotocol = answer->subprotocol;
  connected.stream = std::move(stream_);
  finish(std::move(connected));
}

void Connector::fail(Failure failure) {
  finish(common::Failure{std::move(failure)});
}

void Connector::finish(Outcome result) {
  if (!done_) return;
  if (!result) {
    GST_WARNING("%s: no WebSocket (%s): %s", settings_.connection.c_str(),
                nameOf(result.error().kind), result.error().text.c_str());
  }
  const auto keep = shared_from_this();
  const Done done = std::move(done_);
  cancel();
  // The descriptor may be in use; then it is closed behind that.
  if (stream_ && !shaking_) closeTls(stream_.get(), loop_);
  done(std::move(result));
}

}  // namespace wsbridge
