// SPDX-License-Identifier: LGPL-2.1-or-later
//
// The dialects `wsbridge` (byte-compatible with endpoints of the original module) and `vonage`:
// both send audio as BINARY linear PCM and control as JSON with "action" and "event"; they differ
// in what the bridge itself writes.
#include <memory>

#include "dialects/Dialect.hpp"
#include "dialects/Json.hpp"

namespace wsbridge {

namespace {

constexpr unsigned kDefaultDigitMs = 160;

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

std::string transferMessage(const TransferNotice& transfer) {
  const json::ObjectPtr object(json_object_new());
  json_object_set_string_member(object.get(), "event", "websocket:transfer");
  json_object_set_int_member(object.get(), "status", transfer.status);
  if (!transfer.reason.empty())
    json_object_set_string_member(object.get(), "reason", transfer.reason.c_str());
  return json::serialise(object.get());
}

class JsonL16Dialect : public Dialect {
 public:
  std::string write(const Notice& notice) override {
    if (const auto* dtmf = std::get_if<DtmfNotice>(&notice)) return dtmfMessage(dtmf_event_, *dtmf);
    if (const auto* sent = std::get_if<DtmfSentNotice>(&notice)) {
      return R"({"event":"websocket:dtmf:sent","digit":")" + std::string(1, sent->digit) + "\"}";
    }
    if (std::holds_alternative<ClearedNotice>(notice)) return R"({"event":"websocket:cleared"})";
    if (const auto* mark = std::get_if<MarkNotice>(&notice)) {
      const std::string payload = mark->label.empty() ? "" : ",\"payload\":" + mark->label;
      return R"({"event":"websocket:notify")" + payload + "}";
    }
    if (quiet_) return {};
    if (const auto* queue = std::get_if<QueueNotice>(&notice)) {
      const char* state = queue->full ? "high" : "low";
      return std::string(R"({"event":"websocket:queue","state":")") + state + "\"}";
    }
    if (const auto* hold = std::get_if<HoldNotice>(&notice))
      return hold->held ? R"({"event":"websocket:hold"})" : R"({"event":"websocket:resume"})";
    if (const auto* transfer = std::get_if<TransferNotice>(&notice))
      return transferMessage(*transfer);
    if (const auto* mute = std::get_if<MuteNotice>(&notice)) return muteMessage(*mute);
    if (const auto* media = std::get_if<MediaNotice>(&notice)) {
      return media->arriving ? R"({"event":"websocket:media:resumed"})"
                             : R"({"event":"websocket:media:timeout"})";
    }
    if (const auto* end = std::get_if<EndNotice>(&notice)) {
      return std::string(R"({"event":")") + end_event_ + R"(","reason":")" + end->reason + "\"}";
    }
    return {};
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
