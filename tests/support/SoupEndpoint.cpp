// SPDX-License-Identifier: LGPL-2.1-or-later
#include "SoupEndpoint.hpp"

#include <algorithm>
#include <stdexcept>

#include <strings.h>

#include <gio/gio.h>
#include <libsoup/soup.h>

namespace testsupport {

std::string EndpointConnection::header(const std::string& name) const {
  for (const auto& [key, value] : headers) {
    if (strcasecmp(key.c_str(), name.c_str()) == 0) return value;
  }
  return {};
}

bool EndpointConnection::hasHeader(const std::string& name) const {
  return std::any_of(headers.begin(), headers.end(), [&](const auto& entry) {
    return strcasecmp(entry.first.c_str(), name.c_str()) == 0;
  });
}

std::vector<std::string> EndpointConnection::texts() const {
  std::vector<std::string> all;
  for (const auto& message : messages) {
    if (message.text) all.push_back(message.data);
  }
  return all;
}

std::vector<EndpointMessage> EndpointConnection::binaries() const {
  std::vector<EndpointMessage> all;
  for (const auto& message : messages) {
    if (!message.text) all.push_back(message);
  }
  return all;
}

std::string EndpointConnection::audio() const {
  std::string all;
  for (const auto& message : messages) {
    if (!message.text) all += message.data;
  }
  return all;
}

// What lives on the endpoint's own thread.
struct SoupEndpoint::Server {
  explicit Server(SoupEndpoint& endpoint) : owner(endpoint) {}

  SoupEndpoint& owner;
  GMainContext* context = nullptr;
  GMainLoop* loop = nullptr;
  SoupServer* soup = nullptr;
  std::map<int, SoupWebsocketConnection*> open;

  static void onMessage(SoupWebsocketConnection* ws, int type, GBytes* bytes, gpointer data);
  static void onError(SoupWebsocketConnection* ws, GError* error, gpointer data);
  static void onClosed(SoupWebsocketConnection* ws, gpointer data);
  static void onHandshake(SoupServer* soup, SoupServerMessage* message, const char* path,
                          GHashTable* query, gpointer data);
  static void onWebSocket(SoupServer* soup, SoupServerMessage* message, const char* path,
                          SoupWebsocketConnection* ws, gpointer data);
  static void onClientGone(SoupServer* soup, SoupServerMessage* message, gpointer data);
  static void onRequest(SoupServer* soup, SoupServerMessage* message, gpointer data);
  static gboolean onClientCertificate(SoupServerMessage* message, GTlsCertificate* certificate,
                                      GTlsCertificateFlags errors, gpointer data);
  static int idOf(SoupWebsocketConnection* ws) {
    return GPOINTER_TO_INT(g_object_get_data(G_OBJECT(ws), "id"));
  }

  bool listen();
  void forget(SoupWebsocketConnection* ws);
};

void SoupEndpoint::Server::onMessage(SoupWebsocketConnection* ws, int type, GBytes* bytes,
                                     gpointer data) {
  auto* self = static_cast<Server*>(data);
  const int id = idOf(ws);
  gsize size = 0;
  const char* payload = static_cast<const char*>(g_bytes_get_data(bytes, &size));
  EndpointMessage message{type == SOUP_WEBSOCKET_DATA_TEXT, std::string(payload, size),
                          Clock::now()};
  // The other side may have gone meanwhile.
  const bool open = soup_websocket_connection_get_state(ws) == SOUP_WEBSOCKET_STATE_OPEN;
  if (self->owner.options_.echo && !message.text && open) {
    soup_websocket_connection_send_binary(ws, payload, size);
  }
  {
    const auto guard = self->owner.state_.lock();
    if (self->owner.options_.record || message.text)
      self->owner.connections_[id].messages.push_back(message);
  }
  self->owner.state_.notify();
  if (self->owner.options_.onMessage) self->owner.options_.onMessage(self->owner, id, message);
}

void SoupEndpoint::Server::onError(SoupWebsocketConnection* ws, GError*, gpointer data) {
  auto* self = static_cast<Server*>(data);
  const auto guard = self->owner.state_.lock();
  self->owner.connections_[idOf(ws)].error = true;
}

void SoupEndpoint::Server::onClosed(SoupWebsocketConnection* ws, gpointer data) {
  auto* self = static_cast<Server*>(data);
  {
    const auto guard = self->owner.state_.lock();
    auto& record = self->owner.connections_[idOf(ws)];
    record.closed = true;
    record.closedAt = Clock::now();
    record.closeCode = soup_websocket_connection_get_close_code(ws);
    const char* reason = soup_websocket_connection_get_close_data(ws);
    record.closeReason = reason == nullptr ? "" : reason;
  }
  self->owner.state_.notify();
  self->forget(ws);
}

void SoupEndpoint::Server::forget(SoupWebsocketConnection* ws) {
  const auto entry = open.find(idOf(ws));
  if (entry == open.end()) return;
  open.erase(entry);
  g_signal_handlers_disconnect_by_data(ws, this);
  g_object_unref(ws);
}

// Runs when the request headers are there: the place to refuse or to delay the answer.
void SoupEndpoint::Server::onHandshake(SoupServer*, SoupServerMessage* message, const char*,
                                       GHashTable*, gpointer data) {
  auto* self = static_cast<Server*>(data);
  const auto& options = self->owner.options_;
  {
    const auto guard = self->owner.state_.lock();
    ++self->owner.requests_;
  }
  self->owner.state_.notify();
  if (options.rejectStatus != 0) {
    soup_server_message_set_status(message, options.rejectStatus, nullptr);
    return;
  }
  if (options.handshakeDelay.count() == 0) return;
  soup_server_message_pause(message);
  GSource* timer = g_timeout_source_new(static_cast<guint>(options.handshakeDelay.count()));
  // The caller may be gone by then: a finished message must not be touched.
  g_object_set_data(G_OBJECT(message), "delayed", GINT_TO_POINTER(1));
  g_source_set_callback(
      timer,
      [](gpointer user) -> gboolean {
        auto* delayed = static_cast<SoupServerMessage*>(user);
        if (g_object_get_data(G_OBJECT(delayed), "gone") == nullptr) {
          soup_server_message_unpause(delayed);
        }
        return G_SOURCE_REMOVE;
      },
      g_object_ref(message), g_object_unref);
  g_source_attach(timer, self->context);
  g_source_unref(timer);
}

void SoupEndpoint::Server::onClientGone(SoupServer*, SoupServerMessage* message, gpointer) {
  g_object_set_data(G_OBJECT(message), "gone", GINT_TO_POINTER(1));
}

// A SoupServer refuses every client certificate, a faultless one too, unless this signal accepts
// it.
void SoupEndpoint::Server::onRequest(SoupServer*, SoupServerMessage* message, gpointer) {
  g_signal_connect(message, "accept-certificate", G_CALLBACK(onClientCertificate), nullptr);
}

gboolean SoupEndpoint::Server::onClientCertificate(SoupServerMessage*, GTlsCertificate*,
                                                   GTlsCertificateFlags errors, gpointer) {
  return errors == 0;
}

void SoupEndpoint::Server::onWebSocket(SoupServer*, SoupServerMessage* message, const char* path,
                                       SoupWebsocketConnection* ws, gpointer data) {
  auto* self = static_cast<Server*>(data);
  EndpointConnection record;
  record.path = path;
  const char* query = g_uri_get_query(soup_server_message_get_uri(message));
  record.query = query == nullptr ? "" : query;
  soup_message_headers_foreach(
      soup_server_message_get_request_headers(message),
      [](const char* name, const char* value, gpointer user) {
        static_cast<EndpointConnection*>(user)->headers.emplace_back(name, value);
      },
      &record);
  const char* protocol = soup_websocket_connection_get_protocol(ws);
  record.protocol = protocol == nullptr ? "" : protocol;
  record.clientCertificate = soup_server_message_get_tls_peer_certificate(message) != nullptr;
  record.openedAt = Clock::now();
  soup_websocket_connection_set_max_incoming_payload_size(ws, 16UL * 1024 * 1024);

  int id = 0;
  {
    const auto guard = self->owner.state_.lock();
    id = record.id = ++self->owner.last_id_;
    self->owner.connections_[id] = std::move(record);
  }
  g_object_set_data(G_OBJECT(ws), "id", GINT_TO_POINTER(id));
  self->open[id] = static_cast<SoupWebsocketConnection*>(g_object_ref(ws));
  g_signal_connect(ws, "message", G_CALLBACK(onMessage), self);
  g_signal_connect(ws, "error", G_CALLBACK(onError), self);
  g_signal_connect(ws, "closed", G_CALLBACK(onClosed), self);
  self->owner.state_.notify();
  if (self->owner.options_.onOpen) self->owner.options_.onOpen(self->owner, id);
}

bool SoupEndpoint::Server::listen() {
  const auto& options = owner.options_;
  GError* error = nullptr;
  soup = soup_server_new("server-header", "wsbridge-test", nullptr);
  if (!options.certFile.empty()) {
    GTlsCertificate* certificate =
        g_tls_certificate_new_from_files(options.certFile.c_str(), options.keyFile.c_str(), &error);
    if (certificate != nullptr) {
      soup_server_set_tls_certificate(soup, certificate);
      g_object_unref(certificate);
    }
  }
  if (error == nullptr && !options.clientCaFile.empty()) {
    GTlsDatabase* database = g_tls_file_database_new(options.clientCaFile.c_str(), &error);
    if (database != nullptr) {
      soup_server_set_tls_database(soup, database);
      soup_server_set_tls_auth_mode(soup, G_TLS_AUTHENTICATION_REQUIRED);
      g_object_unref(database);
    }
  }
  soup_server_add_early_handler(soup, nullptr, onHandshake, this, nullptr);
  char* protocols[] = {const_cast<char*>(options.protocol.c_str()), nullptr};
  soup_server_add_websocket_handler(soup, nullptr, nullptr,
                                    options.protocol.empty() ? nullptr : protocols, onWebSocket,
                                    this, nullptr);
  g_signal_connect(soup, "request-aborted", G_CALLBACK(onClientGone), this);
  if (!options.clientCaFile.empty()) {
    g_signal_connect(soup, "request-started", G_CALLBACK(onRequest), this);
  }
  const auto flags =
      options.certFile.empty() ? static_cast<SoupServerListenOptions>(0) : SOUP_SERVER_LISTEN_HTTPS;
  if (error == nullptr) soup_server_listen_local(soup, 0, flags, &error);
  int port = 0;
  if (error == nullptr) {
    GSList* uris = soup_server_get_uris(soup);
    if (uris != nullptr) port = g_uri_get_port(static_cast<GUri*>(uris->data));
    g_slist_free_full(uris, reinterpret_cast<GDestroyNotify>(g_uri_unref));
  }
  const auto guard = owner.state_.lock();
  owner.port_ = port;
  if (error != nullptr) owner.failure_ = error->message;
  if (port == 0 && owner.failure_.empty()) owner.failure_ = "no listening address";
  g_clear_error(&error);
  owner.state_.notify();
  return port != 0;
}

SoupEndpoint::SoupEndpoint(Options options) : options_(std::move(options)) {
  server_ = std::make_unique<Server>(*this);
  server_->context = g_main_context_new();
  server_->loop = g_main_loop_new(server_->context, FALSE);
  thread_ = std::thread([this] { run(); });
  state_.waitFor([this] { return port_ != 0 || !failure_.empty(); }, 10s);
  if (port_ == 0) {
    post([this] { g_main_loop_quit(server_->loop); });
    thread_.join();
    throw std::runtime_error("endpoint: " + failure_);
  }
}

SoupEndpoint::~SoupEndpoint() {
  post([this] { g_main_loop_quit(server_->loop); });
  thread_.join();
  g_main_loop_unref(server_->loop);
  g_main_context_unref(server_->context);
}

void SoupEndpoint::run() {
  g_main_context_push_thread_default(server_->context);
  server_->listen();
  g_main_loop_run(server_->loop);
  for (auto& [id, ws] : server_->open) {
    g_signal_handlers_disconnect_by_data(ws, server_.get());
    g_object_unref(ws);
  }
  server_->open.clear();
  soup_server_disconnect(server_->soup);
  g_object_unref(server_->soup);
  while (g_main_context_iteration(server_->context, FALSE)) {
  }
  g_main_context_pop_thread_default(server_->context);
}

void SoupEndpoint::post(std::function<void()> job) {
  GSource* source = g_idle_source_new();
  g_source_set_priority(source, G_PRIORITY_DEFAULT);
  g_source_set_callback(
      source,
      [](gpointer data) -> gboolean {
        (*static_cast<std::function<void()>*>(data))();
        return G_SOURCE_REMOVE;
      },
      new std::function<void()>(std::move(job)),
      [](gpointer data) { delete static_cast<std::function<void()>*>(data); });
  g_source_attach(source, server_->context);
  g_source_unref(source);
}

std::string SoupEndpoint::uri(const std::string& path, const std::string& host) const {
  return (options_.certFile.empty() ? "ws://" : "wss://") + host + ":" + std::to_string(port_) +
         path;
}

void SoupEndpoint::sendText(int id, const std::string& text, Clock::time_point* at) {
  post([this, id, text, at] {
    const auto ws = server_->open.find(id);
    if (ws == server_->open.end()) return;
    if (soup_websocket_connection_get_state(ws->second) != SOUP_WEBSOCKET_STATE_OPEN) return;
    if (at != nullptr) *at = Clock::now();
    soup_websocket_connection_send_text(ws->second, text.c_str());
  });
}

void SoupEndpoint::sendBinary(int id, const std::string& bytes) {
  post([this, id, bytes] {
    const auto ws = server_->open.find(id);
    if (ws == server_->open.end()) return;
    if (soup_websocket_connection_get_state(ws->second) != SOUP_WEBSOCKET_STATE_OPEN) return;
    soup_websocket_connection_send_binary(ws->second, bytes.data(), bytes.size());
  });
}

void SoupEndpoint::close(int id, unsigned code, const std::string& reason) {
  post([this, id, code, reason] {
    const auto ws = server_->open.find(id);
    if (ws == server_->open.end()) return;
    if (soup_websocket_connection_get_state(ws->second) != SOUP_WEBSOCKET_STATE_OPEN) return;
    if (code == 0) {
      soup_websocket_connection_close(ws->second, SOUP_WEBSOCKET_CLOSE_NO_STATUS, nullptr);
    } else {
      soup_websocket_connection_close(ws->second, static_cast<gushort>(code), reason.c_str());
    }
  });
}

size_t SoupEndpoint::count() const {
  const auto guard = state_.lock();
  return connections_.size();
}

size_t SoupEndpoint::requests() const {
  const auto guard = state_.lock();
  return requests_;
}

std::optional<EndpointConnection> SoupEndpoint::connection(int id) const {
  const auto guard = state_.lock();
  const auto found = connections_.find(id);
  if (found == connections_.end()) return std::nullopt;
  return found->second;
}

bool SoupEndpoint::inspect(int id,
                           const std::function<bool(const EndpointConnection&)>& look) const {
  const auto guard = state_.lock();
  const auto found = connections_.find(id);
  return found != connections_.end() && look(found->second);
}

bool SoupEndpoint::waitConnections(size_t number, Millis limit) const {
  return state_.waitFor([&] { return connections_.size() >= number; }, limit);
}

bool SoupEndpoint::waitRequests(size_t number, Millis limit) const {
  return state_.waitFor([&] { return requests_ >= number; }, limit);
}

std::optional<int> SoupEndpoint::waitPath(const std::string& path, Millis limit) const {
  std::optional<int> id;
  state_.waitFor(
      [&] {
        for (const auto& [key, record] : connections_) {
          if (record.path == path) {
            id = key;
            return true;
          }
        }
        return false;
      },
      limit);
  return id;
}

bool SoupEndpoint::waitFor(int id, const std::function<bool(const EndpointConnection&)>& condition,
                           Millis limit) const {
  return state_.waitFor(
      [&] {
        const auto found = connections_.find(id);
        return found != connections_.end() && condition(found->second);
      },
      limit);
}

bool SoupEndpoint::waitBinaries(int id, size_t number, Millis limit) const {
  return waitFor(
      id,
      [number](const EndpointConnection& c) {
        return static_cast<size_t>(std::count_if(c.messages.begin(), c.messages.end(),
                                                 [](const auto& m) { return !m.text; })) >= number;
      },
      limit);
}

bool SoupEndpoint::waitTexts(int id, size_t number, Millis limit) const {
  return waitFor(
      id,
      [number](const EndpointConnection& c) {
        return static_cast<size_t>(std::count_if(c.messages.begin(), c.messages.end(),
                                                 [](const auto& m) { return m.text; })) >= number;
      },
      limit);
}

bool SoupEndpoint::waitClosed(int id, Millis limit) const {
  return waitFor(
      id, [](const EndpointConnection& c) { return c.closed; }, limit);
}

}  // namespace testsupport
