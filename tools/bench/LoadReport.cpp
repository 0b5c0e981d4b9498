// SPDX-License-Identifier: LGPL-2.1-or-later
#include "LoadReport.hpp"

#include <algorithm>
#include <cmath>
#include <concepts>
#include <functional>
#include <iterator>
#include <ranges>
#include <utility>

#include "wire/Text.hpp"

namespace bench {

using namespace wire;
namespace {

constexpr double kEpisodeGapSeconds = 0.2;
constexpr int kEpisodesShown = 12;

using Number = unsigned long long;

class JsonObject {
 public:
  void raw(std::string_view key, std::string_view value) {
    text_ += (text_.size() > 1 ? "," : "") + jsonQuote(key) + ":" + std::string(value);
  }
  void add(std::string_view key, std::string_view value) { raw(key, jsonQuote(value)); }
  void add(std::string_view key, const char* value) { raw(key, jsonQuote(value)); }
  void add(std::string_view key, double value) { raw(key, format("%.3f", value)); }
  void add(std::string_view key, bool value) { raw(key, value ? "true" : "false"); }
  template <std::integral T>
  void add(std::string_view key, T value) {
    raw(key, std::to_string(value));
  }
  std::string text() const { return text_ + "}"; }

 private:
  std::string text_ = "{";
};

std::string summaryJson(const Summary& summary) {
  JsonObject object;
  object.add("count", summary.count);
  object.add("p50", summary.p50);
  object.add("p95", summary.p95);
  object.add("p99", summary.p99);
  object.add("max", summary.max);
  return object.text();
}

std::string row(const char* name, const std::string& value) {
  return format("  %-28s %s\n", name, value.c_str());
}

std::string summaryText(const Summary& summary) {
  if (summary.count == 0) return "no measurement";
  return format("p50 %.1f  p95 %.1f  p99 %.1f  max %.1f ms  (%zu)", summary.p50, summary.p95,
                summary.p99, summary.max, summary.count);
}

}  // namespace

unsigned LoadReport::failed() const {
  unsigned sum = endedEarly;
  for (const auto& [why, count] : failures)
    sum += count;
  return sum;
}

void TimelineResult::add(double differenceMs, double toleranceMs) {
  ++(std::abs(differenceMs) <= toleranceMs + 0.01 ? exact : wrong);
  if (std::abs(differenceMs) > std::abs(worstMs)) worstMs = differenceMs;
}

double LoadReport::callSeconds() const {
  if (!steadyEnd.valid || !steadyStart.valid) return 0;
  return established * toMs(steadyEnd.time - steadyStart.time) / 1000 +
         (churn ? churn->callSeconds : 0);
}

double LoadReport::cpuMsPerCallSecond(bool user) const {
  if (callSeconds() <= 0) return 0;
  const double used = user ? steadyEnd.userSeconds - steadyStart.userSeconds
                           : steadyEnd.systemSeconds - steadyStart.systemSeconds;
  return used * 1000 / callSeconds();
}

double LoadReport::wakeUpsPerCallSecond() const {
  if (callSeconds() <= 0) return 0;
  return static_cast<double>(steadyEnd.wakeUps - steadyStart.wakeUps) / callSeconds();
}

double LoadReport::bytesPerCall() const {
  return static_cast<double>(steadyEnd.residentBytes - before.residentBytes) /
         std::max(1u, established);
}

std::vector<LateEpisode> episodesOf(std::vector<ReceiveStatistics::Result::Late> late,
                                    const Stalls& stalls, Nanoseconds zero) {
  std::ranges::sort(late, {}, &ReceiveStatistics::Result::Late::due);
  std::vector<LateEpisode> episodes;
  for (const auto& [due, ms] : late) {
    const double at = toMs(due - zero) / 1000;
    if (episodes.empty() || at - episodes.back().lastSeconds > kEpisodeGapSeconds) {
      LateEpisode& episode = episodes.emplace_back();
      episode.fromSeconds = at;
      const auto next = std::ranges::lower_bound(stalls, due, {}, &Stall::from);
      if (next != stalls.begin()) {
        const Stall& stall = *std::prev(next);
        episode.stallMs = toMs(stall.to - stall.from);
        episode.sinceStallMs = toMs(due - stall.to);
      }
    }
    LateEpisode& episode = episodes.back();
    episode.lastSeconds = at;
    ++episode.packets;
    episode.worstMs = std::max(episode.worstMs, ms);
  }
  return episodes;
}

std::vector<std::string> LoadReport::verdict(const LoadOptions& options) const {
  std::vector<std::string> faults;
  for (const auto& [why, count] : failures)
    faults.push_back(format("%u calls failed: ", count) + why);
  if (endedEarly > 0) faults.push_back(format("%u calls were ended by the bridge", endedEarly));
  if (established > 0 && media.stream.received == 0) faults.emplace_back("no RTP came back");
  if (media.crossTalk > 0)
    faults.push_back(format("%llu bursts came back that the call had not sent (cross-talk)",
                            static_cast<Number>(media.crossTalk)));
  if (options.expectRoundTripMs) {
    const double p50 = speech.empty() ? roundTripMs.p50 : speech.front().roundTripMs;
    if (roundTripMs.count == 0 && speech.empty())
      faults.emplace_back("no round trip was measured");
    else if (p50 > *options.expectRoundTripMs)
      faults.push_back(
          format("round trip %.1f ms, at most %.1f is expected", p50, *options.expectRoundTripMs));
  }
  if (options.expectSetupMs && (setupMs.count == 0 || setupMs.p50 > *options.expectSetupMs))
    faults.push_back(
        format("set-up %.1f ms, at most %.1f is expected", setupMs.p50, *options.expectSetupMs));
  if (options.expectSetupP99Ms) {
    const double p99 = churn ? churn->setupMs.p99 : setupMs.p99;
    if (setupMs.count == 0 || p99 > *options.expectSetupP99Ms)
      faults.push_back(
          format("set-up %.1f ms (p99), at most %.1f is expected", p99, *options.expectSetupP99Ms));
  }
  if (churn && churn->failed() > 0)
    faults.push_back(format("%u of %u short calls failed", churn->failed(), churn->started));
  if (options.expectTimeline && (!timeline || timeline->wrong + timeline->missing > 0))
    faults.push_back(timeline ? format("the endpoint's time line is not that of %u calls (worst "
                                       "%+.1f ms), unknown of %u",
                                       timeline->wrong, timeline->worstMs, timeline->missing)
                              : std::string("no report of the endpoint"));
  if (options.expectNoLoss && media.stream.lost + media.burstsMissing > 0)
    faults.push_back(format("%llu packets and %llu bursts were lost",
                            static_cast<Number>(media.stream.lost),
                            static_cast<Number>(media.burstsMissing)));
  if (options.expectNoLoss && reportedLost > 0)
    faults.push_back(format("the bridge reports %lld packets of ours lost",
                            static_cast<long long>(reportedLost)));
  if (options.expectNoLate && media.stream.lateBeyondStalls() > 0)
    faults.push_back(format("%llu packets were late, the worst by %.1f ms",
                            static_cast<Number>(media.stream.lateBeyondStalls()),
                            media.stream.worstBeyondStallsMs));
  for (const SpeechResult& result : speech)
    if (options.expectCorrelation && result.likeness.correlation < *options.expectCorrelation)
      faults.push_back(format("correlation %.3f, at least %.3f is expected",
                              result.likeness.correlation, *options.expectCorrelation));
  if (burst && !burst->complete())
    faults.push_back(
        burst->heard.found
            ? format("burst: %d of %d frames in order, %d wrong (first %d), %.2f s heard",
                     burst->heard.frames, burst->frames, burst->heard.wrong,
                     burst->heard.firstWrong, burst->heard.seconds)
            : std::string("burst: nothing of it came back"));
  if (burst && options.expectGrowthMb &&
      (burst->peakBytes < 0 || burst->growthMb() > *options.expectGrowthMb))
    faults.push_back(
        format("burst: memory grew by %.2f MB beyond its audio, at most %.2f is expected",
               burst->growthMb(), *options.expectGrowthMb));
  return faults;
}

std::string LoadReport::table(const LoadOptions& options) const {
  const auto& stream = media.stream;
  std::string out =
      format("%u calls, %s, %d ms, %.1f s\n", calls, std::string(options.codec->rtpmap).c_str(),
             options.ptime, steadySeconds);
  out += row("answered / failed", format("%u / %u", established, failed()) +
                                      (cancelled > 0 ? format(" (%u cancelled)", cancelled) : ""));
  out += row("set-up, INVITE to 200", summaryText(setupMs));
  if (roundTripMs.count > 0) out += row("media round trip", summaryText(roundTripMs));
  if (roundTripMs.count > 0 && !options.oneByOne)
    out += row("  p50 at first, at last",
               format("%.1f, %.1f ms", roundTripFirstMs.p50, roundTripLastMs.p50));
  for (const SpeechResult& result : speech)
    out += row("speech round trip",
               format("%.1f ms, correlation %.3f, level %+.1f dB", result.roundTripMs,
                      result.likeness.correlation, result.likeness.levelDb));
  out += row("RTP sent / received", format("%llu / %llu", static_cast<Number>(media.sent),
                                           static_cast<Number>(stream.received)));
  if (media.withheld > 0)
    out += row("  withheld on purpose", format("%llu", static_cast<Number>(media.withheld)));
  out += row("RTP lost on the way back", format("%llu", static_cast<Number>(stream.lost)));
  out += row("RTP lost on the way there",
             reportedLost < 0 ? "no RTCP report"
                              : format("%lld (RTCP)", static_cast<long long>(reportedLost)));
  if (media.bursts > 0)
    out += row("bursts sent / missing",
               format("%llu / %llu, of them %llu while the machine was behind",
                      static_cast<Number>(media.bursts), static_cast<Number>(media.burstsMissing),
                      static_cast<Number>(media.burstsMissingByMachine)));
  out +=
      row("late by more than 5 ms", format("%llu steady, %llu in all (worst steady %.1f ms)",
                                           static_cast<Number>(stream.lateSteady),
                                           static_cast<Number>(stream.late), stream.worstLateMs));
  if (watched)
    out += row("  while the machine stood",
               format("%llu (%u times, worst %.1f ms); worst beyond that %.1f ms",
                      static_cast<Number>(stream.lateByMachine), stalls, worstStallMs,
                      stream.worstBeyondStallsMs));
  if (watched)
    out += row("  while it caught up", format("%llu (busy for %.0f %%); worst beyond that %.1f ms",
                                              static_cast<Number>(stream.lateByBacklog),
                                              100 * machineBusy, stream.worstBeyondBacklogMs));
  if (loopsWatched > 0)
    out += row("  while others had the cores",
               format("%llu (%zu loops waited %u times, %.1f s); worst beyond that %.1f ms",
                      static_cast<Number>(stream.lateByOthers), loopsWatched, loopsWaited,
                      loopsWaitedSeconds, stream.worstLateOwnMs));
  out += row("  by itself", format("%llu", static_cast<Number>(stream.lateOwn())));
  auto worst = episodes;
  std::ranges::sort(worst, std::ranges::greater{}, &LateEpisode::worstMs);
  for (const LateEpisode& episode : worst | std::views::take(kEpisodesShown))
    out += row("    episode",
               format("at %.2f s, for %.2f s: %u packets, worst %.1f ms; %.1f ms behind a stall of "
                      "%.1f ms",
                      episode.fromSeconds, episode.lastSeconds - episode.fromSeconds,
                      episode.packets, episode.worstMs, episode.sinceStallMs, episode.stallMs));
  out += row("  schedule moved at most",
             format("%.1f ms later, %.1f ms earlier", stream.movedLaterMs, stream.movedEarlierMs));
  out += row("doubled / reordered / jumps",
             format("%llu / %llu / %llu", static_cast<Number>(stream.duplicates),
                    static_cast<Number>(stream.reordered), static_cast<Number>(stream.jumps)));
  out +=
      row("foreign SSRC / address", format("%llu / %llu", static_cast<Number>(stream.foreignSsrc),
                                           static_cast<Number>(media.foreignAddress)));
  out += row("cross-talk", format("%llu", static_cast<Number>(media.crossTalk)));
  if (churn) {
    out += row("short calls", format("%u started, %u answered, %u failed", churn->started,
                                     churn->established, churn->failed()));
    out += row("  set-up", summaryText(churn->setupMs));
    out += row("  RTP received / lost", format("%llu / %llu", static_cast<Number>(churn->received),
                                               static_cast<Number>(churn->lost)));
  }
  if (timeline)
    out += row("time line at the endpoint",
               format("%u exact, %u not (worst %+.1f ms), %u unknown", timeline->exact,
                      timeline->wrong, timeline->worstMs, timeline->missing));
  out += row("own sending behind schedule", summaryText(lateSendMs));
  out += row("  by more than 5 ms", format("%llu", static_cast<Number>(lateSends)));
  if (steadySeconds > 0)
    out += row("own CPU", format("%.1f %% of a core", 100 * ownCpuSeconds / steadySeconds));
  if (burst) {
    out += row("burst frames in order",
               format("%d of %d, %d wrong, %.2f s", burst->heard.frames, burst->frames,
                      burst->heard.wrong, burst->heard.seconds));
    if (burst->peakBytes >= 0)
      out += row("burst memory",
                 format("%+.2f MB, of it audio %.2f MB, beyond it %+.2f MB",
                        static_cast<double>(burst->peakBytes - burst->baselineBytes) / 1e6,
                        static_cast<double>(burst->audioBytes) / 1e6, burst->growthMb()));
  }
  if (callSeconds() > 0) {
    out += row("bridge wake-ups", format("%.1f per call second", wakeUpsPerCallSecond()));
    out += row("bridge CPU per call second",
               format("%.2f ms user, %.2f ms system", cpuMsPerCallSecond(true),
                      cpuMsPerCallSecond(false)));
    out += row("bridge threads, descriptors",
               format("%d, %d (before %d, %d)", steadyEnd.threads, steadyEnd.descriptors,
                      before.threads, before.descriptors));
    out += row("bridge memory",
               format("%.1f MB, %.0f kB more per call than before",
                      static_cast<double>(steadyEnd.residentBytes) / 1e6, bytesPerCall() / 1e3));
    if (sizes.size() >= 3) {
      const ProcessSample& middle = sizes[sizes.size() / 2];
      out += row("  first, middle, last",
                 format("%.1f, %.1f, %.1f MB; %d, %d, %d descriptors; %d, %d, %d threads",
                        static_cast<double>(sizes.front().residentBytes) / 1e6,
                        static_cast<double>(middle.residentBytes) / 1e6,
                        static_cast<double>(sizes.back().residentBytes) / 1e6,
                        sizes.front().descriptors, middle.descriptors, sizes.back().descriptors,
                        sizes.front().threads, middle.threads, sizes.back().threads));
    }
  }
  for (const std::string& fault : verdict(options))
    out += row("NOT AS EXPECTED:", fault);
  return out;
}

std::string LoadReport::json(const LoadOptions& options) const {
  const auto& stream = media.stream;
  JsonObject root;
  root.add("codec", options.codec->rtpmap);
  root.add("ptime-ms", options.ptime);
  root.add("calls", calls);
  root.add("answered", established);
  root.add("failed", failed());
  root.add("cancelled", cancelled);
  root.add("retransmissions", retransmissions);
  JsonObject why;
  for (const auto& [reason, count] : failures)
    why.add(reason, count);
  root.raw("failures", why.text());
  root.add("steady-s", steadySeconds);
  root.raw("setup-ms", summaryJson(setupMs));
  root.raw("round-trip-ms", summaryJson(roundTripMs));
  root.raw("round-trip-first-ms", summaryJson(roundTripFirstMs));
  root.raw("round-trip-last-ms", summaryJson(roundTripLastMs));
  root.raw("own-lateness-ms", summaryJson(lateSendMs));
  root.add("own-late-sends", lateSends);
  root.add("machine-watched", watched);
  root.add("machine-stalls", stalls);
  root.add("machine-worst-stall-ms", worstStallMs);
  root.add("machine-busy", machineBusy);
  root.add("loops-waited", loopsWaited);
  root.add("loops-waited-s", loopsWaitedSeconds);
  root.add("own-cpu-share", steadySeconds > 0 ? ownCpuSeconds / steadySeconds : 0.0);
  if (churn) {
    JsonObject item;
    item.add("started", churn->started);
    item.add("answered", churn->established);
    item.add("failed", churn->failed());
    item.raw("setup-ms", summaryJson(churn->setupMs));
    item.add("call-seconds", churn->callSeconds);
    item.add("rtp-received", churn->received);
    item.add("rtp-lost", churn->lost);
    root.raw("churn", item.text());
  }
  if (timeline) {
    JsonObject item;
    item.add("exact", timeline->exact);
    item.add("wrong", timeline->wrong);
    item.add("unknown", timeline->missing);
    item.add("worst-ms", timeline->worstMs);
    root.raw("timeline", item.text());
  }
  JsonObject rtp;
  const std::pair<const char*, uint64_t> counters[] = {
      {"sent", media.sent},
      {"withheld", media.withheld},
      {"send-errors", media.sendErrors},
      {"received", stream.received},
      {"lost", stream.lost},
      {"late", stream.lateSteady},
      {"late-by-machine", stream.lateByMachine},
      {"late-by-backlog", stream.lateByBacklog},
      {"late-by-others", stream.lateByOthers},
      {"late-whole-call", stream.late},
      {"duplicates", stream.duplicates},
      {"reordered", stream.reordered},
      {"timestamp-jumps", stream.jumps},
      {"foreign-ssrc", stream.foreignSsrc},
      {"foreign-address", media.foreignAddress},
      {"other-payload", media.otherPayload},
      {"bursts", media.bursts},
      {"bursts-missing", media.burstsMissing},
      {"bursts-missing-by-machine", media.burstsMissingByMachine},
      {"bursts-unclear", media.burstsUnclear},
      {"cross-talk", media.crossTalk}};
  for (const auto& [name, value] : counters)
    rtp.add(name, value);
  rtp.add("worst-late-ms", stream.worstLateMs);
  rtp.add("worst-beyond-stalls-ms", stream.worstBeyondStallsMs);
  rtp.add("worst-beyond-backlog-ms", stream.worstBeyondBacklogMs);
  rtp.add("worst-late-own-ms", stream.worstLateOwnMs);
  rtp.add("schedule-later-ms", stream.movedLaterMs);
  rtp.add("schedule-earlier-ms", stream.movedEarlierMs);
  rtp.add("lost-reported-by-rtcp", reportedLost);
  root.raw("rtp", rtp.text());
  std::string list;
  for (const SpeechResult& result : speech) {
    JsonObject item;
    item.add("round-trip-ms", result.roundTripMs);
    item.add("correlation", result.likeness.correlation);
    item.add("level-db", result.likeness.levelDb);
    item.add("alignment-spread-samples", result.likeness.lagSpread);
    list += (list.empty() ? "" : ",") + item.text();
  }
  root.raw("speech", "[" + list + "]");
  if (burst) {
    JsonObject item;
    item.add("frames", burst->frames);
    item.add("frames-in-order", burst->heard.frames);
    item.add("frames-wrong", burst->heard.wrong);
    item.add("seconds", burst->heard.seconds);
    item.add("complete", burst->complete());
    item.add("audio-bytes", burst->audioBytes);
    item.add("baseline-bytes", burst->baselineBytes);
    item.add("peak-bytes", burst->peakBytes);
    if (burst->peakBytes >= 0) item.add("growth-beyond-audio-mb", burst->growthMb());
    root.raw("burst", item.text());
  }
  if (callSeconds() > 0) {
    JsonObject item;
    item.add("wake-ups-per-call-second", wakeUpsPerCallSecond());
    item.add("bytes-per-call", bytesPerCall());
    std::string series;
    for (const ProcessSample& size : sizes) {
      JsonObject moment;
      moment.add("at-s", toMs(size.time - steadyStart.time) / 1000);
      moment.add("resident-bytes", size.residentBytes);
      moment.add("descriptors", size.descriptors);
      moment.add("threads", size.threads);
      series += (series.empty() ? "" : ",") + moment.text();
    }
    item.raw("sizes", "[" + series + "]");
    item.add("cpu-user-ms-per-call-second", cpuMsPerCallSecond(true));
    item.add("cpu-system-ms-per-call-second", cpuMsPerCallSecond(false));
    item.add("threads", steadyEnd.threads);
    item.add("threads-before", before.threads);
    item.add("descriptors", steadyEnd.descriptors);
    item.add("descriptors-before", before.descriptors);
    item.add("resident-bytes", steadyEnd.residentBytes);
    item.add("resident-bytes-before", before.residentBytes);
    root.raw("bridge", item.text());
  }
  std::string faults;
  for (const std::string& fault : verdict(options))
    faults += (faults.empty() ? "" : ",") + jsonQuote(fault);
  root.raw("faults", "[" + faults + "]");
  return root.text() + "\n";
}

}  // namespace bench
