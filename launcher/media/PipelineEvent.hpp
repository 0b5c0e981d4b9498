// SPDX-License-Identifier: LGPL-2.1-or-later
// PipelineEvent: what happens in a call's pipeline. Values.
#pragma once

#include <string>
#include <variant>

namespace launcher {

struct Opened {
  std::string endpoint;     ///< fit for the log
  std::string contentType;  ///< that both sides have settled on
};
/// The half of the pipeline towards the caller is there.
struct MediaAttached {};
/// The endpoint has sent its first audio.
struct FirstAudio {};
struct DigitPassed {
  std::string direction;  ///< "to-endpoint" or "from-endpoint"
};
/// A digit for a caller who takes none as RTP.
struct DigitWanted {
  std::string digit;
  unsigned durationMs;
};
/// A digit that could not be queued as RTP either.
struct DigitLost {};
struct ControlAsked {
  std::string action;
  std::string value;  ///< of a transfer its URI
};
/// A text of the endpoint for the caller.
struct MessageAsked {
  std::string type;
  std::string body;
};
struct WebSocketClosed {
  unsigned code;
  std::string reason;
  bool byElement;  ///< the element has given the conversation up, not because of us
};
struct WebSocketFailed {
  std::string kind;  ///< a word of common/FailureKind.hpp
  std::string text;
  std::string endpoint;
  unsigned code;  ///< HTTP status or close code; 0: there is none
};
struct PipelineFailed {
  std::string text;
  std::string kind = {};  ///< as above when an element of the WebSocket is at fault, else empty
};
struct PlayedOut {};

using PipelineEvent = std::variant<Opened, MediaAttached, FirstAudio, DigitPassed, DigitWanted,
                                   DigitLost, ControlAsked, MessageAsked, WebSocketClosed,
                                   WebSocketFailed, PipelineFailed, PlayedOut>;

}  // namespace launcher
