// SPDX-License-Identifier: LGPL-2.1-or-later
#include "Figures.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>

#include "TimeScale.hpp"
#include "wire/SipMessage.hpp"

namespace e2e {
namespace {

constexpr auto kPace = 12ms;
constexpr auto kLastAnswers = 2s;

}  // namespace

double longestGap(const std::vector<RtpPacket>& packets) {
  double longest = 0;
  for (size_t i = 1; i < packets.size(); ++i) {
    // A sanitized program takes several times as long, and its test may miss what is sent to it.
    if (!kSanitized) {
      EXPECT_EQ(static_cast<uint16_t>(packets[i].sequence - packets[i - 1].sequence), 1);
      EXPECT_EQ(packets[i].timestamp - packets[i - 1].timestamp, 160U);
    }
    longest = std::max(longest, millisBetween(packets[i - 1].at, packets[i].at));
  }
  return longest;
}

void expectSteadyRtp(const std::vector<RtpPacket>& packets) {
  ASSERT_GT(packets.size(), 50U);
  // Others may use the machine as well; what the loop itself is late is asked of it.
  EXPECT_LT(longestGap(packets), 250 * kTimeScale) << "a gap in the good call";
}

double quantile(std::vector<double> values, double share) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const auto at = static_cast<size_t>(share * static_cast<double>(values.size()));
  return values[std::min(at, values.size() - 1)];
}

CoreDelay::CoreDelay(pid_t pid) {
  const std::string tasks = "/proc/" + std::to_string(pid) + "/task";
  for (const auto& task : std::filesystem::directory_iterator(tasks)) {
    std::ifstream file(task.path() / "comm");
    std::string name;
    if (std::getline(file, name) && name == "sip") path_ = task.path() / "schedstat";
  }
  EXPECT_FALSE(path_.empty()) << "the gateway has no thread of the name sip";
}

double CoreDelay::ms() const {
  std::ifstream file(path_);
  double run = 0;
  double waited = 0;
  file >> run >> waited;
  return waited / 1e6;
}

MissedTicks missedTicks(const Gateway& gateway) {
  MissedTicks missed;
  for (const LogRecord& record : gateway.records("loop-missed")) {
    missed.all += record.number("ticks");
    missed.own += record.number("own");
  }
  return missed;
}

// sl local_address … drops, as proc(5) has it; addresses and ports are hexadecimal.
unsigned long droppedAt(const Gateway& gateway) {
  char port[8];
  std::snprintf(port, sizeof port, ":%04X", static_cast<unsigned>(gateway.udpPort()));
  std::ifstream file("/proc/net/udp");
  unsigned long sum = 0;
  for (std::string line; std::getline(file, line);) {
    std::istringstream fields(line);
    std::string number;
    std::string local;
    std::string last;
    fields >> number >> local;
    while (fields >> number)
      last = number;
    if (local.ends_with(port) && !last.empty()) sum += std::stoul(last);
  }
  return sum;
}

OptionsProbe::OptionsProbe(const Gateway& gateway, const std::string& host)
    : socket_(gateway.udpPort(), host), core_delay_(gateway.pid()) {
  thread_ = std::thread([this] { run(); });
}

OptionsProbe::~OptionsProbe() {
  stopping_ = true;
  if (thread_.joinable()) thread_.join();
}

OptionsProbe::Report OptionsProbe::finish() {
  stopping_ = true;
  thread_.join();
  report_.lost = open_.size();
  return report_;
}

void OptionsProbe::take() {
  std::string bytes = socket_.receive(1ms).value_or("");
  const auto now = Clock::now();
  const auto answer = takeSipMessage(bytes);
  if (!answer) return;
  const auto found = open_.find(answer->header("Call-ID"));
  if (found == open_.end()) return;
  const double raw = millisBetween(found->second.at, now);
  const double without = core_delay_.ms() - found->second.coreDelay;
  report_.ms.push_back(std::max(0.0, raw - without));
  report_.rawWorst = std::max(report_.rawWorst, raw);
  EXPECT_EQ(answer->status, 200) << "others are answered as ever";
  open_.erase(found);
}

void OptionsProbe::run() {
  // Another probe's request by the same name would be taken for its retransmission.
  static std::atomic<unsigned> probes{0};
  const std::string name = "probe-" + std::to_string(probes++) + "-";
  auto next = Clock::now();
  while (!stopping_) {
    if (Clock::now() >= next) {
      const std::string id = name + std::to_string(report_.asked++);
      const double delay = core_delay_.ms();
      open_[id] = {Clock::now(), delay};
      socket_.send(Strange{.method = "OPTIONS", .id = id}.text());
      next = std::max(next + kPace, Clock::now());
    }
    take();
  }
  const auto end = Clock::now() + stretched(kLastAnswers);
  while (!open_.empty() && Clock::now() < end)
    take();
}

}  // namespace e2e
