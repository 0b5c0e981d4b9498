// SPDX-License-Identifier: LGPL-2.1-or-later
//
// The dialect `jambonz`: the listen and stream verbs with bidirectional audio. Audio is BINARY
// S16LE, control is JSON with "type".
#include <memory>

#include "dialects/Dialect.hpp"
#include "dialects/Json.hpp"

namespace wsbridge {

namespace {

std::string markMessage(const MarkNotice& mark) {
  const json::ObjectPtr data(json_object_new());
  json_object_set_string_member(data.get(), "name", mark.label.c_str());
  json_object_set_string_member(data.get(), "event", mark.cleared ? "cleared" : "playout");
  const json::ObjectPtr message(json_object_new());
  json_object_set_string_member(message.get(), "type", "mark");
  json_object_set_object_member(message.get(), "data", json_object_ref(data.get()));
  return json::serialise(message.get());
}

class JambonzDialect final : public Dialect {
 public:
  std::vector<std::string> opening(const Conversation& conversation) override {
    const json::ObjectPtr message(json_object_new());
    g_autofree char* random = g_uuid_string_random();
    const std::string& id = conversation.call_id;
    json_object_set_int_member(message.get(), "sampleRate", conversation.type.rate);
    json_object_set_string_member(message.get(), "mixType", "mono");
    json_object_set_string_member(message.get(), "callSid", random);
    json_object_set_string_member(message.get(), "direction", "inbound");
    json_object_set_string_member(message.get(), "callId", id.empty() ? random : id.c_str());
    // The metadata of the verb lies on the top level there too.
    json::forEachMember(conversation.custom, [&](const char* name, JsonNode* value) {
      if (std::string_view(name) != "sampleRate" && std::string_view(name) != "mixType")
        json_object_set_member(message.get(), name, json_node_copy(value));
    });
    return {json::serialise(message.get())};
  }

  std::string write(const Notice& notice) override {
    if (const auto* dtmf = std::get_if<DtmfNotice>(&notice)) {
      return R"({"event":"dtmf","dtmf":")" + std::string(1, dtmf->digit) + R"(","duration":")" +
             std::to_string(dtmf->duration_ms) + "\"}";
    }
    if (const auto* mark = std::get_if<MarkNotice>(&notice)) return markMessage(*mark);
    return {};
  }

  Command decodeText(std::string_view text) override {
    const json::NodePtr root = json::parseControl(text);
    if (!root) return PlainText{};
    JsonObject* message = json_node_get_object(root.get());
    const char* name = json::stringMember(message, "type");
    if (name == nullptr) return PlainText{};
    const std::string_view type(name);
    if (type == "killAudio") return ClearCommand{};
    if (type == "clearMarks") return ClearMarksCommand{};
    if (type == "disconnect") return HangupCommand{};
    if (type == "mark") {
      JsonObject* data = json::objectMember(message, "data");
      const char* label = data != nullptr ? json::stringMember(data, "name") : nullptr;
      if (label == nullptr) return BadCommand{"data.name is missing"};
      return MarkCommand{label};
    }
    return OtherCommand{std::string(type)};
  }
};

}  // namespace

std::unique_ptr<Dialect> makeJambonzDialect() {
  return std::make_unique<JambonzDialect>();
}

}  // namespace wsbridge
