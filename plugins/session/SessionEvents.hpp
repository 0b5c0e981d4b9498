// SPDX-License-Identifier: LGPL-2.1-or-later
//
// What a Session tells its elements. Values; delivered on the loop's thread.
#pragma once

#include <string>
#include <variant>

#include "connect/Failure.hpp"
#include "websocket/WebSocketClient.hpp"

namespace wsbridge {

struct OpenedEvent {
  std::string content_type;
  int rate;
  std::string subprotocol;
  double setup_ms;
};
struct FirstAudioEvent {
  double since_open_ms;
};
struct DtmfEvent {
  std::string digit;
  unsigned duration_ms;
  bool to_endpoint;
};
struct TextEvent {
  std::string text;
};
struct ControlEvent {
  std::string action;
  std::string text;
  std::string value = {};  ///< what the action is about, such as the URI of a transfer
};
/// The endpoint wants this sent to the caller.
struct MessageEvent {
  std::string type;
  std::string body;
};
struct ClosedEvent {
  unsigned code;
  std::string reason;
  ClosedBy by;
};
/// An endpoint could not be reached; it, or the next one, is tried now.
struct AttemptFailedEvent {
  Failure failure;
};
/// The WebSocket broke in mid-call; another one is being opened.
struct ReconnectingEvent {
  unsigned attempt;     ///< of this break, from 1
  unsigned resumption;  ///< of this call, from 1: what the first message will say
  std::string reason;
};
/// Frames were dropped because the endpoint does not read; at most once a second.
struct DroppedEvent {
  uint64_t frames;
};

/// The endpoint sends more than it may, and is read more slowly; at most once a second.
struct SlowedEvent {
  uint64_t times;  ///< that its socket was left alone since the last one
  bool messages;   ///< too many; otherwise they take the loop too long
};

/// The endpoint has muted the caller, or has ended that: Session::muted() says which.
struct MuteEvent {};

/// A message of the dialect that cannot be used; the first one of a conversation only.
struct IgnoredEvent {
  std::string fault;
};

using SessionEvent = std::variant<OpenedEvent, FirstAudioEvent, DtmfEvent, TextEvent, ControlEvent,
                                  ClosedEvent, DroppedEvent, IgnoredEvent, MessageEvent, MuteEvent,
                                  ReconnectingEvent, AttemptFailedEvent, SlowedEvent, Failure>;

/// One element on a connection. `reporter`: this element posts the message on the bus.
class SessionObserver {
 public:
  virtual ~SessionObserver() = default;
  virtual void onSessionEvent(const SessionEvent& event, bool reporter) = 0;
};

}  // namespace wsbridge
