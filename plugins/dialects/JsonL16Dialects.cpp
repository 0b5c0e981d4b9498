// SPDX-License-Identifier: LGPL-2.1-or-later
//
// The dialects `wsbridge` (byte-compatible with endpoints of the original module) and `vonage`:
// both send audio as BINARY linear PCM and control as JSON with "action" and "event"; they differ
// in what the bridge itself writes.
#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "dialects/Dialect.hpp"
#include "dialects/Json.hpp"

namespace wsbridge {

namespace {

constexpr int64_t kDefaultDigitMs = 160;
constexpr int64_t kMinDigitMs = 40;
constexpr int64_t kMaxDigitMs = 6000;
constexpr size_t kMaxDigits = 64;

std::string dtmfMessage(const char* event, const DtmfNotice& notice) {
  json::JsonWriter object;
  if (event != nullptr) object.add("event", event);
  object.add("digit", std::string_view(&notice.digit, 1));
  object.add("duration", int64_t{notice.duration_ms});
  return object.text();
}

/// The payload of a notify comes back as it is: its JSON text is the mark's label.
Command markCommand(const json::JsonValue& message) {
  const auto payload = message.member("payload");
  return MarkCommand{payload ? std::string(payload->text()) : ""};
}

Command dtmfCommand(const json::JsonValue& message) {
  const auto digits = json::stringMember(message, "digits");
  if (!digits || digits->empty()) return OtherCommand{"dtmf"};
  if (digits->size() > kMaxDigits) return BadCommand{"dtmf with more than 64 digits"};
  if (!std::all_of(digits->begin(), digits->end(), isDtmfDigit)) return OtherCommand{"dtmf"};
  const auto duration = message.member("duration");
  const auto wanted_ms = duration ? duration->integer() : std::nullopt;
  return DtmfCommand{*digits, static_cast<unsigned>(std::clamp(wanted_ms.value_or(kDefaultDigitMs),
                                                               kMinDigitMs, kMaxDigitMs))};
}

Command muteCommand(const json::JsonValue& message) {
  const auto value = message.member("active");
  const auto active = value ? value->boolean() : std::nullopt;
  if (!active) return BadCommand{"mute without active: true or false"};
  return MuteCommand{*active};
}

/// That of the Audio Connector: what is active is the caller's audio.
std::string muteMessage(const MuteNotice& notice) {
  return std::string(R"({"event":"websocket:media:update","method":"update","active":)") +
         (notice.muted ? "false}" : "true}");
}

/// What became of something that the endpoint wanted done in SIP.
std::string outcomeMessage(const char* event, unsigned status, const std::string& reason) {
  json::JsonWriter object;
  object.add("event", event).add("status", int64_t{status});
  if (!reason.empty()) object.add("reason", reason);
  return object.text();
}

/// A JSON object comes as one, everything else as text.
std::string textMessage(const MessageNotice& message) {
  json::JsonWriter object;
  object.add("event", "websocket:message").add("content-type", message.type);
  const bool may_be_object = message.type == "application/json";
  const auto body = may_be_object ? json::parseControl(message.body) : std::nullopt;
  if (body) {
    object.addChecked("json", body->text());
  } else {
    object.add("body", message.body);
  }
  return object.text();
}

Command messageCommand(const json::JsonValue& message) {
  const auto type = json::stringMember(message, "content-type");
  const auto object = message.member("json");
  if (object && object->kind() == json::JsonValue::Kind::Object)
    return MessageCommand{type.value_or("application/json"), std::string(object->text())};
  const auto body = json::stringMember(message, "body");
  if (!body) return BadCommand{"message without a body or json"};
  return MessageCommand{type.value_or("text/plain"), *body};
}

class JsonL16Dialect : public Dialect {
 public:
  std::string write(const Notice& notice) override {
    if (quiet_ && !isAlwaysTold(notice)) return {};
    return std::visit([this](const auto& it) { return words(it); }, notice);
  }

  Command decodeText(std::string_view text) override {
    const auto json = json::parseControl(text);
    if (!json) return PlainText{};
    const json::JsonValue message = json->root();
    const auto name = json::stringMember(message, "action");
    if (!name) return PlainText{};
    quiet_ = false;
    const std::string& action = *name;
    if (action == "clear") return ClearCommand{};
    if (action == "notify") return markCommand(message);
    if (action == "hangup") return HangupCommand{};
    if (action == "dtmf") return dtmfCommand(message);
    if (action == "mute") return muteCommand(message);
    if (action == "message") return messageCommand(message);
    if (action == "transfer") {
      const auto uri = json::stringMember(message, "uri");
      if (!uri) return BadCommand{"transfer without a uri"};
      return TransferCommand{*uri};
    }
    return OtherCommand{action};
  }

 protected:
  JsonL16Dialect(const char* dtmf_event, const char* end_event, bool quiet)
      : dtmf_event_(dtmf_event), end_event_(end_event), quiet_(quiet) {}

 private:
  /// Keys, and answers.
  static bool isAlwaysTold(const Notice& notice) {
    return std::holds_alternative<DtmfNotice>(notice) ||
           std::holds_alternative<DtmfSentNotice>(notice) ||
           std::holds_alternative<ClearedNotice>(notice) ||
           std::holds_alternative<MarkNotice>(notice);
  }

  std::string words(const DtmfNotice& dtmf) const { return dtmfMessage(dtmf_event_, dtmf); }
  std::string words(const DtmfSentNotice& sent) const {
    return R"({"event":"websocket:dtmf:sent","digit":")" + std::string(1, sent.digit) + "\"}";
  }
  std::string words(const ClearedNotice&) const { return R"({"event":"websocket:cleared"})"; }
  std::string words(const MarkNotice& mark) const {
    const std::string payload = mark.label.empty() ? "" : ",\"payload\":" + mark.label;
    return R"({"event":"websocket:notify")" + payload + "}";
  }
  std::string words(const QueueNotice& queue) const {
    return queue.full ? R"({"event":"websocket:queue","state":"high"})"
                      : R"({"event":"websocket:queue","state":"low"})";
  }
  std::string words(const HoldNotice& hold) const {
    return hold.held ? R"({"event":"websocket:hold"})" : R"({"event":"websocket:resume"})";
  }
  std::string words(const MediaNotice& media) const {
    return media.arriving ? R"({"event":"websocket:media:resumed"})"
                          : R"({"event":"websocket:media:timeout"})";
  }
  std::string words(const MuteNotice& mute) const { return muteMessage(mute); }
  std::string words(const TransferNotice& transfer) const {
    return outcomeMessage("websocket:transfer", transfer.status, transfer.reason);
  }
  std::string words(const MessageNotice& message) const { return textMessage(message); }
  std::string words(const MessageResultNotice& result) const {
    return outcomeMessage("websocket:message:sent", result.status, result.reason);
  }
  std::string words(const EndNotice& end) const {
    return std::string(R"({"event":")") + end_event_ + R"(","reason":")" + end.reason + "\"}";
  }
  std::string words(const DrainedNotice&) const { return {}; }
  std::string words(const StatusNotice&) const { return {}; }
  std::string words(const ErrorNotice&) const { return {}; }

  const char* dtmf_event_;
  const char* end_event_;
  /// What nobody has asked for is not told to an endpoint that may know keys only, as those of the
  /// original module do, until it sends an action.
  bool quiet_;
};

class WsbridgeDialect final : public JsonL16Dialect {
 public:
  WsbridgeDialect() : JsonL16Dialect(nullptr, "websocket:end", true) {}
  std::vector<std::string> opening(const CallFacts& call) override {
    json::JsonWriter object;
    json::addCustom(object, call.custom, {"content-type"}, json::Names::SameCase);
    object.add("content-type", call.type.text());
    return {object.text()};
  }
};

class VonageDialect final : public JsonL16Dialect {
 public:
  VonageDialect() : JsonL16Dialect("websocket:dtmf", "websocket:disconnected", false) {}
  std::vector<std::string> opening(const CallFacts& call) override {
    json::JsonWriter object;
    object.add("event", "websocket:connected").add("content-type", call.type.text());
    json::addCustom(object, call.custom, {"event", "content-type"}, json::Names::AnyCase);
    return {object.text()};
  }
};

}  // namespace

std::unique_ptr<Dialect> makeWsbridgeDialect() {
  return std::make_unique<WsbridgeDialect>();
}

std::unique_ptr<Dialect> makeVonageDialect() {
  return std::make_unique<VonageDialect>();
}

}  // namespace wsbridge
