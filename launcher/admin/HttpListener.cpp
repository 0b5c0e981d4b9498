// SPDX-License-Identifier: LGPL-2.1-or-later
#include "admin/HttpListener.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <libsoup/soup.h>

#include "base/SocketFault.hpp"
#include "log/Log.hpp"

namespace launcher {

namespace {

constexpr guint kSweepMs = 1000;
constexpr guint kPatienceMs = 100;
constexpr gint kBacklog = 128;

std::string textOf(GError* error) {
  const ErrorPtr owned(error);
  return error ? error->message : "";
}

/// The socket counts as readable when so many bytes have come, or no more will come.
void setReadableFrom(int descriptor, int bytes) {
  setsockopt(descriptor, SOL_SOCKET, SO_RCVLOWAT, &bytes, sizeof bytes);
}

bool hasEnded(int descriptor) {
  pollfd state{descriptor, POLLRDHUP, 0};
  return poll(&state, 1, 0) > 0;
}

}  // namespace

/// Names the connection for a callback that may come when the listener has gone.
struct HttpListener::Handshake {
  std::weak_ptr<HttpListener*> listener;
  HttpConnections::Id id;

  template <typename Step>
  void go(Step step) const {
    if (const auto alive = listener.lock()) step(**alive, id);
  }
};

HttpListener::HttpListener(SoupServer* server, std::size_t mostConnections)
    : server_(server), most_(mostConnections) {
  const auto started = [](SoupServer*, SoupServerMessage* message, gpointer data) noexcept {
    const auto gotHead = [](SoupServerMessage* of, gpointer self) noexcept {
      static_cast<HttpListener*>(self)->enter(of, Phase::Body);
    };
    g_signal_connect(message, "got-headers", G_CALLBACK(+gotHead), data);
  };
  const auto read = [](SoupServer*, SoupServerMessage* message, gpointer data) noexcept {
    static_cast<HttpListener*>(data)->enter(message, Phase::Answer);
  };
  using Callback = void (*)(SoupServer*, SoupServerMessage*, gpointer);
  const auto hear = [this](const char* signal, Callback callback) {
    signals_.push_back(g_signal_connect(server_, signal, G_CALLBACK(callback), this));
  };
  hear("request-started", started);
  hear("request-read", read);
}

HttpListener::~HttpListener() {
  if (incoming_ != 0) g_source_remove(incoming_);
  if (sweeper_ != 0) g_source_remove(sweeper_);
  if (patience_ != 0) g_source_remove(patience_);
  for (const auto& [id, connection] : connections_) {
    g_cancellable_cancel(connection.cancel.get());
    shutdown(g_socket_get_fd(connection.socket.get()), SHUT_RDWR);
  }
  // What libsoup still has says so while it is let go.
  soup_server_disconnect(server_);
  for (const gulong signal : signals_)
    g_signal_handler_disconnect(server_, signal);
}

Result<void> HttpListener::listen(const HostPort& where, const std::string& certFile,
                                  const std::string& keyFile, const std::string& clientCaFile) {
  GError* error = nullptr;
  if (!certFile.empty()) {
    certificate_.reset(g_tls_certificate_new_from_files(certFile.c_str(), keyFile.c_str(), &error));
    if (!certificate_) return Failure{"tls-cert-file, tls-key-file: " + textOf(error)};
  }
  if (!clientCaFile.empty()) {
    client_authorities_.reset(g_tls_file_database_new(clientCaFile.c_str(), &error));
    if (!client_authorities_) return Failure{"tls-client-ca-file: " + textOf(error)};
  }
  const GObjectPtr<GSocketAddress> address(
      g_inet_socket_address_new_from_string(where.host.c_str(), where.port));
  if (!address) return Failure{"listen: not an address"};
  socket_.reset(g_socket_new(g_socket_address_get_family(address.get()), G_SOCKET_TYPE_STREAM,
                             G_SOCKET_PROTOCOL_TCP, &error));
  if (socket_) g_socket_set_listen_backlog(socket_.get(), kBacklog);
  if (!socket_ || !g_socket_bind(socket_.get(), address.get(), TRUE, &error) ||
      !g_socket_listen(socket_.get(), &error)) {
    const std::string told = textOf(error);
    const std::string why = socketFault(where.host, where.port, Transport::Tcp);
    return Failure{"listen: " + cannotListen(where.host, where.port, why.empty() ? told : why)};
  }
  g_socket_set_blocking(socket_.get(), FALSE);
  const GObjectPtr<GSocketAddress> bound(g_socket_get_local_address(socket_.get(), &error));
  if (!bound) return Failure{"listen: " + textOf(error)};
  port_ = g_inet_socket_address_get_port(G_INET_SOCKET_ADDRESS(bound.get()));
  watch();
  const auto repeat = [](gpointer data) noexcept -> gboolean {
    static_cast<HttpListener*>(data)->sweep();
    return G_SOURCE_CONTINUE;
  };
  sweeper_ = g_timeout_add(kSweepMs, repeat, this);
  return {};
}

void HttpListener::watch() {
  if (incoming_ != 0) return;
  const auto ready = [](GSocket*, GIOCondition, gpointer data) noexcept -> gboolean {
    auto* self = static_cast<HttpListener*>(data);
    self->accept();
    return self->incoming_ != 0;
  };
  GSource* source = g_socket_create_source(socket_.get(), G_IO_IN, nullptr);
  g_source_set_callback(source, G_SOURCE_FUNC(static_cast<GSocketSourceFunc>(ready)), this,
                        nullptr);
  incoming_ = g_source_attach(source, nullptr);
  g_source_unref(source);
}

void HttpListener::accept() {
  GError* error = nullptr;
  GObjectPtr<GSocket> socket(g_socket_accept(socket_.get(), nullptr, &error));
  if (socket) return begin(std::move(socket));
  const ErrorPtr owned(error);
  if (g_error_matches(error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK)) return;
  // Out of descriptors: the socket would stay readable and the loop would spin.
  incoming_ = 0;
}

void HttpListener::begin(GObjectPtr<GSocket> socket) {
  if (connections_.size() >= most_ && !makeRoom()) return;
  g_socket_set_option(socket.get(), IPPROTO_TCP, TCP_NODELAY, TRUE, nullptr);
  Connection connection;
  connection.local.reset(g_socket_get_local_address(socket.get(), nullptr));
  connection.remote.reset(g_socket_get_remote_address(socket.get(), nullptr));
  // Gone already.
  if (!connection.local || !connection.remote) return;
  connection.stream.reset(G_IO_STREAM(g_socket_connection_factory_create_connection(socket.get())));
  connection.cancel.reset(g_cancellable_new());
  connection.socket = std::move(socket);
  const auto id = table_.open(certificate_ ? Phase::Handshake : Phase::Head, now());
  by_address_.emplace(connection.remote.get(), id);
  connections_.emplace(id, std::move(connection));
  if (certificate_) {
    awaitHello(id);
  } else {
    handOver(id);
  }
}

void HttpListener::awaitHello(HttpConnections::Id id) {
  const Connection& connection = connections_.at(id);
  const auto ready = [](GSocket*, GIOCondition, gpointer data) noexcept -> gboolean {
    bool wait = false;
    static_cast<Handshake*>(data)->go(
        [&wait](HttpListener& self, HttpConnections::Id of) { wait = self.takeHello(of); });
    return wait ? G_SOURCE_CONTINUE : G_SOURCE_REMOVE;
  };
  GSource* source =
      g_socket_create_source(connection.socket.get(), G_IO_IN, connection.cancel.get());
  g_source_set_callback(source, G_SOURCE_FUNC(static_cast<GSocketSourceFunc>(ready)),
                        new Handshake{alive_, id},
                        [](gpointer data) noexcept { delete static_cast<Handshake*>(data); });
  g_source_attach(source, nullptr);
  g_source_unref(source);
}

/// True: the rest of it is waited for.
bool HttpListener::takeHello(HttpConnections::Id id) {
  const auto found = connections_.find(id);
  if (found == connections_.end()) return false;
  Connection& connection = found->second;
  const int descriptor = g_socket_get_fd(connection.socket.get());
  std::array<std::uint8_t, (1U << 14U) + 5> bytes;
  const ssize_t got = recv(descriptor, bytes.data(), bytes.size(), MSG_PEEK | MSG_DONTWAIT);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return true;
  const auto come = static_cast<std::size_t>(std::max<ssize_t>(got, 0));
  const std::size_t wanted = helloSize(std::span(bytes).first(come));
  if (come == 0 || wanted == 0) {
    cut(id);
    return false;
  }
  if (come < wanted) {
    // Readable although no more has come: that was all.
    if (hasEnded(descriptor)) {
      cut(id);
      return false;
    }
    if (connection.hello != static_cast<int>(wanted)) {
      connection.hello = static_cast<int>(wanted);
      setReadableFrom(descriptor, connection.hello);
      return true;
    }
  }
  setReadableFrom(descriptor, 1);
  askHandshake(id);
  return false;
}

void HttpListener::askHandshake(HttpConnections::Id id) {
  if (handshakes_.ask(id, now())) return shakeHands(id);
  if (patience_ != 0) return;
  const auto look = [](gpointer data) noexcept -> gboolean {
    auto* self = static_cast<HttpListener*>(data);
    for (const HttpConnections::Id late : self->handshakes_.overdue(now()))
      self->cut(late);
    if (self->handshakes_.anybodyWaits()) return G_SOURCE_CONTINUE;
    self->patience_ = 0;
    return G_SOURCE_REMOVE;
  };
  patience_ = g_timeout_add(kPatienceMs, look, this);
}

void HttpListener::endHandshake(HttpConnections::Id id, bool fine) {
  handshakes_.ended(id);
  fine ? handOver(id) : cut(id);
  beginNext();
}

void HttpListener::beginNext() {
  while (const auto next = handshakes_.next(now()))
    shakeHands(*next);
}

void HttpListener::shakeHands(HttpConnections::Id id) {
  const auto found = connections_.find(id);
  if (found == connections_.end()) return handshakes_.ended(id);
  Connection& connection = found->second;
  GObjectPtr<GIOStream> tls(
      g_tls_server_connection_new(connection.stream.get(), certificate_.get(), nullptr));
  if (!tls) {
    handshakes_.ended(id);
    return cut(id);
  }
  static const char* const kProtocols[] = {"http/1.1", "http/1.0", nullptr};
  g_object_set(tls.get(), "require-close-notify", FALSE, "advertised-protocols", kProtocols,
               nullptr);
  if (client_authorities_) {
    g_object_set(tls.get(), "database", client_authorities_.get(), "authentication-mode",
                 G_TLS_AUTHENTICATION_REQUIRED, nullptr);
    // GIO accepts no certificate of a client by itself, but has held it against the database.
    const auto judge = +[](GTlsConnection*, GTlsCertificate*, GTlsCertificateFlags errors,
                           gpointer) noexcept -> gboolean { return errors == 0; };
    g_signal_connect(tls.get(), "accept-certificate", G_CALLBACK(judge), nullptr);
  }
  connection.stream = std::move(tls);
  const auto done = [](GObject* stream, GAsyncResult* result, gpointer data) noexcept {
    const std::unique_ptr<Handshake> handshake(static_cast<Handshake*>(data));
    GError* error = nullptr;
    const bool fine = g_tls_connection_handshake_finish(G_TLS_CONNECTION(stream), result, &error);
    if (error) log::debug("http-handshake-failed", {{"text", textOf(error)}});
    handshake->go(
        [fine](HttpListener& self, HttpConnections::Id of) { self.endHandshake(of, fine); });
  };
  g_tls_connection_handshake_async(G_TLS_CONNECTION(connection.stream.get()), G_PRIORITY_DEFAULT,
                                   connection.cancel.get(), done, new Handshake{alive_, id});
}

void HttpListener::handOver(HttpConnections::Id id) {
  const auto found = connections_.find(id);
  if (found == connections_.end()) return;
  const Connection& connection = found->second;
  table_.enter(id, Phase::Head, now());
  if (!soup_server_accept_iostream(server_, connection.stream.get(), connection.local.get(),
                                   connection.remote.get(), nullptr)) {
    cut(id);
  }
}

bool HttpListener::makeRoom() {
  sweep();
  if (connections_.size() < most_) return true;
  const std::uint64_t count = refused_.note(now());
  if (count > 0)
    log::warning("http-refused", {{"key", "limits.http-connections"}, {"refused", count}});
  const auto longest = table_.longestWaiting();
  if (!longest) return false;
  cut(*longest);
  return true;
}

void HttpListener::cut(HttpConnections::Id id) {
  const auto found = connections_.find(id);
  if (found == connections_.end()) return;
  const Connection gone = std::move(found->second);
  by_address_.erase(gone.remote.get());
  connections_.erase(found);
  table_.closed(id);
  handshakes_.cut(id);
  g_cancellable_cancel(gone.cancel.get());
  // libsoup, or a handshake under way, reads the end and lets go.
  shutdown(g_socket_get_fd(gone.socket.get()), SHUT_RDWR);
}

void HttpListener::sweep() {
  std::vector<HttpConnections::Id> over = table_.overdue(now());
  for (const auto& [id, connection] : connections_) {
    if (g_io_stream_is_closed(connection.stream.get())) over.push_back(id);
  }
  for (const HttpConnections::Id id : over)
    cut(id);
  watch();
}

void HttpListener::enter(SoupServerMessage* message, Phase phase) {
  const auto found = by_address_.find(soup_server_message_get_remote_address(message));
  if (found == by_address_.end()) return;
  table_.enter(found->second, phase, now());
}

GIOStream* HttpListener::streamOf(SoupServerMessage* message) const {
  const auto found = by_address_.find(soup_server_message_get_remote_address(message));
  return found == by_address_.end() ? nullptr : connections_.at(found->second).stream.get();
}

}  // namespace launcher
