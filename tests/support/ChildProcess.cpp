// SPDX-License-Identifier: LGPL-2.1-or-later
#include "ChildProcess.hpp"

#include <cstring>
#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>
#include <stdexcept>
#include <system_error>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace testsupport {
namespace {

struct Pipe {
  int fds[2] = {-1, -1};
  Pipe() {
    if (pipe2(fds, O_CLOEXEC) != 0) throw std::runtime_error("pipe failed");
  }
  ~Pipe() {
    for (const int fd : fds) {
      if (fd >= 0) close(fd);
    }
  }
  int take(int end) {
    const int fd = fds[end];
    fds[end] = -1;
    return fd;
  }
};

struct Spawned {
  pid_t pid = -1;
  int input = -1;
  int output = -1;
  int errors = -1;
};

Spawned spawn(const std::vector<std::string>& command, const ChildProcess::Options& options) {
  Pipe in;
  Pipe out;
  Pipe err;
  std::vector<char*> arguments;
  arguments.reserve(command.size() + 1);
  for (const auto& word : command)
    arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);

  std::map<std::string, std::string> variables;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    if (const char* equals = std::strchr(*entry, '='))
      variables[std::string(*entry, static_cast<size_t>(equals - *entry))] = equals + 1;
  }
  for (const auto& [name, value] : options.environment)
    variables[name] = value;
  std::vector<std::string> joined;
  joined.reserve(variables.size());
  for (const auto& [name, value] : variables)
    joined.emplace_back(name).append("=").append(value);
  std::vector<char*> environment;
  environment.reserve(joined.size() + 1);
  for (auto& entry : joined)
    environment.push_back(entry.data());
  environment.push_back(nullptr);

  Spawned result;
  const char* const directory = options.directory.empty() ? nullptr : options.directory.c_str();
  result.pid = fork();
  if (result.pid == 0) {
    // Only async-signal-safe calls here. A test that is killed must not leave its programs behind.
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(in.fds[0], 0);
    dup2(out.fds[1], 1);
    dup2(err.fds[1], 2);
    if (directory == nullptr || chdir(directory) == 0) {
      execvpe(arguments[0], arguments.data(), environment.data());
    }
    _exit(127);
  }
  if (result.pid < 0) throw std::runtime_error("cannot fork for " + command[0]);
  result.input = in.take(1);
  result.output = out.take(0);
  result.errors = err.take(0);
  return result;
}

int statusOf(int raw) {
  return WIFEXITED(raw) ? WEXITSTATUS(raw) : 128 + WTERMSIG(raw);
}

void writeAll(int fd, const std::string& text) {
  for (size_t done = 0; done < text.size();) {
    const ssize_t n = write(fd, text.data() + done, text.size() - done);
    if (n <= 0) return;
    done += static_cast<size_t>(n);
  }
}

}  // namespace

ChildProcess::ChildProcess(const std::vector<std::string>& command, const Options& options) {
  ::signal(SIGPIPE, SIG_IGN);
  const Spawned child = spawn(command, options);
  pid_ = child.pid;
  input_ = child.input;
  readers_[0] = std::thread([this, fd = child.output] { collect(fd); });
  readers_[1] = std::thread([this, fd = child.errors] { collect(fd); });
  reaper_ = std::thread([this] { reap(); });
}

ChildProcess::~ChildProcess() {
  closeInput();
  if (running()) {
    signal(SIGTERM);
    if (!waitExit(500ms)) signal(SIGKILL);
  }
  reaper_.join();
  for (auto& reader : readers_)
    reader.join();
}

void ChildProcess::collect(int fd) {
  std::string rest;
  char buffer[8192];
  for (;;) {
    // A grandchild may hold the pipe open: stop a little after the process itself has ended.
    pollfd waiting{fd, POLLIN, 0};
    const int ready = poll(&waiting, 1, 200);
    if (ready == 0) {
      if (!running()) break;
      continue;
    }
    const ssize_t n = read(fd, buffer, sizeof buffer);
    if (n <= 0) break;
    rest.append(buffer, static_cast<size_t>(n));
    const auto guard = state_.lock();
    for (size_t end = rest.find('\n'); end != std::string::npos; end = rest.find('\n')) {
      lines_.push_back(rest.substr(0, end));
      rest.erase(0, end + 1);
    }
    state_.notify();
  }
  close(fd);
  const auto guard = state_.lock();
  if (!rest.empty()) lines_.push_back(rest);
  --open_pipes_;
  state_.notify();
}

void ChildProcess::reap() {
  int raw = 0;
  // Wait without reaping first: while the zombie exists its pid cannot be given to another process.
  siginfo_t info{};
  while (waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOWAIT) != 0 && errno == EINTR) {
  }
  const auto guard = state_.lock();
  waitpid(pid_, &raw, 0);
  status_ = statusOf(raw);
  state_.notify();
}

void ChildProcess::signal(int number) const {
  const auto guard = state_.lock();
  if (!status_) kill(pid_, number);
}

void ChildProcess::writeInput(const std::string& text) {
  if (input_ >= 0) writeAll(input_, text);
}

void ChildProcess::closeInput() {
  if (input_ >= 0) close(input_);
  input_ = -1;
}

std::optional<int> ChildProcess::waitExit(Millis limit) {
  state_.waitFor([this] { return status_.has_value() && open_pipes_ == 0; }, limit);
  const auto guard = state_.lock();
  return status_;
}

bool ChildProcess::running() const {
  const auto guard = state_.lock();
  return !status_.has_value();
}

std::optional<std::string> ChildProcess::waitForLine(const std::string& pattern, Millis limit,
                                                     size_t from) const {
  const std::regex wanted(pattern);
  std::optional<std::string> found;
  size_t next = from;
  state_.waitFor(
      [&] {
        for (; next < lines_.size(); ++next) {
          if (std::regex_search(lines_[next], wanted)) {
            found = lines_[next];
            return true;
          }
        }
        return open_pipes_ == 0;
      },
      limit);
  return found;
}

std::vector<std::string> ChildProcess::lines() const {
  const auto guard = state_.lock();
  return lines_;
}

std::vector<std::string> ChildProcess::linesMatching(const std::string& pattern) const {
  const std::regex wanted(pattern);
  std::vector<std::string> found;
  for (const auto& line : lines()) {
    if (std::regex_search(line, wanted)) found.push_back(line);
  }
  return found;
}

size_t ChildProcess::lineCount() const {
  const auto guard = state_.lock();
  return lines_.size();
}

std::string ChildProcess::output() const {
  std::string all;
  for (const auto& line : lines())
    all += line + "\n";
  return all;
}

ProcessUsage ChildProcess::usage() const {
  return usageOf(pid_);
}

ProcessUsage usageOf(pid_t pid) {
  ProcessUsage usage;
  const std::string base = "/proc/" + std::to_string(pid);
  std::ifstream status(base + "/status");
  for (std::string line; std::getline(status, line);) {
    std::istringstream words(line);
    std::string key;
    words >> key;
    if (key == "Threads:") words >> usage.threads;
    if (key == "VmRSS:") words >> usage.rssKb;
  }
  std::error_code error;
  for (std::filesystem::directory_iterator entry(base + "/fd", error), end; !error && entry != end;
       entry.increment(error)) {
    ++usage.descriptors;
  }
  return usage;
}

CommandResult runCommand(const std::vector<std::string>& command, Millis limit,
                         const std::string& input) {
  ::signal(SIGPIPE, SIG_IGN);
  const Spawned child = spawn(command, {});
  CommandResult result;
  std::thread feeder([&] {
    writeAll(child.input, input);
    close(child.input);
  });
  const auto deadline = Clock::now() + limit;
  pollfd pipes[2] = {{child.output, POLLIN, 0}, {child.errors, POLLIN, 0}};
  std::string* targets[2] = {&result.output, &result.errors};
  bool late = false;
  char buffer[16384];
  while (pipes[0].fd >= 0 || pipes[1].fd >= 0) {
    const auto left = std::chrono::duration_cast<Millis>(deadline - Clock::now()).count();
    if (left <= 0 || poll(pipes, 2, static_cast<int>(left)) <= 0) {
      late = true;
      kill(child.pid, SIGKILL);
      break;
    }
    for (int i = 0; i < 2; ++i) {
      if (pipes[i].revents == 0) continue;
      const ssize_t n = read(pipes[i].fd, buffer, sizeof buffer);
      if (n > 0) {
        targets[i]->append(buffer, static_cast<size_t>(n));
      } else {
        pipes[i].fd = -1;
      }
    }
  }
  close(child.output);
  close(child.errors);
  int raw = 0;
  waitpid(child.pid, &raw, 0);
  feeder.join();
  result.status = late ? -1 : statusOf(raw);
  return result;
}

}  // namespace testsupport
