// SPDX-License-Identifier: LGPL-2.1-or-later
#include "admin/HttpServer.hpp"

#include <libsoup/soup.h>

#include "config/ConfigKeys.hpp"

namespace launcher {

namespace {

void respond(SoupServerMessage* message, const HttpResponse& response) {
  soup_server_message_set_status(message, response.status, nullptr);
  SoupMessageHeaders* headers = soup_server_message_get_response_headers(message);
  // libsoup ends a connection that it was handed after one answer, so the client learns of it.
  soup_message_headers_replace(headers, "Connection", "close");
  for (const auto& [name, value] : response.headers)
    soup_message_headers_replace(headers, name.c_str(), value.c_str());
  soup_server_message_set_response(message, response.contentType.c_str(), SOUP_MEMORY_COPY,
                                   response.body.data(), response.body.size());
}

HttpResponse plainText(unsigned status, std::string text) {
  return {status, "text/plain", std::move(text) + "\n"};
}

std::string headerOf(SoupServerMessage* message, const char* name) {
  const char* value =
      soup_message_headers_get_one(soup_server_message_get_request_headers(message), name);
  return value ? value : "";
}

std::string bodyOf(SoupServerMessage* message) {
  GBytes* bytes = soup_message_body_flatten(soup_server_message_get_request_body(message));
  gsize size = 0;
  const auto* data = static_cast<const char*>(g_bytes_get_data(bytes, &size));
  std::string body(data ? data : "", size);
  g_bytes_unref(bytes);
  return body;
}

/// A proxy on this machine asks for others, and says so.
bool forSomebodyElse(SoupServerMessage* message) {
  for (const char* name : {"Forwarded", "X-Forwarded-For", "X-Real-IP", "Via"}) {
    if (!headerOf(message, name).empty()) return true;
  }
  return false;
}

/// The body is kept in memory as it comes, so how long it may be is settled before it does.
void refuseEarly(SoupServer*, SoupServerMessage* message, const char*, GHashTable*,
                 gpointer) noexcept {
  SoupMessageHeaders* headers = soup_server_message_get_request_headers(message);
  const SoupEncoding encoding = soup_message_headers_get_encoding(headers);
  const bool tooLong =
      encoding == SOUP_ENCODING_CONTENT_LENGTH &&
      soup_message_headers_get_content_length(headers) > goffset{HttpServer::kMaxBody};
  const bool unknown = encoding != SOUP_ENCODING_CONTENT_LENGTH && encoding != SOUP_ENCODING_NONE;
  if (!tooLong && !unknown) return;
  soup_message_body_set_accumulate(soup_server_message_get_request_body(message), FALSE);
  respond(message, tooLong ? plainText(413, "a body may have 64 KiB at the most")
                           : plainText(411, "a body needs a Content-Length"));
}

}  // namespace

HttpServer::HttpServer(std::size_t mostConnections)
    : server_(soup_server_new("server-header", "wsbridge-launcher", nullptr)),
      listener_(std::make_unique<HttpListener>(server_.get(), mostConnections)) {
  const auto none = [](SoupServer*, SoupServerMessage* message, const char*, GHashTable*,
                       gpointer) noexcept { respond(message, plainText(404, "no such resource")); };
  soup_server_add_early_handler(server_.get(), nullptr, refuseEarly, nullptr, nullptr);
  soup_server_add_handler(server_.get(), nullptr, none, nullptr, nullptr);
}

HttpServer::~HttpServer() {
  waiting_->clear();
  listener_.reset();
}

void HttpServer::add(const std::string& prefix, Resource resource) {
  struct Handler {
    HttpServer* server;
    std::string prefix;
    Resource resource;
  };
  const auto callback = [](SoupServer*, SoupServerMessage* message, const char* path, GHashTable*,
                           gpointer data) noexcept {
    const auto* handler = static_cast<Handler*>(data);
    // libsoup compares letters, not segments.
    const char next = path[handler->prefix.size()];
    if (next == '\0' || next == '/') {
      handler->server->handle(message, path, handler->resource);
    } else {
      respond(message, plainText(404, "no such resource"));
    }
  };
  // Of the handlers of a path only those at its longest prefix are asked.
  soup_server_add_early_handler(server_.get(), prefix.c_str(), refuseEarly, nullptr, nullptr);
  soup_server_add_handler(server_.get(), prefix.c_str(), callback,
                          new Handler{this, prefix, std::move(resource)},
                          [](gpointer data) noexcept { delete static_cast<Handler*>(data); });
}

Result<void> HttpServer::listen(const HostPort& where, const std::string& certFile,
                                const std::string& keyFile, const std::string& clientCaFile) {
  auto done = listener_->listen(where, certFile, keyFile, clientCaFile);
  if (!done) return done;
  loopback_ = isLoopback(where);
  const bool v6 = where.host.find(':') != std::string::npos;
  address_ = (v6 ? "[" + where.host + "]" : where.host) + ":" + std::to_string(listener_->port());
  return done;
}

void HttpServer::handle(SoupServerMessage* message, const std::string& path,
                        const Resource& resource) {
  const std::uint64_t number = next_number_++;
  GIOStream* stream = listener_->streamOf(message);
  if (!stream) return;
  Asked entry;
  entry.message.reset(SOUP_SERVER_MESSAGE(g_object_ref(message)));
  entry.stream.reset(G_IO_STREAM(g_object_ref(stream)));
  waiting_->emplace(number, std::move(entry));
  soup_server_message_pause(message);
  const HttpRequest request{soup_server_message_get_method(message),
                            path,
                            headerOf(message, "Content-Type"),
                            headerOf(message, "Authorization"),
                            bodyOf(message),
                            loopback_ && !forSomebodyElse(message)};
  resource(request, [weak = std::weak_ptr(waiting_), number](const HttpResponse& response) {
    const auto waiting = weak.lock();
    if (!waiting) return;
    const auto node = waiting->extract(number);
    if (node.empty()) return;
    SoupServerMessage* asked = node.mapped().message.get();
    // Of a client that has gone, libsoup has let go the connection.
    if (g_io_stream_is_closed(node.mapped().stream.get())) return;
    respond(asked, response);
    soup_server_message_unpause(asked);
  });
}

}  // namespace launcher
