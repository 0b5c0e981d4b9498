// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Content types: what an INVITE may ask for and an element may be set to.
#include <cstdint>
#include <string>

#include "FuzzCheck.hpp"
#include "common/ContentType.hpp"

using fuzz::require;
using wsbridge::common::ContentType;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(data, data + size);
  const auto type = ContentType::parse(text);
  if (!type) return 0;
  require(ContentType::isSupportedRate(type->rate), "a rate is one of those");
  require(ContentType::parse(type->text()) == type, "a normal form reads the same");
  return 0;
}
