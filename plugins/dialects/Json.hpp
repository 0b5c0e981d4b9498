// SPDX-License-Identifier: LGPL-2.1-or-later
//
// What the dialects need of json-glib: bounded parsing, compact writing. Pure.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <json-glib/json-glib.h>

namespace wsbridge::json {

struct Unref {
  void operator()(JsonObject* object) const { json_object_unref(object); }
  void operator()(JsonNode* node) const { json_node_unref(node); }
};
using ObjectPtr = std::unique_ptr<JsonObject, Unref>;
using NodePtr = std::unique_ptr<JsonNode, Unref>;

/// Null with the reason in `fault` (which may be null) when `text` is not JSON or nests too deeply:
/// json-glib parses by recursion without a limit.
NodePtr parse(std::string_view text, std::string* fault);

/// The root of a control message when it is an object; null for anything else and for texts that
/// no control message is as long as: json-glib takes time that grows with the square of an object's
/// keys.
NodePtr parseControl(std::string_view text);

std::string serialise(JsonNode* root);
std::string serialise(JsonObject* object);

/// The members of `custom`, a JSON object or empty, in their order.
void forEachMember(const std::string& custom,
                   const std::function<void(const char* name, JsonNode* value)>& take);

/// `custom`, a JSON object or empty, with one more member or another value of it.
std::string withMember(const std::string& custom, const char* name, gint64 value);

/// Null when there is none or it is no string.
const char* stringMember(JsonObject* object, const char* name);
/// Null when there is none or it is no object.
JsonObject* objectMember(JsonObject* object, const char* name);
/// Empty when there is none or it is neither true nor false.
std::optional<bool> boolMember(JsonObject* object, const char* name);
gint64 intMember(JsonObject* object, const char* name, gint64 fallback);
/// A string as it is, anything else as JSON.
std::string textOf(JsonNode* value);

}  // namespace wsbridge::json
