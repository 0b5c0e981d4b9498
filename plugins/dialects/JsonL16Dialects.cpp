// SPDX-License-Identifier: LGPL-2.1-or-later
//
// The dialects `wsbridge` (byte-compatible with endpoints of the original module) and `vonage`:
// both send audio as BINARY linear PCM and control as JSON with "action" and "event"; they differ
// in what the bridge itself writes.
#include <cstring>
#include <memory>

#include "dialects/Dialect.hpp"
#include "dialects/Json.hpp"

namespace wsbridge {

namespace {

constexpr unsigned kDefaultDigitMs = 160;
constexpr size_t kMaxDigits = 64;

/// Adds the members of `custom` but those that the bridge writes itself.
void copyCustom(const std::string& custom, JsonObject* to, bool keep_event) {
  json::forEachMember(custom, [&](const char* name, JsonNode* value) {
    const std::string_view key(name);
    if (key == "content-type" || (key == "event" && !keep_event)) return;
    json_object_set_member(to, name, json_node_copy(value));
  });
}

std::string dtmfMessage(const char* event, const DtmfNotice& notice) {
  const json::ObjectPtr object(json_object_new());
  const char text[2] = {notice.digit, '\0'};
  if (event != nullptr) json_object_set_string_member(object.get(), "event", event);
  json_object_set_string_member(object.get(), "digit", text);
  json_object_set_int_member(object.get(), "duration", notice.duration_ms);
  return json::serialise(object.get());
}

/// The payload of a notify comes back as it is: its JSON text is the mark's label.
Command markCommand(JsonObject* message) {
  JsonNode* payload = json_object_get_member(message, "payload");
  return MarkCommand{payload != nullptr ? json::serialise(payload) : ""};
}

Command dtmfCommand(JsonObject* message) {
  const char* digits = json::stringMember(message, "digits");
  if (digits == nullptr || *digits == '\0') return OtherCommand{"dtmf"};
  if (strnlen(digits, kMaxDigits + 1) > kMaxDigits)
    return BadCommand{"dtmf with more than 64 digits"};
  for (const char* digit = digits; *digit != '\0'; ++digit) {
    if (!isDtmfDigit(*digit)) return OtherCommand{"dtmf"};
  }
  const gint64 wanted_ms = json::intMember(message, "duration", kDefaultDigitMs);
  return DtmfCommand{digits, static_cast<unsigned>(CLAMP(wanted_ms, 40, 6000))};
}

Command muteCommand(JsonObject* message) {
  const auto active = json::boolMember(message, "active");
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
  const json::ObjectPtr object(json_object_new());
  json_object_set_string_member(object.get(), "event", event);
  json_object_set_int_member(object.get(), "status", status);
  if (!reason.empty()) json_object_set_string_member(object.get(), "reason", reason.c_str());
  return json::serialise(object.get());
}

/// A JSON object comes as one, everything else as text.
std::string textMessage(const MessageNotice& message) {
  const json::ObjectPtr object(json_object_new());
  json_object_set_string_member(object.get(), "event", "websocket:message");
  json_object_set_string_member(object.get(), "content-type", message.type.c_str());
  json::NodePtr root;
  if (message.type == "application/json") root = json::parse(message.body, nullptr);
  if (root && JSON_NODE_HOLDS_OBJECT(root.get())) {
    json_object_set_member(object.get(), "json", root.release());
  } else {
    json_object_set_string_member(object.get(), "body", message.body.c_str());
  }
  return json::serialise(object.get());
}

Command messageCommand(JsonObject* message) {
  const char* type = json::stringMember(message, "content-type");
  if (JsonObject* object = json::objectMember(message, "json"))
    return MessageCommand{type != nullptr ? type : "application/json", json::serialise(object)};
  const char* body = json::stringMember(message, "body");
  if (body == nullptr) return BadCommand{"message without a body or json"};
  return MessageCommand{type != nullptr ? type : "text/plain", body};
}

class JsonL16Dialect : public Dialect {
 public:
  std::string write(const Notice& notice) override {
    if (quiet_ && !isAlwaysTold(notice)) return {};
    return std::visit([this](const auto& it) { return words(it); }, notice);
  }

  Command decodeText(std::string_view text) override {
    const json::NodePtr root = json::parseControl(text);
    if (!root) return PlainText{};
    JsonObject* message = json_node_get_object(root.get());
    const char* name = json::stringMember(message, "action");
    if (name == nullptr) return PlainText{};
    quiet_ = false;
    const std::string_view action(name);
    if (action == "clear") return ClearCommand{};
    if (action == "notify") return markCommand(message);
    if (action == "hangup") return HangupCommand{};
    if (action == "dtmf") return dtmfCommand(message);
    if (action == "mute") return muteCommand(message);
    if (action == "message") return messageCommand(message);
    if (action == "transfer") {
      const char* uri = json::stringMember(message, "uri");
      if (uri == nullptr) return BadCommand{"transfer without a uri"};
      return TransferCommand{uri};
    }
    return OtherCommand{std::string(action)};
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
  std::vector<std::string> opening(const Conversation& conversation) override {
    const json::ObjectPtr object(json_object_new());
    copyCustom(conversation.custom, object.get(), true);
    json_object_set_string_member(object.get(), "content-type", conversation.type.text().c_str());
    return {json::serialise(object.get())};
  }
};

class VonageDialect final : public JsonL16Dialect {
 public:
  VonageDialect() : JsonL16Dialect("websocket:dtmf", "websocket:disconnected", false) {}
  std::vector<std::string> opening(const Conversation& conversation) override {
    const json::ObjectPtr object(json_object_new());
    json_object_set_string_member(object.get(), "event", "websocket:connected");
    json_object_set_string_member(object.get(), "content-type", conversation.type.text().c_str());
    copyCustom(conversation.custom, object.get(), false);
    return {json::serialise(object.get())};
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
