// SPDX-License-Identifier: LGPL-2.1-or-later
//
// WebSocketClient: one WebSocket from connecting to its end, on top of libsoup's
// SoupWebsocketConnection. Created, used and destroyed on the loop's thread. The listener hears
// onOpen at most once and then exactly one of onClosed and onFailed, after which nothing more;
// nothing after release().
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "common/CloseCode.hpp"
#include "connect/ConnectSequence.hpp"
#include "connect/Failure.hpp"
#include "runtime/MediaLoop.hpp"
#include "websocket/FlowStream.hpp"

struct _SoupWebsocketConnection;
using SoupWebsocketConnection = _SoupWebsocketConnection;

namespace wsbridge {

struct ClientSettings {
  std::string connection;  ///< its name, for the log
  ConnectList connect;
  unsigned ping_interval_s = 20;
  unsigned pong_timeout_s = 10;
  bool audio_is_text = false;             ///< the endpoint's audio comes in TEXT messages
  std::shared_ptr<ControlBudget> budget;  ///< what the endpoint may send; without one anything
};

enum class ClosedBy { Endpoint, Local };

class WebSocketClient : public std::enable_shared_from_this<WebSocketClient> {
 public:
  class Listener {
   public:
    virtual ~Listener() = default;
    /// Comes before each attempt; `uri` without anything secret.
    virtual void onTrying(size_t position, const std::string& uri) = 0;
    /// Another attempt follows.
    virtual void onAttemptFailed(const Failure& failure) = 0;
    virtual void onOpen(const std::string& subprotocol) = 0;
    virtual void onBinary(std::span<const uint8_t> payload) = 0;
    virtual void onText(std::string_view text) = 0;
    virtual void onWritable() = 0;
    /// The socket is left alone for a while; its messages were too many, or took too long.
    virtual void onSlowed(Slowed why) = 0;
    virtual void onClosed(unsigned code, const std::string& reason, ClosedBy by) = 0;
    virtual void onFailed(const Failure& failure) = 0;
  };

  WebSocketClient(std::shared_ptr<MediaLoop> loop, ClientSettings settings,
                  std::weak_ptr<Listener> listener);
  ~WebSocketClient();
  WebSocketClient(const WebSocketClient&) = delete;
  WebSocketClient& operator=(const WebSocketClient&) = delete;

  void start();
  /// All messages have left for the kernel, but for the last one until the round ends: send more.
  /// Otherwise wait for onWritable().
  [[nodiscard]] bool writable() const;
  /// Past libsoup, only when writable().
  void sendAudio(Opcode opcode, std::span<const uint8_t> payload);
  /// `text` must be valid UTF-8. False when the WebSocket is not open, or no more.
  bool sendText(std::string_view text);
  /// Sends a close frame; onClosed follows. `discard`: what still arrives is not delivered any
  /// more.
  void close(unsigned code, const std::string& reason, bool discard);
  void setPaused(bool paused);
  [[nodiscard]] bool paused() const;
  /// Ends at once, without a word to the listener; a close frame is sent when the WebSocket is
  /// open.
  void release();

  [[nodiscard]] uint64_t messagesReceived() const;
  [[nodiscard]] uint64_t bytesReceived() const;
  [[nodiscard]] uint64_t pongsReceived() const { return pongs_; }

 private:
  void connected(Connector::Outcome result, const ConnectSettings& settings);
  void startKeepalive();
  int64_t checkPong(int64_t now_us);
  void armCloseTimeout();
  void reportClosed(unsigned code, const std::string& reason, ClosedBy by);
  void reportFailed(const Failure& failure);
  void streamClosed();
  /// The filter has found a fault that libsoup does not see.
  void refuse();
  void teardown();
  std::shared_ptr<Listener> takeListener();

  void onAudio(std::span<const uint8_t> payload);
  static void onMessage(SoupWebsocketConnection*, int type, void* bytes, gpointer data) noexcept;
  static void onError(SoupWebsocketConnection*, GError* error, gpointer data) noexcept;
  static void onClosing(SoupWebsocketConnection*, gpointer data) noexcept;
  static void onClosedSignal(SoupWebsocketConnection*, gpointer data) noexcept;
  static void onState(SoupWebsocketConnection*, void*, gpointer data) noexcept;
  static void onPong(SoupWebsocketConnection*, void*, gpointer data) noexcept;

  std::shared_ptr<MediaLoop> loop_;
  ClientSettings settings_;
  std::weak_ptr<Listener> listener_;
  std::shared_ptr<ConnectSequence> connector_;
  std::unique_ptr<FlowStream> flow_;
  SoupWebsocketConnection* socket_ = nullptr;
  std::shared_ptr<WebSocketClient>
      lingering_;  // keeps us while the close handshake goes on after release()
  std::optional<MediaLoop::TimerId> pong_timer_;
  std::optional<MediaLoop::TimerId> close_timer_;
  bool reported_ = false;
  bool discard_ = false;
  bool close_sent_ = false;
  bool shut_down_ = false;
  unsigned local_code_ = common::close::kNormal;
  std::string local_reason_;
  uint64_t pongs_ = 0;
};

}  // namespace wsbridge
