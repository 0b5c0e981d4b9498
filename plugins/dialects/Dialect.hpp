// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Dialect: how one endpoint family writes audio and events as WebSocket messages. Pure: values in,
// messages and values out. One object per connection; not synchronised, used on the connection's
// loop.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "dialects/ContentType.hpp"

namespace wsbridge {

enum class DialectKind { Wsbridge, Vonage };

/// The endpoint empties the play-out queue.
struct ClearCommand {};
/// The endpoint wants `reply` back when all audio queued so far has been played.
struct NotifyCommand {
  std::string reply;
};
/// The endpoint ends the call.
struct HangupCommand {};
/// The endpoint wants keys sent to the caller.
struct DtmfCommand {
  std::string digits;
  unsigned duration_ms;
};
/// A control message that is left to the application.
struct OtherCommand {
  std::string action;
};
/// A text message that is no control message.
struct PlainText {};

using Command =
    std::variant<ClearCommand, NotifyCommand, HangupCommand, DtmfCommand, OtherCommand, PlainText>;

class Dialect {
 public:
  static std::unique_ptr<Dialect> create(DialectKind kind);

  Dialect() = default;
  Dialect(const Dialect&) = delete;
  Dialect& operator=(const Dialect&) = delete;
  virtual ~Dialect() = default;

  /// `custom` is a JSON object; its own "content-type" (and, where the dialect has one, "event") is
  /// replaced.
  [[nodiscard]] virtual std::string firstMessage(const std::string& custom,
                                                 const ContentType& type) const = 0;
  [[nodiscard]] virtual std::string dtmf(char digit, unsigned duration_ms) const = 0;
  /// Sent after a clear; empty: nothing is sent.
  [[nodiscard]] virtual std::string cleared() const = 0;
  [[nodiscard]] virtual Command decodeText(std::string_view text) const = 0;
};

/// Empty when `text` is a JSON object (or empty); otherwise what is wrong with it.
std::optional<std::string> faultInCustomHeaders(const std::string& text);

bool isDtmfDigit(char digit);

}  // namespace wsbridge
