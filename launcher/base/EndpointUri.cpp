// SPDX-License-Identifier: LGPL-2.1-or-later
#include "base/EndpointUri.hpp"

#include <algorithm>
#include <array>

#include "base/Text.hpp"
#include "common/WsUri.hpp"

namespace launcher {

using wsbridge::common::WsUri;

namespace {

constexpr std::size_t kMaxUri = 2048;
constexpr std::size_t kMaxUris = 8;

bool startsUri(std::string_view text) {
  constexpr std::array kSchemes = {"ws://", "wss://", "http://", "https://"};
  const std::string start = text::lower(text::trim(text.substr(0, 32)));
  return std::any_of(kSchemes.begin(), kSchemes.end(),
                     [&](const char* scheme) { return start.starts_with(scheme); });
}

}  // namespace

Result<EndpointUri> parseEndpointUri(const std::string& given) {
  if (given.size() > kMaxUri) return Failure{"is longer than 2048 bytes"};
  auto parsed = WsUri::parse(given);
  if (auto* fault = std::get_if<std::string>(&parsed)) return Failure{std::move(*fault)};
  auto& uri = std::get<WsUri>(parsed);
  return EndpointUri{std::move(uri.text), std::move(uri.host), uri.port};
}

std::vector<std::string> splitEndpointUris(std::string_view value) {
  std::vector<std::string> uris;
  std::size_t start = 0;
  for (std::size_t i = 0; i < value.size(); ++i) {
    if (value[i] != ',' || !startsUri(value.substr(i + 1))) continue;
    uris.push_back(text::trim(value.substr(start, i - start)));
    start = i + 1;
  }
  uris.push_back(text::trim(value.substr(start)));
  return uris;
}

Result<std::vector<EndpointUri>> parseEndpointUris(std::string_view value) {
  const std::vector<std::string> given = splitEndpointUris(value);
  if (given.size() > kMaxUris) return Failure{"names more than 8 endpoints"};
  std::vector<EndpointUri> uris;
  for (const std::string& uri : given) {
    auto parsed = parseEndpointUri(uri);
    if (!parsed) {
      const std::string place = "at place " + std::to_string(uris.size() + 1) + " ";
      return Failure{(given.size() == 1 ? "" : place) + parsed.error()};
    }
    uris.push_back(*std::move(parsed));
  }
  return uris;
}

}  // namespace launcher
