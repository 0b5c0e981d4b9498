// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <map>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <sys/types.h>

#include "Waiting.hpp"

namespace testsupport {

// What /proc says about a process.
struct ProcessUsage {
  int threads = 0;
  int descriptors = 0;
  long rssKb = 0;
};

// Owns one child process and two threads that collect its output line by line. It is killed (and
// waited for) when the object goes. All functions may be called from any thread, except the
// destructor.
class ChildProcess {
 public:
  struct Options {
    std::map<std::string, std::string> environment;  // added to ours
    std::string directory;                           // empty: ours
  };

  // Throws std::runtime_error when there can be no process; a program that cannot be run exits with
  // 127.
  explicit ChildProcess(const std::vector<std::string>& command)
      : ChildProcess(command, Options{}) {}
  ChildProcess(const std::vector<std::string>& command, const Options& options);
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  pid_t pid() const { return pid_; }
  void signal(int number) const;
  void writeInput(const std::string& text);
  void closeInput();

  // Exit status, or 128 + signal number. Empty when it still runs after the limit.
  std::optional<int> waitExit(Millis limit);
  bool running() const;

  // The first line of standard error or output, from line number `from` on, that contains a match
  // of the regular expression (ECMAScript). Empty when none came within the limit or the process
  // ended without one.
  std::optional<std::string> waitForLine(const std::string& pattern, Millis limit,
                                         size_t from = 0) const;
  std::vector<std::string> lines() const;
  std::vector<std::string> linesMatching(const std::string& pattern) const;
  size_t lineCount() const;
  std::string output() const;  // all lines, for failure messages

  ProcessUsage usage() const;

 private:
  void collect(int fd);
  void reap();

  pid_t pid_ = -1;
  int input_ = -1;
  Monitor state_;
  std::vector<std::string> lines_;
  int open_pipes_ = 2;
  std::optional<int> status_;
  std::thread readers_[2];
  std::thread reaper_;
};

ProcessUsage usageOf(pid_t pid);

struct CommandResult {
  int status = -1;
  std::string output;  // standard output, binary safe
  std::string errors;
};

// Runs a short command to its end (killed at the limit, status -1).
CommandResult runCommand(const std::vector<std::string>& command, Millis limit,
                         const std::string& input = {});

}  // namespace testsupport
