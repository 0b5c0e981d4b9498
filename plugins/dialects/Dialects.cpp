// SPDX-License-Identifier: LGPL-2.1-or-later
//
// The makers of the dialects in common/DialectInfo.hpp, and what they all have in common.
#include <array>

#include "dialects/Dialect.hpp"
#include "dialects/Json.hpp"

namespace wsbridge {

std::unique_ptr<Dialect> makeWsbridgeDialect();
std::unique_ptr<Dialect> makeVonageDialect();
std::unique_ptr<Dialect> makeTwilioDialect();
std::unique_ptr<Dialect> makeAsteriskDialect();
std::unique_ptr<Dialect> makeJambonzDialect();

namespace {

/// In the order of the table.
constexpr std::array<std::unique_ptr<Dialect> (*)(), common::kDialects.size()> kMakers = {
    makeWsbridgeDialect, makeVonageDialect, makeTwilioDialect, makeAsteriskDialect,
    makeJambonzDialect};

}  // namespace

std::unique_ptr<Dialect> makeDialect(std::size_t row) {
  return kMakers[row]();
}

void Dialect::writeAudio(std::span<const uint8_t>, int64_t, std::string& out) {
  out.clear();
}

}  // namespace wsbridge
