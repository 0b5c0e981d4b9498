// SPDX-License-Identifier: LGPL-2.1-or-later
// The command line of wsbridge-load as values. Pure.
#pragma once

#include <optional>
#include <string>

#include <netinet/in.h>

#include "wire/Codec.hpp"

namespace bench {

using namespace wire;

struct LoadOptions {
  std::string targetUri;
  sockaddr_in target{};
  std::string websocketUri, contentType, headers, dialect;
  unsigned calls = 1;
  double rate = 10;      // calls per second
  double duration = -1;  // seconds of the steady phase; −1: follows from the mode
  const Codec* codec = nullptr;
  int ptime = 20;
  std::string wavPath, recordPath, dtmf, jsonPath;
  double lossPercent = 0, jitterMs = 0;
  double churn = 0, holdSeconds = 2;  // short calls per second beside the standing ones
  std::string endpointReport;
  uint64_t seed = 1;
  int pid = 0;
  bool steps = false, burst = false, oneByOne = false;
  double cancelAfterMs = -1;
  std::optional<double> expectRoundTripMs, expectSetupMs, expectGrowthMb, expectCorrelation,
      expectSetupP99Ms;
  bool expectNoLoss = false, expectNoLate = false, expectTimeline = false;

  int burstSeconds() const;  // from the query of websocketUri, 60 without one
};

enum class ParseResult { Run, Help, Wrong };

// On Wrong `fault` says what is; on Help print loadHelp().
ParseResult parseLoadOptions(int argc, char** argv, LoadOptions& options, std::string& fault);
const char* loadHelp();

}  // namespace bench
