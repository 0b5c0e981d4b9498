// SPDX-License-Identifier: LGPL-2.1-or-later
#include "Gateway.hpp"

#include <algorithm>
#include <cstdlib>
#include <regex>
#include <stdexcept>

#include <signal.h>

#include <gtest/gtest.h>

namespace e2e {

std::string LogRecord::operator[](const std::string& key) const {
  const auto found = values.find(key);
  return found == values.end() ? std::string() : found->second;
}

double LogRecord::number(const std::string& key) const {
  return std::strtod((*this)[key].c_str(), nullptr);
}

// TIME LEVEL event key=value key="quoted \"value\"" …
std::optional<LogRecord> parseRecord(const std::string& line) {
  static const std::regex kHead(R"(^(\S+)\s+([A-Za-z]+)\s+([a-z][a-z0-9-]*)(\s|$))");
  std::smatch match;
  if (!std::regex_search(line, match, kHead)) return std::nullopt;
  LogRecord record;
  record.event = match[3];
  record.values["level"] = match[2];
  size_t at = static_cast<size_t>(match.length(0));
  while (at < line.size()) {
    const size_t equals = line.find('=', at);
    if (equals == std::string::npos) break;
    const std::string key = line.substr(at, equals - at);
    std::string value;
    at = equals + 1;
    if (at < line.size() && line[at] == '"') {
      for (++at; at < line.size() && line[at] != '"'; ++at) {
        if (line[at] == '\\' && at + 1 < line.size()) ++at;
        value.push_back(line[at]);
      }
      ++at;
    } else {
      const size_t end = std::min(line.find(' ', at), line.size());
      value = line.substr(at, end - at);
      at = end;
    }
    while (at < line.size() && line[at] == ' ')
      ++at;
    record.values[key] = value;
  }
  return record;
}

const std::set<std::string>& endReasons() {
  static const std::set<std::string> reasons = {"uri-missing",
                                                "uri-invalid",
                                                "uri-forbidden",
                                                "headers-invalid",
                                                "dialect-unknown",
                                                "authorization-invalid",
                                                "request-uri-too-long",
                                                "route-failed",
                                                "content-type-unsupported",
                                                "body-unsupported",
                                                "sdp-invalid",
                                                "address-unusable",
                                                "no-common-codec",
                                                "endpoint-refused",
                                                "endpoint-unresolved",
                                                "endpoint-tls",
                                                "endpoint-handshake",
                                                "endpoint-timeout",
                                                "too-many-calls",
                                                "too-few-descriptors",
                                                "loops-late",
                                                "loops-busy",
                                                "source-lookups",
                                                "too-many-lookups",
                                                "draining",
                                                "no-rtp-ports",
                                                "endpoint-settings",
                                                "pipeline-error",
                                                "caller-hangup",
                                                "caller-cancel",
                                                "callee-hangup",
                                                "endpoint-closed",
                                                "endpoint-hangup",
                                                "transferred",
                                                "endpoint-protocol",
                                                "endpoint-error",
                                                "endpoint-lost",
                                                "media-timeout",
                                                "max-duration",
                                                "ack-timeout",
                                                "session-expired",
                                                "dial-failed",
                                                "sip-error",
                                                "shutdown"};
  return reasons;
}

void expectNoSanitizerReport(const ChildProcess& process) {
  for (const auto& line :
       process.linesMatching("(Address|Leak|Thread)Sanitizer: |runtime error: ")) {
    ADD_FAILURE() << line << "\n" << process.output();
  }
}

std::string Gateway::program() {
  const char* path = std::getenv("WSBRIDGE_LAUNCHER");
  if (path == nullptr) throw std::runtime_error("WSBRIDGE_LAUNCHER names the program to test");
  return path;
}

ChildProcess::Options Gateway::environment() {
  static const TempDir registry("wsbridge-registry");
  ChildProcess::Options options;
  options.environment["GST_REGISTRY"] = registry.file("registry.bin");
  return options;
}

std::string Gateway::text(const Options& options) {
  std::map<std::string, std::string> values = {
      {"sip.listen", "udp:127.0.0.1:0;tcp:127.0.0.1:0"},
      {"rtp.address", "127.0.0.1"},
      {"log.level", "info"},
      {"log.format", "text"},
      // Loops that have just started may be late on a busy machine: what is about these limits sets
      // them.
      {"limits.max-loop-delay", "0"},
      {"limits.max-loop-load", "0"},
  };
  if (options.allowLoopback) values["websocket.allow"] = "127.0.0.1";
  for (const auto& [key, value] : options.set)
    values[key] = value;
  std::map<std::string, std::string> sections;
  for (const auto& [key, value] : values) {
    const size_t dot = key.find('.');
    if (!value.empty()) sections[key.substr(0, dot)] += key.substr(dot + 1) + "=" + value + "\n";
  }
  std::string file = "# made by the end-to-end tests\n";
  for (const auto& [name, body] : sections)
    file.append("[").append(name).append("]\n").append(body).append("\n");
  return file + options.sections;
}

Gateway::Gateway(const Options& options) {
  config_file_ = dir_.write("wsbridge.conf", text(options));
  ChildProcess::Options surroundings = environment();
  surroundings.environment.insert(options.variables.begin(), options.variables.end());
  process_ = std::make_unique<ChildProcess>(
      std::vector<std::string>{program(), "--config", config_file_}, surroundings);
  const auto ready = process_->waitForLine(R"(^\S+\s+\S+\s+ready\b)", 20s);
  const auto record = ready ? parseRecord(*ready) : std::nullopt;
  if (!record) throw std::runtime_error("the launcher is not ready:\n" + process_->output());
  const std::string bound = (*record)["sip"];
  std::smatch match;
  if (std::regex_search(bound, match, std::regex(R"(udp:[^,]*:(\d+))")))
    udp_port_ = std::stoi(match[1]);
  if (std::regex_search(bound, match, std::regex(R"(tcp:[^,]*:(\d+))")))
    tcp_port_ = std::stoi(match[1]);
  if (udp_port_ == 0) throw std::runtime_error("no UDP address in the ready line: " + *ready);
}

// Leaks are looked for when a program ends by itself, so it is not just killed.
Gateway::~Gateway() {
  if (!process_) return;
  process_->signal(SIGINT);
  const auto status = process_->waitExit(10s);
  EXPECT_TRUE(status.has_value()) << "still there after the interrupt\n" << log();
  EXPECT_LT(status.value_or(0), 128) << "ended by a signal\n" << log();
  expectNoSanitizerReport(*process_);
}

void Gateway::rewrite(const Options& options) {
  dir_.write("wsbridge.conf", text(options));
}

std::optional<LogRecord> Gateway::waitRecord(const std::string& event, const std::string& callId,
                                             Millis limit) const {
  // A Call-ID of the tests holds no character that is special in a regular expression but the full
  // stop.
  const auto line = process_->waitForLine(R"(^\S+\s+\S+\s+)" + event + R"(\b.*\b)" + callId, limit);
  return line ? parseRecord(*line) : std::nullopt;
}

std::optional<LogRecord> Gateway::waitEnd(const std::string& callId, Millis limit) const {
  auto record = waitRecord("call-end", callId, limit);
  if (record) {
    EXPECT_EQ(endReasons().count((*record)["reason"]), 1U)
        << (*record)["reason"] << " is not in the closed list of docs/sip.md";
  }
  return record;
}

std::vector<LogRecord> Gateway::records(const std::string& event) const {
  std::vector<LogRecord> found;
  for (const auto& line : process_->lines()) {
    auto record = parseRecord(line);
    if (record && record->event == event) found.push_back(std::move(*record));
  }
  return found;
}

}  // namespace e2e
