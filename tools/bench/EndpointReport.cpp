// SPDX-License-Identifier: LGPL-2.1-or-later
#include "EndpointReport.hpp"

#include <cstdlib>
#include <fstream>
#include <iterator>

#include "wire/Text.hpp"

namespace bench {

using namespace wire;
namespace {

double numberOf(std::string_view line, std::string_view key) {
  std::string member("\"");
  member.append(key).append("\":");
  const size_t at = line.find(member);
  if (at == std::string_view::npos) return -1;
  return std::strtod(std::string(line.substr(at + member.size(), 24)).c_str(), nullptr);
}

}  // namespace

std::string labelUri(const std::string& uri, std::string_view run, unsigned index) {
  return uri + (uri.find('?') == std::string::npos ? "?" : "&") + "call=" + std::string(run) +
         format("-%u", index);
}

std::map<unsigned, double> parseEndpointReport(std::string_view text, std::string_view run) {
  std::map<unsigned, double> result;
  const std::string key = "call=" + std::string(run) + "-";
  while (!text.empty()) {
    const size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    const size_t at = line.find(key);
    const double bytes = numberOf(line, "bytes");
    const double rate = numberOf(line, "rate");
    if (at == std::string_view::npos || bytes < 0 || rate <= 0) continue;
    const auto index =
        std::strtoul(std::string(line.substr(at + key.size(), 10)).c_str(), nullptr, 10);
    result[static_cast<unsigned>(index)] += bytes * 1000 / 2 / rate;
  }
  return result;
}

std::map<unsigned, double> readEndpointReport(const std::string& path, std::string_view run) {
  std::ifstream file(path);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  return parseEndpointReport(text, run);
}

}  // namespace bench
