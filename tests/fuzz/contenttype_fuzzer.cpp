// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Content types: what the launcher takes from an INVITE the plugin takes too, as the same format,
// and the normal form is its own.
#include <cstdint>
#include <string>

#include "FuzzCheck.hpp"
#include "call/Routing.hpp"
#include "dialects/ContentType.hpp"

using fuzz::require;
using wsbridge::ContentType;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(data, data + size);
  const auto plugins = ContentType::parse(text);
  if (plugins) {
    require(ContentType::isSupportedRate(plugins->rate), "a rate is one of those");
    require(ContentType::parse(plugins->text()) == plugins, "a normal form reads the same");
  }
  const auto launchers = launcher::normalContentType(text);
  if (!launchers) return 0;
  require(launcher::normalContentType(*launchers) == launchers, "a normal form is its own");
  const auto meant = ContentType::parse(*launchers);
  require(meant && meant->text() == *launchers, "the plugin takes what the launcher passes on");
  require(!plugins || plugins == meant, "both mean the same by it");
  return 0;
}
