// SPDX-License-Identifier: LGPL-2.1-or-later
// What a run has measured, as a table for people, as JSON for programs, and as a verdict. Pure
// values.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "ChurnCalls.hpp"
#include "LoadOptions.hpp"
#include "MediaSession.hpp"
#include "NumberedAudio.hpp"
#include "ProcessSample.hpp"
#include "Statistics.hpp"

namespace bench {

struct SpeechResult {
  double roundTripMs = 0;
  Likeness likeness;
};

struct BurstResult {
  int frames = 0;  // that were asked for
  NumberedResult heard;
  int64_t audioBytes = 0;  // at the rate of the content type
  int64_t baselineBytes = -1, peakBytes = -1;

  bool complete() const {
    return heard.found && heard.wrong == 0 && heard.seconds < frames / 50.0 + 0.02;
  }
  double growthMb() const {  // beyond the audio itself
    return static_cast<double>(peakBytes - baselineBytes - audioBytes) / 1e6;
  }
};

// What the endpoint received of each call against what was sent of it.
struct TimelineResult {
  unsigned exact = 0, wrong = 0, missing = 0;  // exact: within one packet
  double worstMs = 0;                          // received − sent where it differs most

  void add(double differenceMs, double toleranceMs);
};

// Packets that were late by themselves at about the same time.
struct LateEpisode {
  double fromSeconds = 0, lastSeconds = 0;  // since all calls stood
  unsigned packets = 0;
  double worstMs = 0;
  double stallMs = 0;       // of the machine, the last before it; 0 without any
  double sinceStallMs = 0;  // from that stall's end
};
std::vector<LateEpisode> episodesOf(std::vector<ReceiveStatistics::Result::Late> late,
                                    const Stalls& stalls, Nanoseconds zero);

struct LoadReport {
  unsigned calls = 0, established = 0, endedEarly = 0, cancelled = 0, retransmissions = 0;
  std::map<std::string, unsigned> failures;  // by status and reason
  double steadySeconds = 0;
  Summary setupMs, roundTripMs, lateSendMs;
  Summary roundTripFirstMs,
      roundTripLastMs;     // first and last minute, or third, of the steady phase
  uint64_t lateSends = 0;  // own packets sent more than 5 ms behind schedule
  bool watched = false;    // whether stalls of the machine were looked for
  unsigned stalls = 0;     // of the machine, in the steady phase
  double worstStallMs = 0;
  size_t loopsWatched = 0;
  unsigned loopsWaited = 0;  // times that all of them wanted to run and others had the cores
  double loopsWaitedSeconds = 0;
  double machineBusy = 0;    // share of its time, 0 to 1
  double ownCpuSeconds = 0;  // of the generator, in the steady phase
  MediaResults media;        // summed up; the worst lateness is the worst of all
  int64_t reportedLost = -1;
  std::vector<SpeechResult> speech;
  std::optional<BurstResult> burst;
  std::optional<ChurnResult> churn;
  std::optional<TimelineResult> timeline;
  std::vector<LateEpisode> episodes;  // in order of time
  ProcessSample before, steadyStart, steadyEnd;
  std::vector<ProcessSample> sizes;  // of the steady phase, at even intervals

  unsigned failed() const;
  double callSeconds() const;  // between the two samples, those of the churn included
  double cpuMsPerCallSecond(bool user) const;
  double wakeUpsPerCallSecond() const;
  double bytesPerCall() const;
  // One line for each expectation that does not hold; empty when all is well.
  std::vector<std::string> verdict(const LoadOptions& options) const;
  std::string table(const LoadOptions& options) const;
  std::string json(const LoadOptions& options) const;
};

}  // namespace bench
