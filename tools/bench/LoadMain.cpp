// SPDX-License-Identifier: LGPL-2.1-or-later
// wsbridge-load: SIP calls with RTP against the bridge, and what they measure.
#include <csignal>
#include <cstdio>
#include <fstream>
#include <string>

#include <sys/resource.h>

#include "LoadOptions.hpp"
#include "LoadReport.hpp"
#include "LoadRun.hpp"

namespace {

bench::LoadRun* running = nullptr;

void onSignal(int) {
  if (running != nullptr) running->interrupt();
}

}  // namespace

int main(int argc, char** argv) {
  bench::LoadOptions options;
  std::string fault;
  switch (bench::parseLoadOptions(argc, argv, options, fault)) {
    case bench::ParseResult::Help:
      std::fputs(bench::loadHelp(), stdout);
      return 0;
    case bench::ParseResult::Wrong:
      std::fprintf(stderr, "wsbridge-load: %s (--help explains the options)\n", fault.c_str());
      return 2;
    case bench::ParseResult::Run:
      break;
  }
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
  }
  bench::LoadRun run(options);
  running = &run;
  struct sigaction action {};
  action.sa_handler = onSignal;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  bench::LoadReport report;
  fault = run.run(report);
  running = nullptr;
  if (!fault.empty()) {
    std::fprintf(stderr, "wsbridge-load: %s\n", fault.c_str());
    return 1;
  }
  std::fputs(report.table(options).c_str(), stdout);
  if (!options.jsonPath.empty()) {
    std::ofstream file(options.jsonPath, std::ios::trunc);
    file << report.json(options);
    file.close();
    if (!file) {
      std::fprintf(stderr, "wsbridge-load: %s cannot be written\n", options.jsonPath.c_str());
      return 1;
    }
  }
  return report.verdict(options).empty() ? 0 : 1;
}
