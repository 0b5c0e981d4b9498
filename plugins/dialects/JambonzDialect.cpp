// SPDX-License-Identifier: LGPL-2.1-or-later
//
// The dialect `jambonz`: the listen and stream verbs with bidirectional audio. Audio is BINARY
// S16LE, control is JSON with "type".
#include <memory>
#include <optional>
#include <string_view>

#include <glib.h>

#include "dialects/Dialect.hpp"
#include "dialects/Json.hpp"

namespace wsbridge {

namespace {

std::string markMessage(const MarkNotice& mark) {
  json::JsonWriter data;
  data.add("name", mark.label).add("event", mark.cleared ? "cleared" : "playout");
  json::JsonWriter message;
  message.add("type", "mark").addChecked("data", data.text());
  return message.text();
}

class JambonzDialect final : public Dialect {
 public:
  std::vector<std::string> opening(const CallFacts& call) override {
    g_autofree char* random = g_uuid_string_random();
    const std::string& id = call.call_id;
    json::JsonWriter message;
    message.add("sampleRate", int64_t{call.type.rate}).add("mixType", "mono");
    message.add("callSid", random).add("direction", "inbound");
    message.add("callId", id.empty() ? std::string_view(random) : id);
    // The metadata of the verb lies on the top level there too.
    json::addCustom(message, call.custom,
                    {"sampleRate", "mixType", "callSid", "direction", "callId"},
                    json::Names::AnyCase);
    return {message.text()};
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
    const auto json = json::parseControl(text);
    const auto name = json ? json::stringMember(json->root(), "type") : std::nullopt;
    if (!name) return PlainText{};
    const std::string& type = *name;
    if (type == "killAudio") return ClearCommand{};
    if (type == "clearMarks") return ClearMarksCommand{};
    if (type == "disconnect") return HangupCommand{};
    if (type == "mark") {
      const auto member = json::memberOf(json->root(), "data", "name");
      const auto label = member ? member->string() : std::nullopt;
      if (!label) return BadCommand{"data.name is missing"};
      return MarkCommand{*label};
    }
    return OtherCommand{type};
  }
};

}  // namespace

std::unique_ptr<Dialect> makeJambonzDialect() {
  return std::make_unique<JambonzDialect>();
}

}  // namespace wsbridge
