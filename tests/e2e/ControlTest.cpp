// SPDX-License-Identifier: LGPL-2.1-or-later
// How soon and how exactly the endpoint's control of the play-out is heard, in times of real
// packets.
#include <algorithm>
#include <csignal>
#include <memory>
#include <vector>

#include <gtest/gtest.h>

#include "ChildProcess.hpp"
#include "Phone.hpp"
#include "SoupEndpoint.hpp"

namespace e2e {
namespace {

constexpr double kLoudDbov = -30;

bool carriesTone(const RtpPacket& packet) {
  return levelDbov(RtpPeer::decodePayload("PCMU", packet.payload)) > kLoudDbov;
}
// Only the second half counts: the first one may fade out what a clear has cut off, so that it
// does not click.
bool goesOn(const RtpPacket& packet) {
  const Samples samples = RtpPeer::decodePayload("PCMU", packet.payload);
  return levelDbov(slice(samples, samples.size() / 2, samples.size())) > kLoudDbov;
}
bool waitText(const SoupEndpoint& endpoint, int id, const std::string& text) {
  return endpoint.waitFor(
      id,
      [&](const EndpointConnection& c) { return !c.messages.empty() && c.texts().back() == text; },
      5s);
}

class Control : public ::testing::Test {
 protected:
  E2E_SHARED_GATEWAY((Gateway::Options{}));
};

struct Listener {
  std::unique_ptr<Phone> phone;
  int id = 0;
  Clock::time_point cleared;
};

constexpr double kLimitMs = 25.0 * kTimeScale;

// From the clear to the first packet without old audio, ms, sorted; short of calls when one failed.
std::vector<double> clearAll(SoupEndpoint& endpoint, std::vector<Listener>& listeners) {
  std::vector<double> delays;
  for (const Listener& one : listeners) {
    const auto playing = [&] {
      const auto packets = one.phone->rtp().packets();
      return packets.size() > 25 && goesOn(packets.back());
    };
    if (!eventually(playing, 10s)) return delays;
  }
  for (Listener& one : listeners)
    endpoint.sendText(one.id, R"({"action":"clear"})", &one.cleared);
  for (const Listener& one : listeners) {
    if (!waitText(endpoint, one.id, R"({"event":"websocket:cleared"})")) return delays;
    if (!one.phone->rtp().waitReceived(one.phone->rtp().received() + 10, 5s)) return delays;
    const auto packets = one.phone->rtp().packets();
    const auto last = std::find_if(packets.rbegin(), packets.rend(), goesOn);
    if (last == packets.rend() || last == packets.rbegin()) return delays;
    delays.push_back(millisBetween(one.cleared, (last - 1)->at));
  }
  std::sort(delays.begin(), delays.end());
  return delays;
}

// Barge-in: from the clear to the first packet without old audio, with a minute queued in each
// call.
TEST_F(Control, ClearIsHeardWithinAFrameInFiftyCallsAtOnce) {
  SoupEndpoint endpoint({.record = false});
  const std::string minute = toBytes(sine(16000, 700, 60, 12000));
  std::vector<Listener> listeners(50);
  for (size_t i = 0; i < listeners.size(); ++i) {
    const std::string path = "/" + std::to_string(i);
    listeners[i].phone = std::make_unique<Phone>(*gateway);
    ASSERT_EQ(listeners[i].phone->call(endpoint.uri(path)), 200);
    listeners[i].id = endpoint.waitPath(path, 5s).value_or(0);
    endpoint.sendBinary(listeners[i].id, minute);
  }
  // A machine that stands still for a moment spoils all calls of a round, a gateway that is slow
  // all rounds.
  double slowest = 1e9;
  for (int round = 0; round < 3 && slowest >= kLimitMs; ++round) {
    if (round > 0) {
      for (Listener& one : listeners)
        endpoint.sendBinary(one.id, minute);
    }
    const auto delays = clearAll(endpoint, listeners);
    ASSERT_EQ(delays.size(), listeners.size());
    slowest = std::min(slowest, delays[delays.size() - 2]);
  }
  EXPECT_LT(slowest, kLimitMs);
}

// A notify comes back with the packet that carries the last sample before it.
TEST_F(Control, AMarkIsAnsweredWithItsLastPacket) {
  SoupEndpoint endpoint;
  Phone phone(*gateway);
  ASSERT_EQ(phone.call(endpoint.uri()), 200);
  ASSERT_TRUE(phone.rtp().waitReceived(5, 5s));
  std::vector<double> errors;
  for (int i = 0; i < 12; ++i) {
    phone.rtp().forget();
    endpoint.sendBinary(1, toBytes(sine(16000, 700, 0.2 + 0.007 * i, 12000)));
    const std::string number = std::to_string(i);
    endpoint.sendText(1, R"({"action":"notify","payload":)" + number + "}");
    ASSERT_TRUE(waitText(endpoint, 1, R"({"event":"websocket:notify","payload":)" + number + "}"));
    const auto told = endpoint.connection(1)->messages.back().at;
    ASSERT_TRUE(phone.rtp().waitReceived(phone.rtp().received() + 5, 5s));
    const auto packets = phone.rtp().packets();
    const auto last = std::find_if(packets.rbegin(), packets.rend(), carriesTone);
    ASSERT_NE(last, packets.rend());
    errors.push_back(millisBetween(last->at, told));
  }
  std::sort(errors.begin(), errors.end());
  // Some may meet a machine that stands still.
  EXPECT_GT(errors[2], -25 * kTimeScale);
  EXPECT_LT(errors[errors.size() - 3], 20 * kTimeScale) << "slowest " << errors.back() << " ms";
}

// The endpoint's process is killed in mid-call and started again: the call stays, the caller hears
// noise and then the endpoint again.
TEST_F(Control, AnEndpointThatIsKilledAndRestartedIsHeardAgain) {
  const std::string address = "127.0.0.1:" + std::to_string(freePort());
  const auto start = [&address] {
    auto endpoint = std::make_unique<ChildProcess>(
        std::vector<std::string>{Gateway::program(), "--set", "sip.listen=udp:127.0.0.1:0", "--set",
                                 "echo.listen=" + address});
    EXPECT_TRUE(endpoint->waitForLine("ready", 20s).has_value());
    return endpoint;
  };
  Gateway patient({.set = {{"websocket.reconnect-time", "20000"}}});
  auto endpoint = start();
  Phone phone(patient, {.codecs = {"L16/16000"}});
  ASSERT_EQ(phone.call("ws://" + address + "/"), 200);
  const auto heard = [&phone] {
    const size_t before = phone.rtp().received();
    phone.rtp().play(sine(16000, 500, 0.4, 12000));
    return eventually(
        [&] {
          const Samples all = phone.rtp().decoded();
          return levelDbov(slice(all, before * 320, all.size())) > kLoudDbov;
        },
        5s);
  };
  ASSERT_TRUE(heard());
  for (int round = 1; round <= 2; ++round) {
    endpoint->signal(SIGKILL);
    ASSERT_TRUE(endpoint->waitExit(5s).has_value());
    ASSERT_TRUE(eventually(
        [&] { return patient.records("endpoint-reconnecting").size() >= size_t(round); }, 5s));
    const size_t before = phone.rtp().received();
    EXPECT_TRUE(phone.rtp().waitReceived(before + 25, 5s)) << "the caller hears noise";
    endpoint = start();
    EXPECT_TRUE(eventually([&] { return heard(); }, 10s)) << "round " << round;
  }
  EXPECT_TRUE(phone.hangUp());
  const auto end = patient.waitEnd(phone.callId());
  ASSERT_TRUE(end.has_value());
  EXPECT_EQ((*end)["reason"], "caller-hangup");
}

// The gateway gives the conversation up; the caller is not left without an endpoint.
TEST_F(Control, AnEndpointThatAsksForMoreRepliesThanItIsAllowedEndsTheCall) {
  Gateway generous({.set = {{"websocket.max-control-rate", "1000"}}});
  SoupEndpoint endpoint;
  Phone phone(generous);
  ASSERT_EQ(phone.call(endpoint.uri()), 200);
  endpoint.sendBinary(1, toBytes(sine(16000, 700, 30, 12000)));
  for (int i = 0; i < 10'001; ++i)
    endpoint.sendText(1, R"({"action":"notify"})");
  EXPECT_TRUE(phone.sip().waitRequest("BYE", 10s).has_value());
  const auto end = generous.waitEnd(phone.callId());
  ASSERT_TRUE(end.has_value());
  EXPECT_EQ((*end)["reason"], "endpoint-error");
  EXPECT_NE((*end)["detail"].find("1008"), std::string::npos) << (*end)["detail"];
}

// Nobody comes back: the call ends with a reason when the time is over.
TEST_F(Control, AnEndpointThatDoesNotComeBackEndsTheCall) {
  Gateway patient({.set = {{"websocket.reconnect-time", "700"}}});
  auto endpoint = std::make_unique<SoupEndpoint>();
  Phone phone(patient);
  ASSERT_EQ(phone.call(endpoint->uri()), 200);
  endpoint->close(1, 1011);
  endpoint.reset();
  EXPECT_TRUE(phone.sip().waitRequest("BYE", 10s).has_value());
  const auto end = patient.waitEnd(phone.callId());
  ASSERT_TRUE(end.has_value());
  EXPECT_EQ((*end)["reason"], "endpoint-refused");
}

}  // namespace
}  // namespace e2e
