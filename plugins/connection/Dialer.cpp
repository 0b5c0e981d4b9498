// SPDX-License-Identifier: LGPL-2.1-or-later
#include "connection/Dialer.hpp"

#include <algorithm>
#include <map>
#include <mutex>
#include <string_view>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "connection/TlsClose.hpp"
#include "runtime/Elsewhere.hpp"

namespace wsbridge {

namespace {

using DialerPtr = std::shared_ptr<Dialer>;

constexpr size_t kMaxAnswer = 16 * 1024;
constexpr std::string_view kEndOfHead = "\r\n\r\n";
// The kernel would otherwise take minutes of audio before a peer that does not read is noticed.
constexpr int kSendBufferBytes = 32 * 1024;

DialerPtr takeSelf(gpointer data) {
  const std::unique_ptr<DialerPtr> held(static_cast<DialerPtr*>(data));
  return *held;
}

gpointer giveSelf(const DialerPtr& self) {
  return new DialerPtr(self);
}

/// Parsing a CA file for each call would cost more than the handshake.
GObjectPtr<GTlsDatabase> loadDatabase(const std::string& path, GError** error) {
  static std::mutex mutex;
  // Outlives a thread that reads while the process ends.
  static auto& cache = *new std::map<std::string, GObjectPtr<GTlsDatabase>>;
  g_autofree char* absolute = g_canonicalize_filename(path.c_str(), nullptr);
  g_autoptr(GFile) file = g_file_new_for_path(absolute);
  g_autoptr(GFileInfo) info =
      g_file_query_info(file, G_FILE_ATTRIBUTE_TIME_MODIFIED "," G_FILE_ATTRIBUTE_UNIX_INODE,
                        G_FILE_QUERY_INFO_NONE, nullptr, error);
  if (info == nullptr) return nullptr;
  const std::string key =
      std::string(absolute) + "|" +
      std::to_string(g_file_info_get_attribute_uint64(info, G_FILE_ATTRIBUTE_TIME_MODIFIED)) + "|" +
      std::to_string(g_file_info_get_attribute_uint64(info, G_FILE_ATTRIBUTE_UNIX_INODE));
  const std::lock_guard lock(mutex);
  auto found = cache.find(key);
  if (found == cache.end()) {
    GTlsDatabase* database = g_tls_file_database_new(absolute, error);
    if (database == nullptr) return nullptr;
    found = cache.emplace(key, GObjectPtr<GTlsDatabase>(database)).first;
  }
  return refObject(found->second.get());
}

/// Then its work is not waited for any more, and others may wait behind it.
bool isCancelled(const GObjectPtr<GCancellable>& cancellable) {
  return g_cancellable_is_cancelled(cancellable.get()) != FALSE;
}

struct MadeTls {
  GObjectPtr<GIOStream> stream;
  GErrorPtr error;
};

MadeTls makeTls(GIOStream* base, const Endpoint& endpoint, const TlsSettings& settings) {
  GError* problem = nullptr;
  GObjectPtr<GTlsDatabase> authorities;
  GObjectPtr<GTlsCertificate> certificate;
  if (!settings.ca_file.empty()) authorities = loadDatabase(settings.ca_file, &problem);
  if (problem == nullptr && !settings.cert_file.empty()) {
    const std::string& key = settings.key_file.empty() ? settings.cert_file : settings.key_file;
    certificate.reset(
        g_tls_certificate_new_from_files(settings.cert_file.c_str(), key.c_str(), &problem));
  }
  if (problem != nullptr) return {nullptr, GErrorPtr(problem)};
  // Each connection reads all authorities that it is made with: those that are not wanted are kept
  // from it here.
  if (!settings.verify) {
    authorities.reset();
  } else if (!authorities) {
    authorities.reset(g_tls_backend_get_default_database(g_tls_backend_get_default()));
  }
  const GObjectPtr<GSocketConnectable> identity(
      g_network_address_new(endpoint.host.c_str(), endpoint.port));
  gpointer tls =
      g_initable_new(g_tls_backend_get_client_connection_type(g_tls_backend_get_default()), nullptr,
                     &problem, "base-io-stream", base, "server-identity", identity.get(),
                     "database", authorities.get(), nullptr);
  if (tls == nullptr) return {nullptr, GErrorPtr(problem)};
  if (certificate) g_tls_connection_set_certificate(G_TLS_CONNECTION(tls), certificate.get());
  return {GObjectPtr<GIOStream>(G_IO_STREAM(tls)), nullptr};
}

std::string describe(GTlsCertificateFlags errors) {
  std::string text;
  const auto add = [&](GTlsCertificateFlags flag, const char* what) {
    if ((errors & flag) == 0) return;
    text += text.empty() ? what : std::string(", ") + what;
  };
  add(G_TLS_CERTIFICATE_UNKNOWN_CA, "signed by an authority that is not trusted (set tls-ca-file)");
  add(G_TLS_CERTIFICATE_BAD_IDENTITY, "made out for another host name");
  add(G_TLS_CERTIFICATE_NOT_ACTIVATED, "not valid yet");
  add(G_TLS_CERTIFICATE_EXPIRED, "expired");
  add(G_TLS_CERTIFICATE_REVOKED, "revoked");
  add(G_TLS_CERTIFICATE_INSECURE, "made with an insecure algorithm");
  return text.empty() ? "not acceptable" : text;
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

Dialer::Dialer(std::shared_ptr<MediaLoop> loop, DialSettings settings, Done done)
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

Dialer::~Dialer() {
  if (deadline_) loop_->removeTimer(*deadline_);
}

void Dialer::start() {
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

void Dialer::cancel() {
  done_ = nullptr;
  g_cancellable_cancel(cancellable_.get());
  if (deadline_) loop_->removeTimer(*deadline_);
  deadline_.reset();
}

void Dialer::connectNext() {
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
  g_socket_client_connect_async(client_.get(), target.get(), cancellable_.get(), onConnected,
                                giveSelf(shared_from_this()));
}

void Dialer::onConnected(GObject* source, GAsyncResult* result, gpointer data) {
  const DialerPtr self = takeSelf(data);
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

void Dialer::connected(GSocketConnection* connection) {
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

void Dialer::askProxy() {
  stage_ = "waiting for the proxy's answer";
  asking_proxy_ = true;
  request_ = connectText(*settings_.proxy, destination_, settings_.endpoint.port);
  sendRequest();
}

void Dialer::proxyAnswered(std::string_view head) {
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

void Dialer::secure() {
  if (settings_.endpoint.tls) {
    startTls();
  } else {
    signHandshake();
  }
}

void Dialer::startTls() {
  stage_ = "negotiating TLS";
  // Reading the authorities takes 10 ms and more, for each connection.
  runElsewhere(
      loop_,
      [base = refObject(stream_.get()), endpoint = settings_.endpoint, tls = settings_.tls,
       cancellable = refObject(cancellable_.get())] {
        return isCancelled(cancellable) ? MadeTls() : makeTls(base.get(), endpoint, tls);
      },
      [self = shared_from_this()](MadeTls made) {
        if (!self->done_) return;
        if (made.error) {
          self->fail({.kind = FailureKind::Settings,
                      .text = std::string("TLS settings: ") + made.error->message});
        } else {
          self->shakeHands(std::move(made.stream));
        }
      });
}

void Dialer::shakeHands(GObjectPtr<GIOStream> tls) {
  stream_ = std::move(tls);
  g_signal_connect(stream_.get(), "accept-certificate", G_CALLBACK(onAcceptCertificate), this);
  g_tls_connection_handshake_async(G_TLS_CONNECTION(stream_.get()), G_PRIORITY_DEFAULT,
                                   cancellable_.get(), onHandshake, giveSelf(shared_from_this()));
}

gboolean Dialer::onAcceptCertificate(GTlsConnection*, GTlsCertificate*, GTlsCertificateFlags errors,
                                     gpointer data) {
  auto* self = static_cast<Dialer*>(data);
  if (!self->settings_.tls.verify) return TRUE;
  self->certificate_fault_ = describe(errors);
  return FALSE;
}

void Dialer::onHandshake(GObject* source, GAsyncResult* result, gpointer data) {
  const DialerPtr self = takeSelf(data);
  GError* problem = nullptr;
  g_tls_connection_handshake_finish(G_TLS_CONNECTION(source), result, &problem);
  g_signal_handlers_disconnect_by_data(source, self.get());
  const GErrorPtr error(problem);
  if (!self->done_) return;
  if (!self->certificate_fault_.empty()) {
    self->fail({.kind = FailureKind::Tls,
                .text = "the endpoint's certificate is " + self->certificate_fault_});
  } else if (error) {
    self->fail({.kind = FailureKind::Tls,
                .text = std::string("TLS handshake: ") + error->message,
                .temporary = isReset(error.get())});
  } else {
    self->tlsDone(G_TLS_CONNECTION(source));
  }
}

void Dialer::tlsDone(GTlsConnection* tls) {
  // A resumed session passes the handshake without asking us, even when the session was first
  // accepted unverified.
  const GTlsCertificateFlags errors = g_tls_connection_get_peer_certificate_errors(tls);
  if (settings_.tls.verify && errors != 0) {
    fail({.kind = FailureKind::Tls, .text = "the endpoint's certificate is " + describe(errors)});
    return;
  }
  signHandshake();
}

void Dialer::signHandshake() {
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

void Dialer::sendHandshake(const std::optional<HandshakeRequest>& request) {
  if (!request)
    return fail({.kind = FailureKind::Settings, .text = "the key in jwt-key-file cannot sign"});
  stage_ = "waiting for the handshake's answer";
  request_ = handshakeText(settings_.endpoint, *request, key_);
  sendRequest();
}

void Dialer::sendRequest() {
  g_output_stream_write_all_async(g_io_stream_get_output_stream(stream_.get()), request_.data(),
                                  request_.size(), G_PRIORITY_DEFAULT, cancellable_.get(),
                                  onWritten, giveSelf(shared_from_this()));
}

void Dialer::onWritten(GObject* source, GAsyncResult* result, gpointer data) {
  const DialerPtr self = takeSelf(data);
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

void Dialer::readAnswer() {
  g_input_stream_read_async(g_io_stream_get_input_stream(stream_.get()),
                            answer_.data() + answer_size_, kMaxAnswer - answer_size_,
                            G_PRIORITY_DEFAULT, cancellable_.get(), onRead,
                            giveSelf(shared_from_this()));
}

void Dialer::onRead(GObject* source, GAsyncResult* result, gpointer data) {
  const DialerPtr self = takeSelf(data);
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

void Dialer::answerRead(size_t count) {
  answer_size_ += count;
  const std::string_view text(reinterpret_cast<const char*>(answer_.data()), answer_size_);
  const size_t end = text.find(kEndOfHead);
  if (end == std::string_view::npos) {
    const std::string_view expected = "HTTP/1.";
    const bool http = text.substr(0, expected.size()) ==
                      expected.substr(0, std::min(text.size(), expected.size()));
    if (answer_size_ < kMaxAnswer && http) {
      readAnswer();
      return;
    }
    fail({.kind = FailureKind::Handshake,
          .text = asking_proxy_ ? "the proxy " + settings_.proxy->shown + " does not answer in HTTP"
                                : "the endpoint's answer is not HTTP: is there a WebSocket server "
                                  "behind this URI?"});
    return;
  }
  const size_t head_size = end + kEndOfHead.size();
  if (asking_proxy_) {
    proxyAnswered(text.substr(0, head_size));
    return;
  }
  auto answer = readHandshakeAnswer(text.substr(0, head_size), settings_.request, key_);
  if (auto* failure = std::get_if<Failure>(&answer)) {
    fail(std::move(*failure));
    return;
  }
  Dialled dialled;
  dialled.prefix.assign(answer_.begin() + static_cast<std::ptrdiff_t>(head_size),
                        answer_.begin() + static_cast<std::ptrdiff_t>(answer_size_));
  dialled.subprotocol = std::get<HandshakeAnswer>(answer).subprotocol;
  dialled.stream = std::move(stream_);
  finish(std::move(dialled));
}

void Dialer::fail(Failure failure) {
  finish(std::move(failure));
}

void Dialer::finish(Result result) {
  if (!done_) return;
  const auto keep = shared_from_this();
  const Done done = std::move(done_);
  cancel();
  if (stream_) closeTls(stream_.get(), loop_);
  done(std::move(result));
}

}  // namespace wsbridge
