// SPDX-License-Identifier: LGPL-2.1-or-later
//
// What must hold for the opening messages of a dialect, whatever custom keys a caller gives: they
// are JSON in UTF-8, and what the dialect says of the call is said by the dialect.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "FuzzCheck.hpp"
#include "common/CustomHeaders.hpp"
#include "common/Utf8.hpp"
#include "common/json/Json.hpp"
#include "dialects/Dialect.hpp"

namespace fuzz {

using wsbridge::common::Json;
using wsbridge::common::JsonMember;
using wsbridge::common::JsonValue;

inline constexpr size_t kLongest = 8 * 1024 * 1024;

inline Json objectOf(const std::string& text, const char* invariant) {
  require(wsbridge::common::isUtf8(text), "what is sent is UTF-8");
  auto result = Json::readObject(text, kLongest);
  require(std::holds_alternative<Json>(result), invariant);
  return std::get<Json>(std::move(result));
}

/// Every member of `own` stands in `object`, once, with its value where that is the same each time.
inline void requireOwn(const JsonValue& object, const JsonValue& own, const JsonValue& again) {
  for (const JsonMember& member : own.members()) {
    size_t found = 0;
    for (const JsonMember& there : object.members())
      found += there.isNamed(member.name) ? 1 : 0;
    require(found == 1, "a key of the dialect's stands there once");
    const auto value = object.member(member.name);
    require(value.has_value(), "a key of the dialect's is found");
    const auto second = again.member(member.name);
    const bool constant = second && second->text() == member.value.text();
    const bool nested = member.value.kind() == JsonValue::Kind::Object;
    const bool custom = member.name == "customParameters" || member.name == "channel_variables";
    if (constant && !nested)
      require(value->text() == member.value.text(), "a key of the dialect's has its own value");
    if (nested && !custom) requireOwn(*value, member.value, *second);
  }
}

/// `custom` is one that common::faultInCustomHeaders() finds nothing wrong with.
inline void checkOpening(const wsbridge::DialectInfo& row, wsbridge::CallFacts conversation) {
  const auto dialect = wsbridge::makeDialect(*wsbridge::common::findDialect(row.name));
  const std::vector<std::string> messages = dialect->opening(conversation);
  conversation.custom.clear();
  const std::vector<std::string> plain =
      wsbridge::makeDialect(*wsbridge::common::findDialect(row.name))->opening(conversation);
  const std::vector<std::string> again =
      wsbridge::makeDialect(*wsbridge::common::findDialect(row.name))->opening(conversation);
  require(!messages.empty() && messages.size() == plain.size(), "as many messages as ever");
  for (size_t i = 0; i < messages.size(); ++i) {
    const Json json = objectOf(messages[i], "an opening message is a JSON object");
    const Json own = objectOf(plain[i], "an opening message without custom keys is JSON");
    const Json second = objectOf(again[i], "an opening message without custom keys is JSON");
    requireOwn(json.root(), own.root(), second.root());
  }
}

}  // namespace fuzz
