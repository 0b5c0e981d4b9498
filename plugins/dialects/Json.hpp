// SPDX-License-Identifier: LGPL-2.1-or-later
//
// What the dialects have in common about JSON: bounds of what is read, custom keys of a first
// message. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/CustomHeaders.hpp"
#include "common/json/Json.hpp"
#include "common/json/JsonWriter.hpp"

namespace wsbridge::json {

using common::Json;
using common::JsonMember;
using common::JsonValue;
using common::JsonWriter;

using common::kMaxCustomBytes;
inline constexpr size_t kMaxControlBytes = 32 * 1024;

/// A control message: a JSON object. Nothing for anything else and for longer texts.
std::optional<Json> parseControl(std::string_view text, size_t max_bytes = kMaxControlBytes);

/// A member of a member, such as "name" of "mark".
std::optional<JsonValue> memberOf(const JsonValue& object, std::string_view outer,
                                  std::string_view inner);
/// Nothing when there is none or it is no string.
std::optional<std::string> stringMember(const JsonValue& object, std::string_view name);

/// How a custom key is compared with one of ours. Some readers, Go's among them, find a member
/// whatever its case.
enum class Names { SameCase, AnyCase };

/// The members of `custom`, a JSON object or empty, in their order, but those named as one of
/// `own`: the keys that the first message has of its own are not for others to set.
void addCustom(JsonWriter& to, const std::string& custom,
               std::initializer_list<std::string_view> own, Names names);
/// The members of `custom` as an object whose values are strings: a string as it was written,
/// anything else as its text.
std::string customAsStrings(const std::string& custom);

/// `custom`, a JSON object or empty, with one more member or another value of it.
std::string withMember(const std::string& custom, const char* name, int64_t value);

}  // namespace wsbridge::json
