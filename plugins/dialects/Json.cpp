// SPDX-License-Identifier: LGPL-2.1-or-later
#include "dialects/Json.hpp"

namespace wsbridge::json {

namespace {

constexpr int kMaxNesting = 64;
constexpr size_t kMaxControlBytes = 32 * 1024;

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

}  // namespace

NodePtr parse(std::string_view text, std::string* fault) {
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

NodePtr parseControl(std::string_view text) {
  if (text.size() > kMaxControlBytes) return nullptr;
  const size_t start = text.find_first_not_of(" \t\r\n");
  if (start == std::string_view::npos || text[start] != '{') return nullptr;
  NodePtr root = parse(text, nullptr);
  if (!root || !JSON_NODE_HOLDS_OBJECT(root.get())) return nullptr;
  return root;
}

std::string serialise(JsonNode* root) {
  g_autoptr(JsonGenerator) generator = json_generator_new();
  json_generator_set_root(generator, root);
  gsize length = 0;
  g_autofree char* text = json_generator_to_data(generator, &length);
  return {text, length};
}

std::string serialise(JsonObject* object) {
  const NodePtr root(json_node_new(JSON_NODE_OBJECT));
  json_node_set_object(root.get(), object);
  return serialise(root.get());
}

void forEachMember(const std::string& custom,
                   const std::function<void(const char* name, JsonNode* value)>& take) {
  const NodePtr root = custom.empty() ? nullptr : parse(custom, nullptr);
  if (!root || !JSON_NODE_HOLDS_OBJECT(root.get())) return;
  JsonObjectIter iter;
  const char* name = nullptr;
  JsonNode* value = nullptr;
  json_object_iter_init_ordered(&iter, json_node_get_object(root.get()));
  while (json_object_iter_next_ordered(&iter, &name, &value))
    take(name, value);
}

std::string withMember(const std::string& custom, const char* name, gint64 value) {
  const ObjectPtr object(json_object_new());
  forEachMember(custom, [&](const char* member, JsonNode* node) {
    json_object_set_member(object.get(), member, json_node_copy(node));
  });
  json_object_set_int_member(object.get(), name, value);
  return serialise(object.get());
}

const char* stringMember(JsonObject* object, const char* name) {
  JsonNode* node = json_object_get_member(object, name);
  if (node == nullptr || json_node_get_value_type(node) != G_TYPE_STRING) return nullptr;
  return json_node_get_string(node);
}

JsonObject* objectMember(JsonObject* object, const char* name) {
  JsonNode* node = json_object_get_member(object, name);
  if (node == nullptr || !JSON_NODE_HOLDS_OBJECT(node)) return nullptr;
  return json_node_get_object(node);
}

std::optional<bool> boolMember(JsonObject* object, const char* name) {
  JsonNode* node = json_object_get_member(object, name);
  if (node == nullptr || json_node_get_value_type(node) != G_TYPE_BOOLEAN) return std::nullopt;
  return json_node_get_boolean(node) != FALSE;
}

gint64 intMember(JsonObject* object, const char* name, gint64 fallback) {
  JsonNode* node = json_object_get_member(object, name);
  if (node == nullptr || json_node_get_value_type(node) != G_TYPE_INT64) return fallback;
  return json_node_get_int(node);
}

std::string textOf(JsonNode* value) {
  if (json_node_get_value_type(value) == G_TYPE_STRING) return json_node_get_string(value);
  return serialise(value);
}

}  // namespace wsbridge::json
