// SPDX-License-Identifier: LGPL-2.1-or-later
//
// The reader of JSON: what it accepts is JSON for another reader too, is UTF-8, and is accepted
// unchanged when it is read again; values are what that reader sees; what is copied member by
// member is JSON again.
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include <json-glib/json-glib.h>

#include "FuzzCheck.hpp"
#include "common/Utf8.hpp"
#include "common/json/Json.hpp"
#include "common/json/JsonWriter.hpp"

namespace {

using fuzz::require;
using wsbridge::common::Json;
using wsbridge::common::JsonFault;
using wsbridge::common::JsonMember;
using wsbridge::common::JsonValue;
using wsbridge::common::JsonWriter;

constexpr size_t kBound = 64 * 1024;

std::string accepted(std::string_view text, const char* invariant) {
  const auto result = Json::read(text, kBound * 8);
  const Json* json = std::get_if<Json>(&result);
  require(json != nullptr, invariant);
  return json->text();
}

/// json-glib ends strings at U+0000 and has one value of a name in an object.
void compareStrings(const JsonValue& object, JsonObject* theirs) {
  for (const JsonMember& member : object.members()) {
    const auto ours = member.value.string();
    if (!ours || member.name.find('\0') != std::string::npos) continue;
    // Where one name is another one up to its U+0000, json-glib mixes the two up.
    bool unique = true;
    for (const JsonMember& other : object.members())
      unique = unique && (other.name == member.name || !other.isNamed(member.name));
    if (!unique) continue;
    const char* text =
        json_object_get_string_member_with_default(theirs, member.name.c_str(), nullptr);
    require(text != nullptr && *ours == text, "another reader sees the same string");
  }
}

void compare(const Json& json) {
  g_autoptr(JsonParser) parser = json_parser_new();
  const std::string& text = json.text();
  require(json_parser_load_from_data(parser, text.data(), static_cast<gssize>(text.size()),
                                     nullptr) != FALSE,
          "another reader accepts what is accepted");
  JsonNode* root = json_parser_get_root(parser);
  if (json.root().kind() != JsonValue::Kind::Object) return;
  require(JSON_NODE_HOLDS_OBJECT(root), "another reader sees an object");
  compareStrings(json.root(), json_node_get_object(root));
}

void copyMembers(const Json& json) {
  JsonWriter copy;
  JsonWriter strings;
  for (const JsonMember& member : json.root().members()) {
    const auto found = json.root().member(member.name);
    require(found && found->text() == member.value.text(), "a member is found by its name");
    require(wsbridge::common::isUtf8(member.name), "names are UTF-8");
    copy.add(member);
    strings.addAsString(member);
    (void)member.value.integer();
    (void)member.value.boolean();
    if (const auto text = member.value.string()) {
      require(wsbridge::common::isUtf8(*text), "strings are UTF-8");
      const std::string quoted = wsbridge::common::jsonString(*text);
      const auto again = Json::read(quoted, kBound * 8);
      require(std::holds_alternative<Json>(again) && std::get<Json>(again).root().string() == *text,
              "a string that is written is read as the same");
    }
  }
  const std::string again = accepted(copy.text(), "copied members are an object");
  require(again == copy.text(), "copied members have no white space between them");
  accepted(strings.text(), "members as strings are an object");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto result = Json::read(text, kBound);
  accepted(wsbridge::common::jsonString(text), "any bytes can be written as a string");
  if (const auto* fault = std::get_if<JsonFault>(&result)) {
    require(fault->byte >= 1 && fault->byte <= size + 1, "the fault lies within the text");
    require(wsbridge::common::isUtf8(fault->text), "the fault's text is UTF-8");
    return 0;
  }
  const Json& json = std::get<Json>(result);
  require(json.text().size() <= size, "nothing is added");
  require(wsbridge::common::isUtf8(json.text()), "what is passed on is UTF-8");
  require(accepted(json.text(), "what was accepted is accepted again") == json.text(),
          "what was accepted is itself when it is read again");
  compare(json);
  copyMembers(json);
  return 0;
}
