// SPDX-License-Identifier: LGPL-2.1-or-later
// wsbridge-echo: a bare WebSocket endpoint to measure the bridge against.
#include <csignal>
#include <cstdio>
#include <cstring>
#include <string>

#include <sys/resource.h>

#include "EchoServer.hpp"
#include "Priority.hpp"
#include "wire/Text.hpp"

namespace {

bench::EchoServer* running = nullptr;

void onSignal(int) {
  if (running != nullptr) running->stop();
}

constexpr const char* kHelp =
    "Usage: wsbridge-echo --listen ADDR:PORT [--verbose] [--report FILE]\n\n"
    "A WebSocket endpoint for tests and benchmarks; one thread, any number of connections.\n"
    "Prints 'listening ADDR:PORT' when it is ready (port 0 takes any free one); SIGTERM ends "
    "it.\n\n"
    "What the path of the URI asks for:\n"
    "  /echo, any other           every BINARY message is sent back at once\n"
    "  /burst?seconds=N           N seconds of numbered audio at once after the first message\n"
    "         &message=BYTES      in messages of so many bytes (default: 20 ms of audio)\n"
    "  /tone                      440 Hz in real time\n\n"
    "  --verbose                  each connection's first TEXT message and counters on stderr\n"
    "  --report FILE              a line of JSON for each connection that ends\n";

}  // namespace

int main(int argc, char** argv) {
  std::string where = "127.0.0.1:0";
  std::string report;
  bool verbose = false;
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--listen") == 0 && i + 1 < argc) {
      where = argv[++i];
    } else if (std::strcmp(argv[i], "--verbose") == 0) {
      verbose = true;
    } else if (std::strcmp(argv[i], "--report") == 0 && i + 1 < argc) {
      report = argv[++i];
    } else if (std::strcmp(argv[i], "--help") == 0) {
      std::fputs(kHelp, stdout);
      return 0;
    } else {
      std::fprintf(stderr, "wsbridge-echo: unknown argument %s\n%s", argv[i], kHelp);
      return 2;
    }
  }
  sockaddr_in address{};
  if (!wire::parseAddress(where, address)) {
    std::fprintf(stderr, "wsbridge-echo: %s is not ADDR:PORT\n", where.c_str());
    return 2;
  }
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
  }
  bench::raisePriority(bench::kOtherMachine);
  bench::EchoServer server(verbose, report);
  const std::string fault = server.listen(address);
  if (!fault.empty()) {
    std::fprintf(stderr, "wsbridge-echo: %s: %s\n", where.c_str(), fault.c_str());
    return 1;
  }
  running = &server;
  struct sigaction action {};
  action.sa_handler = onSignal;
  sigaction(SIGTERM, &action, nullptr);
  sigaction(SIGINT, &action, nullptr);
  std::printf("listening %s\n", wire::addressText(server.address()).c_str());
  std::fflush(stdout);
  server.run();
  running = nullptr;
  return 0;
}
