// SPDX-License-Identifier: LGPL-2.1-or-later
// wsbridge-floor: SIP and RTP to WebSocket with nothing but system calls, to compare the gateway
// with.
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>

#include <sys/resource.h>

#include "FloorRelay.hpp"
#include "wire/Text.hpp"

namespace {

bench::FloorRelay* running = nullptr;

void onSignal(int) {
  if (running != nullptr) running->stop();
}

constexpr const char* kHelp =
    "Usage: wsbridge-floor [--listen ADDR:PORT] [--loops N] [--gather MS]\n\n"
    "Takes the calls of wsbridge-load (PCMU, PCMA or L16/16000 in packets of 20 ms), opens the\n"
    "WebSocket that P-wsbridge-websocket-uri names (ws:// and an IPv4 address) and relays 16 kHz\n"
    "audio both ways: one epoll thread per core, one system call per packet, no library.\n"
    "--gather: how long a thread sleeps at least between two wake-ups (1, as the gateway's do).\n"
    "What it costs is the least that the gateway could cost; see docs/performance.md.\n\n"
    "Prints 'listening ADDR:PORT' when it is ready (port 0 takes any free one); SIGTERM ends it.\n";

}  // namespace

int main(int argc, char** argv) {
  std::string where = "127.0.0.1:0";
  auto loops = static_cast<long>(std::max(1u, std::thread::hardware_concurrency()));
  double gatherMs = 1;
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--listen") == 0 && i + 1 < argc) {
      where = argv[++i];
    } else if (std::strcmp(argv[i], "--loops") == 0 && i + 1 < argc) {
      loops = std::strtol(argv[++i], nullptr, 10);
    } else if (std::strcmp(argv[i], "--gather") == 0 && i + 1 < argc) {
      gatherMs = std::strtod(argv[++i], nullptr);
    } else if (std::strcmp(argv[i], "--help") == 0) {
      std::fputs(kHelp, stdout);
      return 0;
    } else {
      std::fprintf(stderr, "wsbridge-floor: unknown argument %s\n%s", argv[i], kHelp);
      return 2;
    }
  }
  sockaddr_in address{};
  if (!wire::parseAddress(where, address) || loops < 1 || loops > 64 ||
      !(gatherMs >= 0 && gatherMs <= 20)) {
    std::fprintf(stderr,
                 "wsbridge-floor: --listen takes ADDR:PORT, --loops 1 to 64, --gather 0 to 20\n");
    return 2;
  }
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
  }
  bench::FloorRelay relay;
  const std::string fault = relay.listen(address, static_cast<unsigned>(loops),
                                         static_cast<bench::Nanoseconds>(gatherMs * 1e6));
  if (!fault.empty()) {
    std::fprintf(stderr, "wsbridge-floor: %s: %s\n", where.c_str(), fault.c_str());
    return 1;
  }
  running = &relay;
  struct sigaction action {};
  action.sa_handler = onSignal;
  sigaction(SIGTERM, &action, nullptr);
  sigaction(SIGINT, &action, nullptr);
  std::printf("listening %s\n", wire::addressText(relay.address()).c_str());
  std::fflush(stdout);
  relay.run();
  running = nullptr;
  return 0;
}
