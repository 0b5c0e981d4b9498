// SPDX-License-Identifier: LGPL-2.1-or-later
#include "echo/EchoEndpoint.hpp"

#include <cmath>
#include <cstdint>
#include <numbers>
#include <optional>
#include <string_view>
#include <variant>
#include <vector>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>

#include <libsoup/soup.h>

#include "base/SocketFault.hpp"
#include "common/ContentType.hpp"
#include "common/Frame.hpp"
#include "common/json/Json.hpp"
#include "log/Log.hpp"

namespace launcher {

namespace {

constexpr double kToneHz = 440.0;
constexpr double kToneLevel = 8000.0;
using wsbridge::common::kFrameMs;
constexpr int kMostIterations = 1000;
constexpr guint64 kMaxMessage = 1024 * 1024;

int rateOf(std::string_view text) {
  const auto result = wsbridge::common::Json::readObject(text, kMaxMessage);
  const auto* json = std::get_if<wsbridge::common::Json>(&result);
  const auto member = json ? json->root().member("content-type") : std::nullopt;
  const auto type = member ? member->string() : std::nullopt;
  const auto format = type ? wsbridge::common::ContentType::parse(*type) : std::nullopt;
  return format ? format->rate : 0;
}

}  // namespace

struct EchoEndpoint::Connection {
  Connection(EchoEndpoint& owner, SoupWebsocketConnection* ws, bool tone)
      : owner_(owner), ws_(SOUP_WEBSOCKET_CONNECTION(g_object_ref(ws))), tone_(tone) {
    soup_websocket_connection_set_max_incoming_payload_size(ws, kMaxMessage);
    g_signal_connect(ws, "message", G_CALLBACK(onMessage), this);
    g_signal_connect(ws, "closed", G_CALLBACK(onClosed), this);
    GIOStream* stream = soup_websocket_connection_get_io_stream(ws);
    if (G_IS_SOCKET_CONNECTION(stream)) {
      // Small frames must not wait for each other.
      g_socket_set_option(g_socket_connection_get_socket(G_SOCKET_CONNECTION(stream)), IPPROTO_TCP,
                          TCP_NODELAY, 1, nullptr);
    }
  }
  ~Connection() {
    if (timer_) g_source_destroy(timer_);
    if (end_) g_source_destroy(end_);
    g_signal_handlers_disconnect_by_data(ws_.get(), this);
  }

  static void onMessage(SoupWebsocketConnection* ws, gint type, GBytes* message,
                        gpointer data) noexcept {
    auto* self = static_cast<Connection*>(data);
    gsize size = 0;
    const void* bytes = g_bytes_get_data(message, &size);
    if (type == SOUP_WEBSOCKET_DATA_TEXT) {
      log::debug("echo-text", {{"bytes", size}});
      if (self->tone_ && !self->timer_) self->startTone(static_cast<const char*>(bytes), size);
      return;
    }
    if (!self->tone_ && soup_websocket_connection_get_state(ws) == SOUP_WEBSOCKET_STATE_OPEN) {
      soup_websocket_connection_send_binary(ws, bytes, size);
    }
  }

  static void onClosed(SoupWebsocketConnection*, gpointer data) noexcept {
    auto* self = static_cast<Connection*>(data);
    // Not within the signal of the object that would go.
    const auto drop = [](gpointer gone) noexcept -> gboolean {
      auto* connection = static_cast<Connection*>(gone);
      std::erase_if(connection->owner_.connections_,
                    [connection](const auto& held) { return held.get() == connection; });
      return G_SOURCE_REMOVE;
    };
    self->end_ = self->owner_.attach(g_idle_source_new(), drop, self);
  }

  void startTone(const char* text, gsize size) {
    rate_ = rateOf({text, size});
    if (rate_ == 0) return;
    started_at_ = g_get_monotonic_time();
    timer_ = owner_.attach(g_timeout_source_new(kFrameMs), sendTone, this);
  }

  static gboolean sendTone(gpointer data) noexcept {
    auto* self = static_cast<Connection*>(data);
    if (soup_websocket_connection_get_state(self->ws_.get()) != SOUP_WEBSOCKET_STATE_OPEN) {
      self->timer_ = nullptr;
      return G_SOURCE_REMOVE;
    }
    const auto perFrame = wsbridge::common::samplesPerFrame(self->rate_);
    // By the clock and not by the timer, which slips.
    const std::int64_t due =
        (g_get_monotonic_time() - self->started_at_) / (std::int64_t{kFrameMs} * 1000);
    for (; self->frames_ < due; ++self->frames_) {
      std::vector<std::int16_t> samples(perFrame);
      for (std::int16_t& sample : samples) {
        const double phase = 2 * std::numbers::pi * kToneHz * static_cast<double>(self->sample_++) /
                             static_cast<double>(self->rate_);
        sample = static_cast<std::int16_t>(
            GINT16_TO_LE(static_cast<std::int16_t>(std::lround(kToneLevel * std::sin(phase)))));
      }
      soup_websocket_connection_send_binary(self->ws_.get(), samples.data(), samples.size() * 2);
    }
    return G_SOURCE_CONTINUE;
  }

  EchoEndpoint& owner_;
  GObjectPtr<SoupWebsocketConnection> ws_;
  bool tone_;
  int rate_ = 0;
  GSource* timer_ = nullptr;  ///< the context's, as is the next
  GSource* end_ = nullptr;    ///< frees the connection
  std::int64_t started_at_ = 0;
  std::int64_t frames_ = 0;
  std::uint64_t sample_ = 0;
};

EchoEndpoint::EchoEndpoint()
    : context_(g_main_context_new()), loop_(g_main_loop_new(context_, FALSE)) {}

EchoEndpoint::~EchoEndpoint() {
  if (thread_.joinable()) {
    // By the context, for the loop may not run yet, and would forget that it was to end.
    const auto quit = [](gpointer loop) noexcept -> gboolean {
      g_main_loop_quit(static_cast<GMainLoop*>(loop));
      return G_SOURCE_REMOVE;
    };
    attach(g_idle_source_new(), quit, loop_);
    thread_.join();
  }
  g_main_loop_unref(loop_);
  g_main_context_unref(context_);
}

GSource* EchoEndpoint::attach(GSource* source, GSourceFunc callback, gpointer data) {
  g_source_set_priority(source, G_PRIORITY_DEFAULT);
  g_source_set_callback(source, callback, data, nullptr);
  g_source_attach(source, context_);
  g_source_unref(source);
  return source;
}

Result<void> EchoEndpoint::listen(const HostPort& where) {
  std::promise<Result<void>> listening;
  auto done = listening.get_future();
  thread_ = std::thread([this, where, &listening] { run(where, listening); });
  return done.get();
}

void EchoEndpoint::run(const HostPort& where, std::promise<Result<void>>& listening) {
  pthread_setname_np(pthread_self(), "echo");
  g_main_context_push_thread_default(context_);
  server_.reset(soup_server_new("server-header", "wsbridge-echo", nullptr));
  listening.set_value(open(where));
  // What could not listen has nothing to hear; the loop then only waits for its end.
  g_main_loop_run(loop_);
  connections_.clear();
  soup_server_disconnect(server_.get());
  server_.reset();
  // What libsoup and GIO still have under way is cancelled, and says so on this context.
  for (int i = 0; i < kMostIterations && g_main_context_iteration(context_, FALSE); ++i) {
  }
  connections_.clear();  // whose handshake was under way
  g_main_context_pop_thread_default(context_);
}

Result<void> EchoEndpoint::open(const HostPort& where) {
  static const char* protocols[] = {"WSBRIDGE", nullptr};
  const auto handler = [](SoupServer*, SoupServerMessage*, const char* path,
                          SoupWebsocketConnection* connection, gpointer data) noexcept {
    static_cast<EchoEndpoint*>(data)->accept(connection, std::string_view(path) == "/tone");
  };
  soup_server_add_websocket_handler(server_.get(), nullptr, nullptr, const_cast<char**>(protocols),
                                    handler, this, nullptr);
  GObjectPtr<GSocketAddress> address(
      g_inet_socket_address_new_from_string(where.host.c_str(), where.port));
  GError* error = nullptr;
  if (!address || !soup_server_listen(server_.get(), address.get(),
                                      static_cast<SoupServerListenOptions>(0), &error)) {
    const ErrorPtr owned(error);
    const std::string why = socketFault(where.host, where.port, Transport::Tcp);
    return Failure{
        cannotListen(where.host, where.port, why.empty() && error ? error->message : why)};
  }
  GSList* uris = soup_server_get_uris(server_.get());
  if (uris) {
    auto* uri = static_cast<GUri*>(uris->data);
    const std::string host =
        where.host.find(':') == std::string::npos ? where.host : "[" + where.host + "]";
    address_ = host + ":" + std::to_string(g_uri_get_port(uri));
  }
  g_slist_free_full(uris, reinterpret_cast<GDestroyNotify>(g_uri_unref));
  return {};
}

void EchoEndpoint::accept(SoupWebsocketConnection* connection, bool tone) {
  connections_.insert(std::make_unique<Connection>(*this, connection, tone));
}

}  // namespace launcher
