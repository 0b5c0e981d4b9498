// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Dialect: how one endpoint family writes audio and events as WebSocket messages. Pure: values in,
// messages and values out. One object per conversation, which may number its messages; not
// synchronised. A further dialect is one file, one row in common/DialectInfo.hpp and its maker in
// Dialects.cpp.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "audio/AudioEncoding.hpp"
#include "common/ContentType.hpp"
#include "common/DialectInfo.hpp"
#include "common/DtmfDigit.hpp"

namespace wsbridge {

using common::ContentType;
using common::DialectInfo;
using common::isDtmfDigit;
using common::kDialects;

// --- What the endpoint asks for.

/// Empties the play-out queue.
struct ClearCommand {};
/// `label` comes back as a MarkNotice when all audio queued so far has been played.
struct MarkCommand {
  std::string label;
};
/// All marks that wait are forgotten, without a word; the audio stays.
struct ClearMarksCommand {};
/// Audio that came within a text message, in the encoding of the conversation.
struct MediaCommand {
  std::vector<uint8_t> audio;
};
/// Play-out stands still until it goes on; what comes meanwhile is queued.
struct PauseCommand {
  bool paused;
};
/// A DrainedNotice, once, as soon as nothing is queued.
struct ReportDrainedCommand {};
/// A StatusNotice.
struct StatusCommand {};
/// Ends the call.
struct HangupCommand {};
/// Digits to be sent to the caller.
struct DtmfCommand {
  std::string digits;
  unsigned duration_ms;
};
/// The caller is to be connected with somebody else.
struct TransferCommand {
  std::string uri;
};
/// The caller's audio is kept from the endpoint, or no more.
struct MuteCommand {
  bool muted;
};
/// Which audio is carried at all.
struct DirectionCommand {
  bool to_endpoint;
  bool from_endpoint;
};
/// A text for the caller, past the audio.
struct MessageCommand {
  std::string type;  ///< media type, as the endpoint wrote it
  std::string body;
};
/// A control message that is left to the application.
struct OtherCommand {
  std::string action;
};
/// Belongs to the dialect and asks for nothing.
struct NoCommand {};
/// Belongs to the dialect and cannot be used: counted, warned of once, otherwise ignored.
struct BadCommand {
  std::string fault;
};
/// A text message that is no control message.
struct PlainText {};

using Command = std::variant<ClearCommand, MarkCommand, ClearMarksCommand, MediaCommand,
                             PauseCommand, ReportDrainedCommand, StatusCommand, HangupCommand,
                             DtmfCommand, TransferCommand, MuteCommand, DirectionCommand,
                             MessageCommand, OtherCommand, NoCommand, BadCommand, PlainText>;

// --- What the bridge tells the endpoint.

/// The caller has let go of a digit.
struct DtmfNotice {
  char digit;
  unsigned duration_ms;
};
/// A digit that the endpoint had wanted was sent to the caller, to its end.
struct DtmfSentNotice {
  char digit;
};
/// The queue was emptied because the endpoint wanted it.
struct ClearedNotice {};
/// The audio before a mark was played, or the mark was given up by a clear.
struct MarkNotice {
  std::string label;
  bool cleared;
};
/// The queue nears its limit: send no more. Or: it has room again.
struct QueueNotice {
  bool full;
};
struct DrainedNotice {};
struct StatusNotice {
  uint64_t queued_ms;
  uint64_t limit_ms;
  bool full;
  bool paused;
};
/// How a transfer went: a SIP status, and what went wrong or "".
struct TransferNotice {
  unsigned status;
  std::string reason;
};
/// The caller has put the call on hold, or has come back.
struct HoldNotice {
  bool held;
};
/// The caller's audio is kept from the endpoint, or no more.
struct MuteNotice {
  bool muted;
};
/// No RTP comes from the caller, or it is back.
struct MediaNotice {
  bool arriving;
};
/// A text from the caller, past the audio.
struct MessageNotice {
  std::string type;
  std::string body;
};
/// How a message that the endpoint had wanted sent went: a SIP status, and what went wrong or "".
struct MessageResultNotice {
  unsigned status;
  std::string reason;
};
/// What is wrong with a command that cannot be used.
struct ErrorNotice {
  std::string fault;
};
/// We are about to close the WebSocket; `reason` is one word of a closed list.
struct EndNotice {
  std::string reason;
};

using Notice =
    std::variant<DtmfNotice, DtmfSentNotice, ClearedNotice, MarkNotice, QueueNotice, DrainedNotice,
                 StatusNotice, TransferNotice, HoldNotice, MuteNotice, MediaNotice, MessageNotice,
                 MessageResultNotice, ErrorNotice, EndNotice>;

/// From these shares of the play-out limit on the endpoint is told to wait, and to go on.
inline constexpr unsigned kQueueFullPercent = 90;
inline constexpr unsigned kQueueRoomPercent = 80;

/// What the opening messages may say of the call.
struct CallFacts {
  std::string custom;  ///< a JSON object of custom keys, or empty
  ContentType type;
  std::string call_id;          ///< the caller's name for the call; may be empty
  std::string account_id = {};  ///< of whoever runs the bridge; may be empty
};

class Dialect {
 public:
  Dialect() = default;
  Dialect(const Dialect&) = delete;
  Dialect& operator=(const Dialect&) = delete;
  virtual ~Dialect() = default;

  /// The messages before any audio, at least one. A custom key never replaces one of the dialect's.
  virtual std::vector<std::string> opening(const CallFacts& call) = 0;
  /// The audio format as the statistics tell it.
  [[nodiscard]] virtual std::string format(const ContentType& type) const { return type.text(); }
  /// One message; empty where the dialect has no words for it.
  virtual std::string write(const Notice& notice) = 0;
  virtual Command decodeText(std::string_view text) = 0;

  /// False: audio is BINARY both ways. True: writeAudio() makes a text message of each frame, which
  /// is in the encoding of the conversation.
  [[nodiscard]] virtual bool audioIsText() const { return false; }
  /// `now_us`: monotonic, for those that say when a frame was spoken.
  virtual void writeAudio(std::span<const uint8_t> frame, int64_t now_us, std::string& out);
};

/// `row`: of common::kDialects.
std::unique_ptr<Dialect> makeDialect(std::size_t row);

}  // namespace wsbridge
