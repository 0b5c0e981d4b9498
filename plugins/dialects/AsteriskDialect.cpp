// SPDX-License-Identifier: LGPL-2.1-or-later
//
// The dialect `asterisk`: chan_websocket. Audio is BINARY, signed linear or G.711; control is JSON
// or plain text, and events come in the form in which the endpoint's last command came.
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include <glib.h>

#include "common/Frame.hpp"
#include "dialects/Dialect.hpp"
#include "dialects/Json.hpp"

namespace wsbridge {

namespace {

constexpr unsigned kPtimeMs = common::kFrameMs;

std::string unique() {
  g_autofree char* text = g_uuid_string_random();
  return text;
}

const char* formatName(const ContentType& type) {
  if (type.encoding == AudioEncoding::Ulaw) return "ulaw";
  if (type.encoding == AudioEncoding::Alaw) return "alaw";
  switch (type.rate) {
    case 8000:
      return "slin";
    case 24000:
      return "slin24";
    case 32000:
      return "slin32";
    case 48000:
      return "slin48";
    default:
      return "slin16";
  }
}

/// One event: its members in order, as JSON or as "NAME key:value key:value".
class Event {
 public:
  Event(const char* name, bool plain) : plain_(plain), text_(name) {
    if (!plain_) object_.add("event", name);
  }
  void add(const char* name, const std::string& value) {
    if (plain_) {
      text_.append(" ").append(name).append(":").append(value);
    } else {
      object_.add(name, value);
    }
  }
  void add(const char* name, uint64_t value) {
    if (plain_) {
      add(name, std::to_string(value));
    } else {
      object_.add(name, static_cast<int64_t>(value));
    }
  }
  void add(const char* name, bool value) {
    if (plain_) {
      add(name, std::string(value ? "true" : "false"));
    } else {
      object_.addBoolean(name, value);
    }
  }
  /// Plain text has no words for it.
  void addObject(const char* name, const std::string& json) {
    if (!plain_) object_.addChecked(name, json);
  }
  [[nodiscard]] std::string text() const { return plain_ ? text_ : object_.text(); }

 private:
  bool plain_;
  std::string text_;
  json::JsonWriter object_;
};

class AsteriskDialect final : public Dialect {
 public:
  std::vector<std::string> opening(const CallFacts& call) override {
    channel_id_ = call.call_id.empty() ? unique() : call.call_id;
    Event start("MEDIA_START", false);
    start.add("connection_id", unique());
    start.add("channel", "WebSocket/" + channel_id_);
    start.add("channel_id", channel_id_);
    start.add("format", std::string(formatName(call.type)));
    start.add("optimal_frame_size", frameBytes(call.type));
    start.add("ptime", uint64_t{kPtimeMs});
    start.addObject("channel_variables", json::customAsStrings(call.custom));
    return {start.text()};
  }

  std::string format(const ContentType& type) const override { return formatName(type); }

  std::string write(const Notice& notice) override {
    if (const auto* dtmf = std::get_if<DtmfNotice>(&notice)) return dtmfMessage(dtmf->digit);
    if (const auto* mark = std::get_if<MarkNotice>(&notice)) return markMessage(*mark);
    if (const auto* queue = std::get_if<QueueNotice>(&notice))
      return bare(queue->full ? "MEDIA_XOFF" : "MEDIA_XON");
    if (std::holds_alternative<DrainedNotice>(notice)) return bare("QUEUE_DRAINED");
    if (const auto* status = std::get_if<StatusNotice>(&notice)) return statusMessage(*status);
    if (const auto* error = std::get_if<ErrorNotice>(&notice)) return errorMessage(error->fault);
    return {};
  }

  Command decodeText(std::string_view text) override {
    if (const auto json = json::parseControl(text)) {
      const json::JsonValue message = json->root();
      const auto command = json::stringMember(message, "command");
      if (!command) return PlainText{};
      plain_ = false;
      const auto parameter =
          json::stringMember(message, *command == kSetDirection ? "direction" : "correlation_id");
      return decode(*command, parameter.value_or(""));
    }
    constexpr std::string_view kSpace = " \t\r\n";
    constexpr auto kNone = std::string_view::npos;
    const size_t start = text.find_first_not_of(kSpace);
    if (start != kNone && text[start] == '{') {
      plain_ = false;
      return BadCommand{"Unable to parse JSON command"};
    }
    const size_t end = text.find_first_of(kSpace);
    const std::string_view word = text.substr(0, end);
    if (word.empty() || word.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ_") != kNone)
      return PlainText{};
    plain_ = true;
    const size_t first = end == kNone ? kNone : text.find_first_not_of(kSpace, end);
    if (first == kNone) return decode(std::string(word), "");
    const size_t last = text.find_last_not_of(kSpace);
    return decode(std::string(word), std::string(text.substr(first, last + 1 - first)));
  }

 private:
  static constexpr std::string_view kSetDirection = "SET_MEDIA_DIRECTION";
  // First letter of a mark's label.
  static constexpr char kMark = 'm';
  static constexpr char kBuffering = 'b';

  static uint64_t frameBytes(const ContentType& type) {
    return static_cast<uint64_t>(type.rate) * kPtimeMs / 1000 * bytesPerSample(type.encoding);
  }

  /// `parameter`: of most commands the correlation id.
  Command decode(const std::string& command, const std::string& parameter) {
    if (command == kSetDirection) return directionCommand(parameter);
    if (!plays_ && aboutPlaying(command))
      return BadCommand{command + " while the media direction is in"};
    if (command == "FLUSH_MEDIA") {
      buffering_ = false;
      return ClearCommand{};
    }
    if (command == "MARK_MEDIA") return MarkCommand{kMark + parameter};
    if (command == "HANGUP") return HangupCommand{};
    if (command == "PAUSE_MEDIA") return PauseCommand{true};
    if (command == "CONTINUE_MEDIA") return PauseCommand{false};
    if (command == "REPORT_QUEUE_DRAINED") return ReportDrainedCommand{};
    if (command == "GET_STATUS") return StatusCommand{};
    if (command == "START_MEDIA_BUFFERING") {
      // Messages of any size are re-framed at all times: only STATUS tells the difference.
      buffering_ = true;
      return NoCommand{};
    }
    if (command == "STOP_MEDIA_BUFFERING") {
      buffering_ = false;
      return MarkCommand{kBuffering + parameter};
    }
    if (command == "ANSWER") return NoCommand{};
    return OtherCommand{command};
  }

  static bool aboutPlaying(std::string_view command) {
    return command == "START_MEDIA_BUFFERING" || command == "STOP_MEDIA_BUFFERING" ||
           command == "MARK_MEDIA" || command == "PAUSE_MEDIA" || command == "CONTINUE_MEDIA";
  }

  /// As the endpoint sees it: "in" is what it hears.
  Command directionCommand(std::string_view direction) {
    const bool both = direction == "both";
    if (!both && direction != "in" && direction != "out")
      return BadCommand{"SET_MEDIA_DIRECTION needs a direction: both, in or out"};
    plays_ = both || direction == "out";
    return DirectionCommand{.to_endpoint = both || direction == "in", .from_endpoint = plays_};
  }

  /// In plain text most events are their name alone.
  std::string bare(const char* name) const {
    if (plain_) return name;
    Event event(name, false);
    event.add("channel_id", channel_id_);
    return event.text();
  }

  std::string dtmfMessage(char digit) const {
    Event event("DTMF_END", plain_);
    const std::string text(1, digit);
    if (plain_) event.add("digit", text);
    event.add("channel_id", channel_id_);
    if (!plain_) event.add("digit", text);
    return event.text();
  }

  std::string markMessage(const MarkNotice& mark) const {
    const bool buffering = mark.label.front() == kBuffering;
    if (buffering && mark.cleared) return {};  // a flush is not the end of what it has thrown away
    const char* name = buffering ? "MEDIA_BUFFERING_COMPLETED" : "MEDIA_MARK_PROCESSED";
    const std::string id = mark.label.substr(1);
    if (plain_) return id.empty() ? name : std::string(name) + " " + id;
    Event event(name, false);
    event.add("channel_id", channel_id_);
    event.add("correlation_id", id);
    return event.text();
  }

  std::string errorMessage(const std::string& fault) const {
    Event event("ERROR", plain_);
    event.add("channel_id", channel_id_);
    event.add("error_text", fault);
    return event.text();
  }

  std::string statusMessage(const StatusNotice& status) const {
    Event event("STATUS", plain_);
    event.add("channel_id", channel_id_);
    event.add("queue_length", status.queued_ms / kPtimeMs);
    event.add("xon_level", status.limit_ms / kPtimeMs * kQueueRoomPercent / 100);
    event.add("xoff_level", status.limit_ms / kPtimeMs * kQueueFullPercent / 100);
    event.add("queue_full", status.full);
    event.add("bulk_media", buffering_);
    event.add("media_paused", status.paused);
    return event.text();
  }

  std::string channel_id_;
  bool plain_ = false;
  bool buffering_ = false;
  bool plays_ = true;  // the endpoint's audio is wanted
};

}  // namespace

std::unique_ptr<Dialect> makeAsteriskDialect() {
  return std::make_unique<AsteriskDialect>();
}

}  // namespace wsbridge
