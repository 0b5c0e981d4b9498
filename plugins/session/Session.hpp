// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Session: one conversation with an endpoint, shared by a sink and a source. It owns the
// WebSocketClient, the dialect, the outbox and the play-out queue. The public functions may be
// called from any thread; the WebSocket lives on the loop's thread, and the two sides meet in the
// outbox and the play-out queue under `mutex_`, which is never held while calling out (to
// observers, the client or the loop).
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <variant>

#include "runtime/Debug.hpp"
#include "runtime/MediaLoop.hpp"
#include "session/Conversation.hpp"
#include "session/SessionEvents.hpp"
#include "session/SessionSettings.hpp"
#include "websocket/WebSocketClient.hpp"

namespace wsbridge {

enum class Role { Sink, Source };

class Session : public WebSocketClient::Listener, public std::enable_shared_from_this<Session> {
 public:
  enum class Sent { Ok, Over, Full };
  enum class Pulled { Audio, Fallback, End };

  struct AttachFailure {
    bool busy;  // otherwise the settings contradict each other
    std::string text;
  };

  /// Joins the connection of that name, or makes one. Either role may come first.
  static common::Result<std::shared_ptr<Session>, AttachFailure> attach(
      Role role, const SessionSettings& settings, const std::shared_ptr<SessionObserver>& observer);
  /// The counterpart of attach(); the last one to go closes the WebSocket.
  void detach(Role role);

  ~Session() override;
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  /// Before a run: what the element has set since attach(). Nothing changes while one goes on.
  std::optional<Failure> renew(Role role, const SessionSettings& settings);
  /// Opens the WebSocket when the rate is known and a URI is set; called again when something has
  /// become known. Returns a failure that no later call can mend.
  std::optional<Failure> start(Role role);
  /// The element leaves the running states; the last one to do so ends the WebSocket.
  void stop(Role role);

  /// The rate of both directions: the forced one, otherwise that of the first element to ask.
  int agreeRate(int wanted);
  /// 0 when it is not decided yet.
  [[nodiscard]] int rate() const;
  /// Of the endpoint's wire.
  [[nodiscard]] AudioEncoding encoding() const;
  /// The loop that a source with a `context` ticks on; null without one.
  [[nodiscard]] std::shared_ptr<MediaLoop> sharedLoop() const;

  /// 20 ms, linear or in encoding(). One thread at a time. Full: the endpoint reads more slowly,
  /// nothing was taken, wait for room. Never so with `leaky`, nor on the loop's own thread, which
  /// cannot wait for itself: then the oldest frame is dropped.
  Sent sendFrame(std::span<const uint8_t> frame, AudioEncoding given);
  /// Blocks until the endpoint has read some or the conversation has ended. False: `cancelled` was
  /// set and wakeWaiters() called.
  bool waitForRoom(const std::atomic<bool>& cancelled);
  bool sendText(const std::string& text);
  bool sendDtmf(char digit, unsigned duration_ms);
  /// In the words of the dialect, where it has some. Text in it must be valid UTF-8. False when the
  /// WebSocket is not open.
  bool tell(const Notice& notice);
  /// While muted, none of the caller's audio is sent, and the endpoint is told. One that muted
  /// itself may end that; it cannot end what was set here.
  void setMuted(bool muted);
  [[nodiscard]] bool muted() const;
  /// End of stream at the sink: closes with 1000 behind the last frame when close-on-eos is set.
  void finishSending();
  /// Blocks after finishSending() until everything is sent (and, with close-on-eos, the endpoint
  /// has answered the close), the conversation has ended, `cancelled` is set and wakeWaiters()
  /// called, or some seconds have passed.
  void waitUntilSent(const std::atomic<bool>& cancelled);
  void wakeWaiters();
  /// The source will pull no more although the conversation goes on: what the endpoint says is
  /// dropped from now on.
  void sourceEnded();
  /// `why`: one word for the endpoint, told before the close where the dialect has words for it;
  /// lower-case letters and hyphens only.
  void close(unsigned code, const std::string& reason, const std::string& why);

  Pulled pullFrame(int16_t* out, int64_t now_us);
  /// See PlayoutQueue.
  [[nodiscard]] int64_t patienceUs() const;
  int64_t takeDelay(int64_t waited_us);
  /// A whole frame of the endpoint's audio is there.
  [[nodiscard]] bool hasAudio() const;
  /// See PlayoutQueue::takeAdvance().
  int64_t takeAdvance(int64_t step_us);
  uint64_t clear();

  [[nodiscard]] SessionStats stats() const;
  [[nodiscard]] std::string shownUri() const;
  [[nodiscard]] const std::string& name() const { return name_; }

 private:
  struct Peer {
    std::weak_ptr<SessionObserver> observer;
    SessionSettings settings;
    bool attached = false;
    bool running = false;
  };

  explicit Session(const SessionSettings& settings);

  Peer& peer(Role role) { return peers_[role == Role::Sink ? 0 : 1]; }
  /// With mutex_ held: what both elements want together, or why that cannot be.
  [[nodiscard]] common::Result<SessionSettings> combined() const;
  std::optional<AttachFailure> join(Role role, const SessionSettings& settings,
                                    const std::shared_ptr<SessionObserver>& observer);
  void open(ClientSettings settings);
  void connect(std::shared_ptr<Conversation> run, ClientSettings settings);
  void confirmOpen();
  void forget(Conversation& over, const std::string& goodbye);
  void emit(const SessionEvent& event);
  void pump();
  void sendItem(const Outbox::Item& item);
  void sendAudio(std::span<const uint8_t> frame);
  void beginClose(unsigned code, const std::string& reason, const std::string& why, bool discard);
  bool sayGoodbye(WebSocketClient& client, const std::string& goodbye) const;
  /// For the debug log; takes mutex_. `way`: "sent" or "received".
  void logText(const char* way, std::string_view text) const;
  void act(const Command& command, std::string_view text);
  /// Commands about the call and its directions; false: another one.
  bool actOnCall(const Command& command, std::string_view text);
  void sendDigits(const DtmfCommand& command);
  void muteForEndpoint(bool muted);
  void addMark(const std::string& label);
  void play(std::span<const uint8_t> audio);
  void ignore(const BadCommand& command);
  /// After a break, within the time for it: true when the conversation goes on.
  bool resumeAfter(const Failure& failure);
  void redial();
  /// With mutex_ held; true when the mute of the endpoint ended with its WebSocket.
  bool beginResumption(int64_t now_us);
  void prepareDialect();
  bool endConversation(ConnectionState state, unsigned code, const std::string& reason);
  /// With mutex_ held. `function` runs on the loop unless this conversation is over by then.
  void onLoop(std::function<void(Session&)> function);

  // With mutex_ held.
  void endSource();
  /// Whoever sends has to wait: there is, or will be, a reader.
  [[nodiscard]] bool mustWait() const;
  [[nodiscard]] bool isMuted() const { return muted_ || run_->muted_by_endpoint; }
  /// On the loop: whose client speaks is the present run.
  [[nodiscard]] bool speaks() const { return on_loop_ == run_; }
  void resolveMarks(bool cleared);
  void pushNotice(const Notice& notice);
  void applyMute(bool muted);
  void tellQueueState();
  void schedulePump();
  void maybeResume();
  void checkPendingText();
  void countDropped(size_t dropped);

  void onTrying(size_t position, const std::string& uri) override;
  void onAttemptFailed(const Failure& failure) override;
  void onOpen(const std::string& subprotocol) override;
  void onBinary(std::span<const uint8_t> payload) override;
  void onText(std::string_view text) override;
  void onWritable() override;
  void onSlowed(Slowed why) override;
  void onClosed(unsigned code, const std::string& reason, ClosedBy by) override;
  void onFailed(const Failure& failure) override;

  const std::string name_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;  // the outbox ran empty, or the state changed
  // Guarded by mutex_.
  SessionSettings settings_;
  Peer peers_[2];
  std::shared_ptr<Conversation> run_ = std::make_shared<Conversation>();  // never null
  SessionStats last_;                                                     // of the run before
  std::shared_ptr<MediaLoop> loop_;
  bool muted_ = false;  // by the application

  // Of the sink's streaming thread, kept for its memory.
  std::vector<uint8_t> coded_;

  // Loop thread only. The run whose client speaks: for a moment after a stop not run_ any more.
  std::shared_ptr<Conversation> on_loop_;
  std::string audio_text_;  // kept for its memory, as this one
  std::vector<uint8_t> decoded_;
};

}  // namespace wsbridge
