// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "ChildProcess.hpp"
#include "TempDir.hpp"

namespace e2e {

using namespace testsupport;

// One log line in text form: the event and its keys. Key `level` is the record's level.
struct LogRecord {
  std::string event;
  std::map<std::string, std::string> values;

  std::string operator[](const std::string& key) const;
  double number(const std::string& key) const;
  bool has(const std::string& key) const { return values.count(key) != 0; }
};
std::optional<LogRecord> parseRecord(const std::string& line);

// Every `reason` that a call-end may have, as docs/sip.md lists them.
const std::set<std::string>& endReasons();

// A failure for every report of a sanitizer in the output of a program.
void expectNoSanitizerReport(const ChildProcess& process);

// One running wsbridge-launcher on free ports of 127.0.0.1, with a configuration file of its own.
// It is hung up and ended with the object; not ending, a crash or a report of a sanitizer fails the
// test then. All functions may be called from any thread.
class Gateway {
 public:
  struct Options {
    std::map<std::string, std::string>
        set;               // `section.key` -> value; an empty value leaves the key out
    std::string sections;  // further text of the file, such as routes
    bool allowLoopback = true;
    std::map<std::string, std::string> variables;  // of its environment
  };

  // Throws std::runtime_error with the program's output when it does not become ready.
  Gateway() : Gateway(Options{}) {}
  explicit Gateway(const Options& options);
  ~Gateway();
  Gateway(const Gateway&) = delete;
  Gateway& operator=(const Gateway&) = delete;

  int udpPort() const { return udp_port_; }
  int tcpPort() const { return tcp_port_; }
  ChildProcess& process() { return *process_; }
  pid_t pid() const { return process_->pid(); }
  const std::string& configFile() const { return config_file_; }
  // Replaces the file; the program does not notice before SIGHUP.
  void rewrite(const Options& options);

  // The record of a call by its Call-ID.
  std::optional<LogRecord> waitRecord(const std::string& event, const std::string& callId,
                                      Millis limit) const;
  // Its last one; a reason that is not in the closed list fails the test.
  std::optional<LogRecord> waitEnd(const std::string& callId, Millis limit = 10s) const;
  std::vector<LogRecord> records(const std::string& event) const;
  std::string log() const { return process_->output(); }

  static std::string program();
  // Environment of every program of the test: a plugin registry of its own.
  static ChildProcess::Options environment();

 private:
  static std::string text(const Options& options);

  TempDir dir_{"wsbridge-e2e"};
  std::string config_file_;
  std::unique_ptr<ChildProcess> process_;
  int udp_port_ = 0;
  int tcp_port_ = 0;
};

// Base of the suites that share one launcher, started with the first test and stopped after the
// last one.
#define E2E_SHARED_GATEWAY(OPTIONS)               \
  static void SetUpTestSuite() {                  \
    gateway = std::make_unique<Gateway>(OPTIONS); \
  }                                               \
  static void TearDownTestSuite() {               \
    gateway.reset();                              \
  }                                               \
  inline static std::unique_ptr<Gateway> gateway

}  // namespace e2e
