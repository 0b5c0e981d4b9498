// SPDX-License-Identifier: LGPL-2.1-or-later
// What happens when the machine carries no further call: 503 with the limit's name, before the
// calls in progress suffer, and new calls again as soon as there is room.
#include <csignal>
#include <cstdlib>
#include <memory>
#include <vector>

#include <gtest/gtest.h>

#include "Phone.hpp"
#include "SoupEndpoint.hpp"
#include "Stranger.hpp"
#include "TempDir.hpp"

namespace e2e {
namespace {

struct Limit {
  std::string label;
  std::string key;
  std::string reason;  // text of the Reason header
};

const Limit kDescriptors{"too-few-descriptors", "LimitNOFILE", "Too few file descriptors"};
const Limit kPorts{"no-rtp-ports", "rtp.port-range", "No free RTP port"};
const Limit kCalls{"too-many-calls", "limits.max-calls", "Too many calls"};
const Limit kLate{"loops-late", "limits.max-loop-delay", "Media loops are late"};
const Limit kBusy{"loops-busy", "limits.max-loop-load", "Media loops are busy"};

// Another program in the environment for as long as it lives.
class OtherProgram {
 public:
  explicit OtherProgram(const std::string& path) : before_(Gateway::program()) {
    setenv("WSBRIDGE_LAUNCHER", path.c_str(), 1);
  }
  ~OtherProgram() { setenv("WSBRIDGE_LAUNCHER", before_.c_str(), 1); }
  OtherProgram(const OtherProgram&) = delete;
  OtherProgram& operator=(const OtherProgram&) = delete;

 private:
  std::string before_;
};

// The refusal as the caller, the call's record and the operator see it.
void expectRefused(const Gateway& gateway, Phone& phone, const Limit& limit) {
  const auto answer = phone.sip().waitFinal(5s);
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->status, 503);
  EXPECT_FALSE(answer->header("Retry-After").empty());
  EXPECT_EQ(headerParameter(answer->header("Reason"), "cause"), "503");
  EXPECT_EQ(headerParameter(answer->header("Reason"), "text"), "\"" + limit.reason + "\"");
  EXPECT_NE(answer->header("Warning").find(limit.key), std::string::npos)
      << answer->header("Warning");
  const auto end = gateway.waitEnd(phone.callId());
  ASSERT_TRUE(end.has_value());
  EXPECT_EQ((*end)["reason"], limit.label);
  EXPECT_EQ((*end)["status"], "503");
  const auto told = gateway.records("call-refused");
  ASSERT_FALSE(told.empty());
  EXPECT_EQ(told.front()["limit"], limit.label);
  EXPECT_EQ(told.front()["key"], limit.key);
  EXPECT_EQ(told.front()["level"], "warning");
}

void expectGoesOn(Phone& phone) {
  phone.rtp().forget();
  EXPECT_TRUE(phone.rtp().waitReceived(25, 3s)) << "a call in progress suffers";
}

// By UDP the door answers OPTIONS, by TCP the stack.
void expectOptions(const Gateway& gateway, const Limit* limit) {
  for (const bool tcp : {false, true}) {
    Phone phone(gateway, {.tcp = tcp});
    const auto answer = phone.sip().options();
    ASSERT_TRUE(answer.has_value());
    EXPECT_EQ(answer->status, limit ? 503 : 200) << (tcp ? "TCP" : "UDP");
    EXPECT_FALSE(answer->header("Allow").empty());
    EXPECT_EQ(answer->header("Retry-After"), limit ? "10" : "") << "as an INVITE is told";
    if (!limit) continue;
    EXPECT_EQ(headerParameter(answer->header("Reason"), "cause"), "503");
    EXPECT_EQ(headerParameter(answer->header("Reason"), "text"), "\"" + limit->reason + "\"");
  }
}

LogRecord capacity(const Gateway& gateway) {
  const auto records = gateway.records("capacity");
  EXPECT_EQ(records.size(), 1U);
  return records.empty() ? LogRecord{} : records.front();
}

class Admission : public ::testing::Test {
 protected:
  SoupEndpoint endpoint_{SoupEndpoint::Options{.echo = true, .record = false}};
};

TEST_F(Admission, DescriptorsThatRunShortRefuse) {
  const TempDir dir("wsbridge-limit");
  const std::string script =
      dir.write("limited", "#!/bin/sh\nulimit -S -n 64\nulimit -H -n 128\nexec " +
                               Gateway::program() + " \"$@\"\n");
  ASSERT_EQ(std::system(("chmod +x " + script).c_str()), 0);
  const OtherProgram limited(script);
  Gateway gateway({.set = {{"media.loops", "1"}}});
  EXPECT_EQ(capacity(gateway)["descriptors"], "128") << "raised to the hard limit";
  EXPECT_EQ(capacity(gateway)["limited-by"], kDescriptors.label);
  const auto most = static_cast<size_t>(capacity(gateway).number("calls"));
  ASSERT_GT(most, 0U);
  ASSERT_LT(most, 16U);

  std::vector<std::unique_ptr<Phone>> up;
  std::unique_ptr<Phone> refused;
  while (!refused && up.size() <= most) {
    auto phone = std::make_unique<Phone>(gateway);
    if (phone->call(endpoint_.uri()) == 200) {
      up.push_back(std::move(phone));
    } else {
      refused = std::move(phone);
    }
  }
  ASSERT_TRUE(refused) << "more calls than there is room for";
  expectOptions(gateway, &kDescriptors);
  // What is open for a moment only, such as a name look-up, may cost a call.
  EXPECT_LE(up.size(), most) << "no more than were announced";
  EXPECT_GE(up.size() + 2, most) << "about as many as were announced";
  expectRefused(gateway, *refused, kDescriptors);
  EXPECT_LT(gateway.process().usage().descriptors, 128) << "refused before there were none left";
  for (const auto& phone : up)
    expectGoesOn(*phone);
  ASSERT_TRUE(up.front()->hangUp());
  ASSERT_TRUE(gateway.waitEnd(up.front()->callId()).has_value());
  const auto room = [&] { return Phone(gateway).call(endpoint_.uri()) == 200; };
  EXPECT_TRUE(eventually(room, 5s)) << "there is room again";
}

TEST_F(Admission, AnExhaustedPortRangeRefuses) {
  const int base = freePort() / 2 * 2 + 2;
  Gateway gateway(
      {.set = {{"rtp.port-range", std::to_string(base) + "-" + std::to_string(base + 1)}}});
  EXPECT_EQ(capacity(gateway)["limited-by"], kPorts.label);
  EXPECT_EQ(capacity(gateway)["by-ports"], "1");
  Phone first(gateway);
  ASSERT_EQ(first.call(endpoint_.uri()), 200);
  Phone second(gateway);
  second.dial(endpoint_.uri());
  expectOptions(gateway, &kPorts);
  expectRefused(gateway, second, kPorts);
  expectGoesOn(first);
  ASSERT_TRUE(first.hangUp());
  ASSERT_TRUE(gateway.waitEnd(first.callId()).has_value());
  expectOptions(gateway, nullptr);
}

TEST_F(Admission, OptionsAreToldWhatAnInviteWouldBe) {
  Gateway gateway({.set = {{"limits.max-calls", "2"}}});
  Phone first(gateway);
  ASSERT_EQ(first.call(endpoint_.uri()), 200);
  expectOptions(gateway, nullptr);
  Phone second(gateway);
  ASSERT_EQ(second.call(endpoint_.uri()), 200);
  expectOptions(gateway, &kCalls);
  Phone third(gateway);
  third.dial(endpoint_.uri());
  expectRefused(gateway, third, kCalls);
  const auto inside = first.sip().request("OPTIONS", {}, "", "");
  ASSERT_TRUE(inside.has_value());
  EXPECT_EQ(inside->status, 200) << "the call that asks is up";
  ASSERT_TRUE(second.hangUp());
  ASSERT_TRUE(gateway.waitEnd(second.callId()).has_value());
  expectOptions(gateway, nullptr);
  ASSERT_TRUE(first.sip().request("OPTIONS", {}, "", "").has_value());
  gateway.process().signal(SIGTERM);
  ASSERT_TRUE(gateway.process().waitForLine(R"(\bdraining\b)", 5s).has_value());
  const Limit draining{"draining", "", "Going out of service"};
  expectOptions(gateway, &draining);
}

// What others hold is known once a call has met it.
TEST_F(Admission, OptionsAreToldOfPortsThatAnotherProgramHolds) {
  const int base = freePort() / 2 * 2 + 2;
  const std::string range = std::to_string(base) + "-" + std::to_string(base + 1);
  Gateway other({.set = {{"rtp.port-range", range}}});
  Phone theirs(other);
  ASSERT_EQ(theirs.call(endpoint_.uri()), 200);
  Gateway gateway({.set = {{"rtp.port-range", range}}});
  EXPECT_EQ(gateway.records("config").size(), 1U) << "told at the start\n" << gateway.log();
  Phone ours(gateway);
  ours.dial(endpoint_.uri());
  expectRefused(gateway, ours, kPorts);
  EXPECT_NE((*gateway.waitEnd(ours.callId()))["detail"].find("EADDRINUSE"), std::string::npos);
  expectOptions(gateway, &kPorts);
  ASSERT_TRUE(theirs.hangUp());
  ASSERT_TRUE(other.waitEnd(theirs.callId()).has_value());
  Phone again(gateway);
  EXPECT_EQ(again.call(endpoint_.uri()), 200);
}

TEST_F(Admission, AnAddressThatIsNotOursIsNamedAtStartAndByEachCall) {
  Gateway gateway({.set = {{"rtp.address", "192.0.2.77"}}});
  const auto told = gateway.records("config");
  ASSERT_EQ(told.size(), 1U) << gateway.log();
  EXPECT_NE(told[0]["key"].find("rtp.address"), std::string::npos);
  Phone phone(gateway);
  ASSERT_EQ(phone.call(endpoint_.uri()), 503);
  const auto end = gateway.waitEnd(phone.callId());
  ASSERT_TRUE(end.has_value());
  for (const std::string& text : {told[0]["text"], (*end)["detail"]}) {
    EXPECT_NE(text.find("192.0.2.77"), std::string::npos) << text;
    EXPECT_NE(text.find("EADDRNOTAVAIL"), std::string::npos) << text;
  }
}

// 400 INVITEs that are refused before anything is done for them.
TEST_F(Admission, RefusedCallsHaveAFewRecordsAndASum) {
  Gateway gateway({.set = {{"limits.max-calls", "1"},
                           {"limits.peer-requests", "0"},
                           {"limits.peer-setups", "0"},
                           {"limits.all-requests", "0"}}});
  constexpr size_t kCallers = 400;
  const std::string contact = "Contact: <sip:a@127.0.0.1:9>\r\n";
  const std::vector<std::string> faults = {"", std::string(kUriHeader) + ": ftp://x/\r\n",
                                           std::string(kUriHeader) + ": %zz\r\n",
                                           std::string(kUriHeader) + ": ws://10.0.0.1/\r\n"};
  const auto refusedWith = [&](const std::string& round, size_t kinds) {
    const size_t before = gateway.log().size();
    const size_t calls = gateway.records("call-end").size();
    const auto sum = [&gateway] {
      size_t left = 0;
      for (const LogRecord& record : gateway.records("calls-left-out"))
        left += static_cast<size_t>(record.number("calls"));
      return left;
    };
    const size_t leftBefore = sum();
    const Datagrams caller(gateway.udpPort());
    for (size_t i = 0; i < kCallers; ++i) {
      const std::string id = round + "-" + std::to_string(i);
      caller.send(Strange{.id = id, .headers = contact + faults[i % kinds]}.text());
      const std::string callId = "Call-ID: " + id + "\r\n";
      EXPECT_TRUE(eventually(
          [&] {
            const auto answer = caller.receive(100ms);
            return answer && answer->starts_with("SIP/2.0 4") &&
                   answer->find(callId) < answer->size();
          },
          5s));
    }
    const auto told = [&] {
      return gateway.records("call-end").size() - calls + sum() - leftBefore;
    };
    EXPECT_TRUE(eventually([&] { return told() == kCallers; }, 10s)) << told();
    EXPECT_LT(gateway.log().size() - before, 32U * 1024) << "of one or of several reasons";
    EXPECT_LE(gateway.records("call-end").size() - calls, 40U);
  };
  refusedWith("one", 1);
  refusedWith("mixed", faults.size());
  const std::string reasons = gateway.records("calls-left-out").back()["reasons"];
  EXPECT_NE(reasons.find("uri-"), std::string::npos) << reasons;
  // A call that is answered has its records whatever the others do.
  Phone phone(gateway);
  ASSERT_EQ(phone.call(endpoint_.uri()), 200);
  EXPECT_TRUE(gateway.waitRecord("call-start", phone.callId(), 5s).has_value());
  ASSERT_TRUE(phone.hangUp());
  EXPECT_TRUE(gateway.waitEnd(phone.callId()).has_value());
}

TEST_F(Admission, RefusalsAreToldOnceASecondWithTheirNumber) {
  Gateway gateway({.set = {{"limits.max-calls", "1"}}});
  EXPECT_EQ(capacity(gateway)["limited-by"], kCalls.label);
  Phone first(gateway);
  ASSERT_EQ(first.call(endpoint_.uri()), 200);
  constexpr size_t kRefused = 8;
  for (size_t i = 0; i < kRefused; ++i) {
    Phone phone(gateway);
    EXPECT_EQ(phone.call(endpoint_.uri()), 503);
    if (i == 0) expectRefused(gateway, phone, kCalls);
  }
  const auto told = [&gateway] {
    size_t sum = 0;
    for (const LogRecord& record : gateway.records("call-refused"))
      sum += static_cast<size_t>(record.number("refused"));
    return sum;
  };
  EXPECT_TRUE(eventually([&told] { return told() == kRefused; }, 5s)) << told();
  EXPECT_LT(gateway.records("call-refused").size(), kRefused);
  expectGoesOn(first);
}

// A machine without CPU for us, seen from inside: the whole process stands still again and again.
TEST_F(Admission, LateLoopsRefuseAndRecover) {
  Gateway gateway({.set = {{"media.loops", "1"}, {"limits.max-loop-delay", "5"}}});
  Phone first(gateway);
  ASSERT_EQ(first.call(endpoint_.uri()), 200);
  expectGoesOn(first);
  const auto overloaded = [&gateway](const char* state, Millis limit) {
    return gateway.process()
        .waitForLine(std::string(R"(\bloop-load\b.*\bstate=)") + state, limit)
        .has_value();
  };
  bool late = false;
  for (int i = 0; i < 40 && !late; ++i) {
    gateway.process().signal(SIGSTOP);
    overloaded("late", 120ms);
    gateway.process().signal(SIGCONT);
    late = overloaded("late", 150ms);
  }
  ASSERT_TRUE(late) << gateway.log();
  const auto missedByTheMachine = [&gateway] {
    for (const LogRecord& missed : gateway.records("loop-missed")) {
      if (missed.number("ticks") > missed.number("own") && missed.number("worst-ms") > 20)
        return true;
    }
    return false;
  };
  EXPECT_TRUE(eventually(missedByTheMachine, 5s)) << gateway.log();
  Phone second(gateway);
  second.dial(endpoint_.uri());
  expectRefused(gateway, second, kLate);
  expectGoesOn(first);
  ASSERT_TRUE(overloaded("fine", 10s)) << gateway.log();
  Phone third(gateway);
  EXPECT_EQ(third.call(endpoint_.uri()), 200);
}

TEST_F(Admission, BusyLoopsRefuseAndRecover) {
  Gateway gateway({.set = {{"media.loops", "1"}, {"limits.max-loop-load", "1"}}});
  const auto state = [&gateway](const char* name, Millis limit) {
    return gateway.process()
        .waitForLine(std::string(R"(\bloop-load\b.*\bstate=)") + name, limit)
        .has_value();
  };
  std::vector<std::unique_ptr<Phone>> up;
  while (up.size() < 32 && !state("busy", 100ms)) {
    auto phone = std::make_unique<Phone>(gateway);
    if (phone->call(endpoint_.uri()) != 200) break;
    phone->rtp().play(sine(8000, 440, 20, 8000));
    up.push_back(std::move(phone));
  }
  ASSERT_TRUE(state("busy", 5s)) << up.size() << " calls are no load";
  ASSERT_FALSE(up.empty());
  Phone refused(gateway);
  refused.dial(endpoint_.uri());
  expectRefused(gateway, refused, kBusy);
  expectOptions(gateway, &kBusy);
  expectGoesOn(*up.front());
  up.clear();
  ASSERT_TRUE(state("fine", 10s)) << gateway.log();
  Phone next(gateway);
  EXPECT_EQ(next.call(endpoint_.uri()), 200);
}

}  // namespace
}  // namespace e2e
