// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Conversation: the state of one run of a Session, from what comes before its start to its stop.
// A Session makes a new one for each run, so nothing of one is left for the next. The first part is
// guarded by the Session's mutex, the second belongs to the loop's thread. One with a client is let
// go on the loop's thread only. Functions: with the mutex held.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "audio/PlayoutQueue.hpp"
#include "common/CloseCode.hpp"
#include "common/Frame.hpp"
#include "dialects/Dialect.hpp"
#include "session/DigitAllowance.hpp"
#include "session/Marks.hpp"
#include "session/Outbox.hpp"
#include "session/PlayoutBudget.hpp"
#include "session/Resumption.hpp"
#include "session/SessionSettings.hpp"
#include "websocket/WebSocketClient.hpp"

namespace wsbridge {

enum class ConnectionState { Idle, Connecting, Open, Closing, Closed, Failed };

const char* nameOf(ConnectionState state);

/// Same fields before, during and after the connection; docs/elements.md names them.
struct SessionStats {
  ConnectionState state = ConnectionState::Idle;
  std::string uri;
  std::string content_type;
  int rate = 0;
  double setup_ms = 0;
  unsigned close_code = 0;
  std::string close_reason;
  uint64_t frames_sent = 0;
  uint64_t bytes_sent = 0;
  uint64_t frames_dropped = 0;
  uint64_t frames_muted = 0;
  uint64_t texts_sent = 0;
  uint64_t dtmf_sent = 0;
  uint64_t messages_received = 0;
  uint64_t bytes_received = 0;
  uint64_t texts_received = 0;
  uint64_t pauses = 0;
  uint64_t slowdowns = 0;
  uint64_t digits_refused = 0;
  uint64_t pongs_received = 0;
  uint64_t ignored_messages = 0;
  uint64_t resumptions = 0;
  uint64_t playout_ms = 0;
  uint64_t playout_high_ms = 0;
  PlayoutCounters playout;
};

/// A warning that is due at most once a second, and what has come up since the last one.
class OnceASecond {
 public:
  /// How many, when it is due now; 0 otherwise.
  uint64_t add(int64_t now_us, uint64_t count) {
    waiting_ += count;
    if (now_us - last_us_ < 1'000'000) return 0;
    last_us_ = now_us;
    return std::exchange(waiting_, 0);
  }

 private:
  uint64_t waiting_ = 0;
  int64_t last_us_ = 0;
};

struct Conversation {
  Conversation() = default;
  Conversation(const Conversation&) = delete;
  Conversation& operator=(const Conversation&) = delete;
  ~Conversation() { PlayoutBudget::move(accounted_bytes, 0); }

  [[nodiscard]] bool isOver() const {
    return state == ConnectionState::Closed || state == ConnectionState::Failed ||
           state == ConnectionState::Closing;
  }
  void makePlayout(const SessionSettings& settings) {
    if (playout && playout->frameSamples() == common::samplesPerFrame(rate)) return;
    playout.emplace(settings.playoutSettings(rate));
  }
  /// After each change of the play-out queue's length.
  void accountPlayout() {
    const size_t bytes = playout ? playout->bytes() : 0;
    PlayoutBudget::move(accounted_bytes, bytes);
    accounted_bytes = bytes;
  }
  /// The queue is above its own limit, or all queues together are above theirs and this one has
  /// enough to go on.
  [[nodiscard]] bool isOverLimit(uint64_t total_limit) const {
    return playout->aboveHighWater() || (total_limit > 0 && PlayoutBudget::total() > total_limit &&
                                         playout->milliseconds() > PlayoutBudget::kKeepMs);
  }
  /// Whoever has paused the play-out goes on with a text, which has to be read.
  [[nodiscard]] bool shouldPause(uint64_t total_limit) const {
    return !playout->held() && isOverLimit(total_limit);
  }
  [[nodiscard]] bool shouldResume(uint64_t total_limit) const {
    if (playout->held()) return true;
    const bool room = total_limit == 0 || PlayoutBudget::total() <= total_limit;
    return playout->belowLowWater() && (room || playout->milliseconds() <= PlayoutBudget::kKeepMs);
  }
  /// On the loop's thread: of the present client and of those before it.
  void noteReceived() {
    if (!client) return;
    stats.messages_received = messages_before + client->messagesReceived();
    stats.bytes_received = bytes_before + client->bytesReceived();
    stats.pongs_received = pongs_before + client->pongsReceived();
  }
  /// On the loop's thread: its client is about to go, and another one will follow.
  void noteBefore() {
    noteReceived();
    messages_before = stats.messages_received;
    bytes_before = stats.bytes_received;
    pongs_before = stats.pongs_received;
  }
  [[nodiscard]] SessionStats statistics() const {
    SessionStats all = stats;
    all.state = state;
    if (playout) {
      all.playout = playout->counters();
      all.playout_ms = playout->milliseconds();
    }
    if (all.rate > 0)
      all.playout_high_ms = all.playout.high_bytes * 500 / static_cast<uint64_t>(all.rate);
    return all;
  }

  // Guarded by the Session's mutex.
  ConnectionState state = ConnectionState::Idle;
  SessionStats stats;
  int rate = 0;  ///< of both directions; 0 while nobody knows
  int64_t started_us = 0;
  ClientSettings client_settings;
  size_t position = 0;  ///< of the endpoint in use, in the list
  Resumption resumption;
  uint64_t messages_before = 0;  ///< of clients before a resumption
  uint64_t bytes_before = 0;
  uint64_t pongs_before = 0;

  // To the endpoint.
  Outbox outbox;
  bool pump_scheduled = false;
  bool close_after_outbox = false;
  bool muted_by_endpoint = false;
  OnceASecond dropped;

  // From the endpoint.
  std::unique_ptr<Dialect> dialect;
  AudioEncoding encoding = AudioEncoding::Linear;  ///< of the wire, while there is a dialect
  std::optional<PlayoutQueue> playout;
  size_t accounted_bytes = 0;
  Marks marks;
  DigitAllowance digits;
  bool source_ended = false;      ///< nobody plays any more
  bool deaf = false;              ///< the endpoint wants nothing played that it sends
  bool told_full = false;         ///< the endpoint knows that the queue nears its limit
  bool drained_wanted = false;    ///< and waits for the word that it is empty
  bool bad_warned = false;        ///< of a message that cannot be used
  bool paused = false;            ///< the socket is not read
  bool resume_scheduled = false;  ///< and soon will be
  bool closed_in_order = false;
  OnceASecond slowed;

  // Loop thread only.
  std::shared_ptr<WebSocketClient> client;
  bool audio_is_text = false;
  bool first_audio_seen = false;
  std::string subprotocol;
  int64_t opened_us = 0;
};

}  // namespace wsbridge
