// SPDX-License-Identifier: LGPL-2.1-or-later
//
// The dialects `wsbridge` (byte-compatible with endpoints of the original module) and `vonage`:
// both send audio as BINARY linear PCM and control as JSON with "action" and "event"; they differ
// in what the bridge itself writes.
#include <memory>

#include <json-glib/json-glib.h>

#include "dialects/Dialect.hpp"

namespace wsbridge {

namespace {

constexpr size_t kMaxCustomBytes = 8192;
constexpr unsigned kDefaultDigitMs = 160;
constexpr int kMaxNesting = 64;
// json-glib takes time that grows with the square of an object's keys; no control message is this
// long.
constexpr size_t kMaxControlBytes = 32 * 1024;

struct ObjectUnref {
  void operator()(JsonObject* object) const { json_object_unref(object); }
  void operator()(JsonNode* node) const { json_node_unref(node); }
};
using ObjectPtr = std::unique_ptr<JsonObject, ObjectUnref>;
using NodePtr = std::unique_ptr<JsonNode, ObjectUnref>;

/// json-glib parses by recursion without a limit: an endpoint could overflow the stack with
/// brackets alone.
bool nestsTooDeeply(std::string_view text) {
  int depth = 0;
  bool quoted = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted) {
      if (c == '\\') ++i;
      if (c == '"') quoted = false;
    } else if (c == '"') {
      quoted = true;
    } else if ((c == '{' || c == '[') && ++depth > kMaxNesting) {
      return true;
    } else if (c == '}' || c == ']') {
      --depth;
    }
  }
  return false;
}

NodePtr parseJson(std::string_view text, std::string* fault) {
  if (nestsTooDeeply(text)) {
    if (fault != nullptr)
      *fault = "nested more than " + std::to_string(kMaxNesting) + " levels deep";
    return nullptr;
  }
  g_autoptr(JsonParser) parser = json_parser_new_immutable();
  g_autoptr(GError) error = nullptr;
  if (!json_parser_load_from_data(parser, text.data(), static_cast<gssize>(text.size()), &error)) {
    if (fault != nullptr) *fault = error->message;
    return nullptr;
  }
  return NodePtr(json_parser_steal_root(parser));
}

std::string serialise(JsonNode* root) {
  g_autoptr(JsonGenerator) generator = json_generator_new();
  json_generator_set_root(generator, root);
  gsize length = 0;
  g_autofree char* text = json_generator_to_data(generator, &length);
  return {text, length};
}

std::string serialise(JsonObject* object) {
  NodePtr root(json_node_new(JSON_NODE_OBJECT));
  json_node_set_object(root.get(), object);
  return serialise(root.get());
}

/// Adds the members of `custom` but those that the bridge writes itself.
void copyCustom(const std::string& custom, JsonObject* to, bool keep_event) {
  const NodePtr root = custom.empty() ? nullptr : parseJson(custom, nullptr);
  if (!root || !JSON_NODE_HOLDS_OBJECT(root.get())) return;
  JsonObjectIter iter;
  const char* name = nullptr;
  JsonNode* value = nullptr;
  json_object_iter_init_ordered(&iter, json_node_get_object(root.get()));
  while (json_object_iter_next_ordered(&iter, &name, &value)) {
    const std::string_view key(name);
    if (key == "content-type" || (key == "event" && !keep_event)) continue;
    json_object_set_member(to, name, json_node_copy(value));
  }
}

const char* stringMember(JsonObject* object, const char* name) {
  JsonNode* node = json_object_get_member(object, name);
  if (node == nullptr || json_node_get_value_type(node) != G_TYPE_STRING) return nullptr;
  return json_node_get_string(node);
}

gint64 intMember(JsonObject* object, const char* name, gint64 fallback) {
  JsonNode* node = json_object_get_member(object, name);
  if (node == nullptr || json_node_get_value_type(node) != G_TYPE_INT64) return fallback;
  return json_node_get_int(node);
}

std::string eventMessage(const char* event) {
  const ObjectPtr object(json_object_new());
  json_object_set_string_member(object.get(), "event", event);
  return serialise(object.get());
}

std::string dtmfMessage(const char* event, char digit, unsigned duration_ms) {
  const ObjectPtr object(json_object_new());
  const char text[2] = {digit, '\0'};
  if (event != nullptr) json_object_set_string_member(object.get(), "event", event);
  json_object_set_string_member(object.get(), "digit", text);
  json_object_set_int_member(object.get(), "duration", duration_ms);
  return serialise(object.get());
}

Command notifyCommand(JsonObject* message) {
  const ObjectPtr reply(json_object_new());
  json_object_set_string_member(reply.get(), "event", "websocket:notify");
  if (JsonNode* payload = json_object_get_member(message, "payload")) {
    json_object_set_member(reply.get(), "payload", json_node_copy(payload));
  }
  return NotifyCommand{serialise(reply.get())};
}

Command dtmfCommand(JsonObject* message) {
  const char* digits = stringMember(message, "digits");
  if (digits == nullptr || *digits == '\0') return OtherCommand{"dtmf"};
  for (const char* digit = digits; *digit != '\0'; ++digit) {
    if (!isDtmfDigit(*digit)) return OtherCommand{"dtmf"};
  }
  const gint64 wanted_ms = intMember(message, "duration", kDefaultDigitMs);
  return DtmfCommand{digits, static_cast<unsigned>(CLAMP(wanted_ms, 40, 6000))};
}

/// The control messages that both dialects understand.
Command decodeAction(std::string_view text) {
  if (text.size() > kMaxControlBytes) return PlainText{};
  const size_t start = text.find_first_not_of(" \t\r\n");
  if (start == std::string_view::npos || text[start] != '{') return PlainText{};
  const NodePtr root = parseJson(text, nullptr);
  if (!root || !JSON_NODE_HOLDS_OBJECT(root.get())) return PlainText{};
  JsonObject* message = json_node_get_object(root.get());
  const char* name = stringMember(message, "action");
  if (name == nullptr) return PlainText{};
  const std::string_view action(name);
  if (action == "clear") return ClearCommand{};
  if (action == "notify") return notifyCommand(message);
  if (action == "hangup") return HangupCommand{};
  if (action == "dtmf") return dtmfCommand(message);
  return OtherCommand{std::string(action)};
}

class WsbridgeDialect final : public Dialect {
 public:
  std::string firstMessage(const std::string& custom, const ContentType& type) const override {
    const ObjectPtr object(json_object_new());
    copyCustom(custom, object.get(), true);
    json_object_set_string_member(object.get(), "content-type", type.text().c_str());
    return serialise(object.get());
  }
  std::string dtmf(char digit, unsigned duration_ms) const override {
    return dtmfMessage(nullptr, digit, duration_ms);
  }
  std::string cleared() const override { return eventMessage("websocket:cleared"); }
  Command decodeText(std::string_view text) const override { return decodeAction(text); }
};

class VonageDialect final : public Dialect {
 public:
  std::string firstMessage(const std::string& custom, const ContentType& type) const override {
    const ObjectPtr object(json_object_new());
    json_object_set_string_member(object.get(), "event", "websocket:connected");
    json_object_set_string_member(object.get(), "content-type", type.text().c_str());
    copyCustom(custom, object.get(), false);
    return serialise(object.get());
  }
  std::string dtmf(char digit, unsigned duration_ms) const override {
    return dtmfMessage("websocket:dtmf", digit, duration_ms);
  }
  std::string cleared() const override { return eventMessage("websocket:cleared"); }
  Command decodeText(std::string_view text) const override { return decodeAction(text); }
};

}  // namespace

std::unique_ptr<Dialect> Dialect::create(DialectKind kind) {
  if (kind == DialectKind::Vonage) return std::make_unique<VonageDialect>();
  return std::make_unique<WsbridgeDialect>();
}

std::optional<std::string> faultInCustomHeaders(const std::string& text) {
  if (text.empty()) return std::nullopt;
  if (text.size() > kMaxCustomBytes) {
    return "longer than " + std::to_string(kMaxCustomBytes) + " bytes: shorten the JSON object";
  }
  if (!g_utf8_validate_len(text.data(), text.size(), nullptr)) return "not valid UTF-8";
  std::string fault;
  const NodePtr root = parseJson(text, &fault);
  if (!root && !fault.empty())
    return "not JSON (" + fault + "): give an object such as {\"key\":\"value\"}";
  if (!root || !JSON_NODE_HOLDS_OBJECT(root.get())) {
    return "not a JSON object: give an object such as {\"key\":\"value\"}";
  }
  return std::nullopt;
}

bool isDtmfDigit(char digit) {
  return (digit >= '0' && digit <= '9') || (digit >= 'A' && digit <= 'D') || digit == '*' ||
         digit == '#';
}

}  // namespace wsbridge
