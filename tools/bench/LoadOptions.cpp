// SPDX-License-Identifier: LGPL-2.1-or-later
#include "LoadOptions.hpp"

#include <array>
#include <cstdlib>
#include <functional>
#include <string_view>

#include "wire/Text.hpp"

namespace bench {

using namespace wire;
namespace {

bool toNumber(const std::string& text, double least, double most, double& value) {
  char* end = nullptr;
  const double parsed = std::strtod(text.c_str(), &end);
  if (text.empty() || *end != '\0' || !(parsed >= least && parsed <= most)) return false;
  value = parsed;
  return true;
}

struct Option {
  std::string_view name;
  bool hasValue;
  std::function<bool(LoadOptions&, const std::string&)> set;
};

using Value = const std::string&;

Option text(std::string_view name, std::string LoadOptions::*member) {
  return {name, true, [member](LoadOptions& o, Value v) {
            o.*member = v;
            return true;
          }};
}

template <typename T>
Option number(std::string_view name, T LoadOptions::*member, double least, double most) {
  return {name, true, [=](LoadOptions& o, Value v) {
            double value = 0;
            if (!toNumber(v, least, most, value)) return false;
            o.*member = static_cast<T>(value);
            return true;
          }};
}

Option limit(std::string_view name, std::optional<double> LoadOptions::*member) {
  return {name, true, [=](LoadOptions& o, Value v) {
            double value = 0;
            if (!toNumber(v, -1e9, 1e9, value)) return false;
            o.*member = value;
            return true;
          }};
}

Option flag(std::string_view name, bool LoadOptions::*member) {
  return {name, false, [member](LoadOptions& o, Value) {
            o.*member = true;
            return true;
          }};
}

bool setTarget(LoadOptions& options, Value value) {
  std::string_view rest = value;
  if (!rest.starts_with("sip:")) return false;
  rest = rest.substr(4, rest.find(';') - 4);
  if (const size_t at = rest.find('@'); at != std::string_view::npos) rest = rest.substr(at + 1);
  std::string address(rest);
  if (address.find(':') == std::string::npos) address += ":5060";
  options.targetUri = value;
  return parseAddress(address, options.target);
}

const std::array kOptions = {
    Option{"--target", true, setTarget},
    text("--websocket-uri", &LoadOptions::websocketUri),
    text("--content-type", &LoadOptions::contentType),
    text("--headers", &LoadOptions::headers),
    text("--dialect", &LoadOptions::dialect),
    number("--calls", &LoadOptions::calls, 1, 800),
    number("--rate", &LoadOptions::rate, 0.1, 1000),
    number("--duration", &LoadOptions::duration, 0, 86400),
    Option{"--codec", true,
           [](LoadOptions& o, Value v) { return (o.codec = findCodec(v)) != nullptr; }},
    Option{"--ptime", true,
           [](LoadOptions& o, Value v) {
             o.ptime = std::atoi(v.c_str());
             return o.ptime == 10 || o.ptime == 20 || o.ptime == 30 || o.ptime == 40;
           }},
    text("--wav", &LoadOptions::wavPath),
    text("--record", &LoadOptions::recordPath),
    Option{"--dtmf", true,
           [](LoadOptions& o, Value v) {
             o.dtmf = v;
             return v.find_first_not_of("0123456789*#ABCD") == std::string::npos;
           }},
    text("--json", &LoadOptions::jsonPath),
    number("--loss", &LoadOptions::lossPercent, 0, 100),
    number("--jitter", &LoadOptions::jitterMs, 0, 1000),
    number("--churn", &LoadOptions::churn, 0, 500),
    number("--hold", &LoadOptions::holdSeconds, 0.1, 3600),
    text("--endpoint-report", &LoadOptions::endpointReport),
    number("--seed", &LoadOptions::seed, 0, 1e15),
    number("--pid", &LoadOptions::pid, 1, 1e9),
    number("--cancel-after", &LoadOptions::cancelAfterMs, 0, 1e6),
    Option{"--mode", true,
           [](LoadOptions& o, Value v) {
             o.burst = v == "burst";
             return o.burst || v == "echo";
           }},
    flag("--steps", &LoadOptions::steps),
    flag("--one-by-one", &LoadOptions::oneByOne),
    limit("--expect-rtt-p50", &LoadOptions::expectRoundTripMs),
    limit("--expect-setup-p50", &LoadOptions::expectSetupMs),
    limit("--expect-growth-mb", &LoadOptions::expectGrowthMb),
    limit("--expect-correlation", &LoadOptions::expectCorrelation),
    limit("--expect-setup-p99", &LoadOptions::expectSetupP99Ms),
    flag("--expect-timeline", &LoadOptions::expectTimeline),
    flag("--expect-no-loss", &LoadOptions::expectNoLoss),
    flag("--expect-no-late", &LoadOptions::expectNoLate),
};

constexpr const char* kHelp =
    R"(Usage: wsbridge-load --target sip:ADDR:PORT [option…]

Makes SIP calls over UDP to a bridge, sends RTP and measures what its WebSocket endpoint sends back.

The calls
  --target URI           whom to call, such as sip:echo@127.0.0.1:5060 (IPv4 address)
  --websocket-uri URI    P-wsbridge-websocket-uri; without it a route of the bridge must supply one
  --content-type TYPE    P-wsbridge-websocket-content-type, such as audio/l16;rate=8000
  --headers JSON         P-wsbridge-websocket-headers
  --dialect NAME         P-wsbridge-websocket-dialect
  --calls N              at once, 1 to 800 (1)
  --rate CPS             new calls per second (10)
  --duration SECONDS     how long all calls stand together (10; with --wav its length and a second)
  --churn CPS            on top of the standing calls, start so many short ones per second
  --hold SECONDS         how long each of those stands (2)
  --one-by-one           the calls follow each other, each stands for the duration
  --cancel-after MS      CANCEL each call that is not answered by then
The audio
  --codec NAME           pcmu (default), pcma or l16 (L16/16000)
  --ptime MS             10, 20 (default), 30 or 40
  --wav FILE             send this speech (PCM, 16 bit, mono) instead of measuring bursts; what comes
                         back is compared with it by cross-correlation
  --record FILE          the first call's returned audio as WAV
  --dtmf DIGITS          keys pressed one second into each call (RFC 4733)
  --loss PERCENT         packets withheld on purpose
  --jitter MS            packets delayed on purpose by up to so much
  --endpoint-report FILE what wsbridge-echo --report writes: the audio that the endpoint has received
                         of each call is compared with what was sent
  --seed N               of the bursts, loss and jitter (1)
  --mode burst           one silent call to a /burst?seconds=N endpoint: all of it must come back in order
The report
  --steps                tell the first call step by step
  --json FILE            everything as JSON
  --pid PID              the bridge's process: CPU, threads, descriptors and memory per call
  --expect-rtt-p50 MS, --expect-setup-p50 MS, --expect-setup-p99 MS, --expect-no-loss,
  --expect-no-late, --expect-timeline, --expect-correlation R, --expect-growth-mb MB
                         limits; exit status 1 when one is broken or a call failed
  --help

How the round trip is measured: each call sends bursts of 10 ms on silence, their spacing and pitch drawn from the seed
and the number of the call. The same detector finds them in what is sent and in what comes back; sample
positions are placed on the clock by the time of sendto() and the kernel's receive stamp of the packet
they are in. Codec and resampler delay of the bridge are part of the figure. A burst that matches none
of the call's own counts as cross-talk. Late: more than 5 ms behind first packet + time stamp, where the
start is the median over the whole call.
)";

}  // namespace

int LoadOptions::burstSeconds() const {
  const size_t at = websocketUri.find("seconds=");
  return at == std::string::npos ? 60 : std::atoi(websocketUri.c_str() + at + 8);
}

const char* loadHelp() {
  return kHelp;
}

ParseResult parseLoadOptions(int argc, char** argv, LoadOptions& options, std::string& fault) {
  options.codec = findCodec("pcmu");
  for (int i = 1; i < argc; ++i) {
    const std::string_view name = argv[i];
    if (name == "--help") return ParseResult::Help;
    const Option* found = nullptr;
    for (const Option& option : kOptions)
      if (option.name == name) found = &option;
    if (found == nullptr) {
      fault = "unknown option " + std::string(name);
      return ParseResult::Wrong;
    }
    if (found->hasValue && i + 1 == argc) {
      fault = std::string(name) + " needs a value";
      return ParseResult::Wrong;
    }
    const std::string value = found->hasValue ? argv[++i] : "";
    if (!found->set(options, value)) {
      fault = std::string(name) + ": '" + value + "' is not possible";
      return ParseResult::Wrong;
    }
  }
  if (options.targetUri.empty()) fault = "--target is missing";
  if (options.burst && options.calls != 1) fault = "--mode burst takes one call";
  if (options.burst && (options.burstSeconds() < 1 || options.burstSeconds() > 3600))
    fault = "seconds= in --websocket-uri must be 1 to 3600";
  if (options.churn > 0 && (options.burst || options.oneByOne))
    fault = "--churn needs standing calls";
  if (options.burst && !options.wavPath.empty())
    fault = "--wav and --mode burst exclude each other";
  return fault.empty() ? ParseResult::Run : ParseResult::Wrong;
}

}  // namespace bench
