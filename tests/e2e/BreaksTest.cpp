// SPDX-License-Identifier: LGPL-2.1-or-later
// The endpoint dies at any moment of a conversation: with a reconnect-time the caller hears noise
// and then the endpoint that has come back, without one a BYE with the reason.
#include <algorithm>
#include <atomic>
#include <functional>
#include <iterator>
#include <mutex>
#include <ostream>
#include <vector>

#include <gtest/gtest.h>

#include "Conversation.hpp"
#include "Phone.hpp"
#include "RawEndpoint.hpp"

namespace e2e {
namespace {

const std::string& minuteOfTone() {
  static const std::string bytes = toBytes(sine(16000, 700, 60, 12000));
  return bytes;
}

void playMinute(RawConnection& connection) {
  connection.sendBinary(minuteOfTone());
}

struct Moment {
  const char* name;
  bool open;  // the call is up
  std::function<void(RawConnection&)> reach;
};
void PrintTo(const Moment& moment, std::ostream* out) {
  *out << moment.name;
}

const Moment kMoments[] = {
    {"BeforeTheRequest", false, [](RawConnection&) {}},
    {"BehindTheRequest", false, [](RawConnection& it) { it.readRequest(); }},
    {"InTheAnswer", false,
     [](RawConnection& it) {
       it.readRequest();
       it.write("HTTP/1.1 101 Switching Protocols\r\nUpgr");
     }},
    {"BehindTheAnswer", false, [](RawConnection& it) { it.acceptHandshake(); }},
    {"BehindTheFirstMessage", false,
     [](RawConnection& it) {
       it.acceptHandshake();
       it.recvFrame(Opcode::Text, 5s);
     }},
    {"WhileTheCallerSpeaks", true,
     [](RawConnection& it) {
       for (int frame = 0; frame < 20; ++frame)
         it.recvFrame(Opcode::Binary, 5s);
     }},
    {"InTheHeadOfAFrame", true, [](RawConnection& it) { it.write("\x82"); }},
    {"InAMessage", true,
     [](RawConnection& it) {
       it.write(encodeFrame(Opcode::Binary, true, minuteOfTone()).substr(0, 100'001));
     }},
    {"InAFragmentedText", true,
     [](RawConnection& it) { it.sendFrame(Opcode::Text, false, R"({"action":)"); }},
    {"WhileAMinuteIsQueued", true, playMinute},
    {"WhileAMarkWaits", true,
     [](RawConnection& it) {
       playMinute(it);
       it.sendText(R"({"action":"notify","payload":{"n":1}})");
     }},
    {"BehindAClear", true,
     [](RawConnection& it) {
       playMinute(it);
       it.sendText(R"({"action":"clear"})");
     }},
    {"BehindAPing", true, [](RawConnection& it) { it.sendFrame(Opcode::Ping, true, "are you?"); }},
    {"BehindItsClose", true, [](RawConnection& it) { it.sendClose(1012, "restart"); }},
};

// One endpoint for one call: what comes first dies, what comes back speaks.
class MortalEndpoint {
 public:
  // `reset`: with RST, as when what was sent to it had not been read; otherwise with FIN.
  MortalEndpoint(Moment moment, bool reset) : moment_(std::move(moment)), reset_(reset) {}

  std::string uri() const { return endpoint_.uri(); }
  // The first messages of the connections that spoke, or were to.
  std::vector<std::string> openings() const {
    const std::lock_guard lock(mutex_);
    return openings_;
  }

 private:
  void serve(RawConnection& connection) {
    const int number = ++connections_;
    // A call needs a conversation before it can break; a handshake breaks at the second attempt.
    const int breaking = moment_.open ? 1 : 2;
    if (number < breaking) {
      awaitCaller(connection);
      connection.reset();
    } else if (number == breaking) {
      if (moment_.open && !awaitCaller(connection)) return;
      moment_.reach(connection);
      if (reset_) connection.reset();
    } else if (connection.acceptHandshake()) {
      speak(connection);
    }
  }

  /// The caller's audio comes once the call is up.
  static bool awaitCaller(RawConnection& connection) {
    return connection.acceptHandshake() && connection.recvFrame(Opcode::Binary, 5s).has_value();
  }

  void speak(RawConnection& connection) {
    const auto first = connection.recvFrame(Opcode::Text, 5s);
    {
      const std::lock_guard lock(mutex_);
      openings_.push_back(first ? first->payload : "");
    }
    connection.sendText(R"({"action":"clear"})");  // of what the dead one has left behind
    connection.sendBinary(toBytes(sine(16000, 1300, 5, 12000)));
    connection.recvFrame(Opcode::Close, 30s);
  }

  const Moment moment_;
  const bool reset_;
  std::atomic<int> connections_{0};
  mutable std::mutex mutex_;
  std::vector<std::string> openings_;
  RawEndpoint endpoint_{[this](RawConnection& connection) { serve(connection); }};  // last
};

Gateway::Options reconnecting(const char* milliseconds) {
  return {.set = {{"websocket.reconnect-time", milliseconds}}};
}

class Breaks : public ::testing::TestWithParam<std::tuple<Moment, bool>> {
 protected:
  static void SetUpTestSuite() {
    patient = std::make_unique<Gateway>(reconnecting("20000"));
    strict = std::make_unique<Gateway>(reconnecting("0"));
  }
  static void TearDownTestSuite() {
    patient.reset();
    strict.reset();
  }

  static Moment moment() { return std::get<0>(GetParam()); }
  static bool byReset() { return std::get<1>(GetParam()); }

  inline static std::unique_ptr<Gateway> patient;
  inline static std::unique_ptr<Gateway> strict;
};

bool hears(Phone& phone, double hertz) {
  return eventually(
      [&] {
        const Samples all = phone.rtp().decoded();
        if (all.size() < 1600) return false;
        const Samples last = slice(all, all.size() - 1600, all.size());
        return levelDbov(last) > -30 && powerShare(last, 8000, hertz, 100) > 0.8;
      },
      10s);
}

TEST_P(Breaks, TheEndpointIsHeardAgain) {
  MortalEndpoint endpoint(moment(), byReset());
  Phone phone(*patient);
  phone.rtp().play(sine(8000, 500, 5, 12000));
  ASSERT_EQ(phone.call(endpoint.uri()), 200);
  EXPECT_TRUE(hears(phone, 1300));
  const size_t before = phone.rtp().received();
  EXPECT_TRUE(phone.rtp().waitReceived(before + 10, 5s));
  EXPECT_TRUE(phone.hangUp());
  const auto end = patient->waitEnd(phone.callId());
  ASSERT_TRUE(end.has_value());
  EXPECT_EQ((*end)["reason"], "caller-hangup");
  const auto openings = endpoint.openings();
  ASSERT_EQ(openings.size(), 1U);
  EXPECT_NE(openings[0].find(R"("resumption":)"), std::string::npos) << openings[0];
}

class BreaksOfACall : public Breaks {};

TEST_P(BreaksOfACall, WithoutReconnectionTheCallerGetsAByeWithTheReason) {
  MortalEndpoint endpoint(moment(), byReset());
  Phone phone(*strict);
  phone.rtp().play(sine(8000, 500, 5, 12000));
  ASSERT_EQ(phone.call(endpoint.uri()), 200);
  const auto end = strict->waitEnd(phone.callId());
  ASSERT_TRUE(end.has_value());
  EXPECT_TRUE((*end)["reason"].starts_with("endpoint-")) << (*end)["reason"];
  const auto bye = phone.sip().waitRequest("BYE", 5s);
  ASSERT_TRUE(bye.has_value());
  EXPECT_FALSE(bye->header("Reason").empty());
}

std::string nameOf(const ::testing::TestParamInfo<std::tuple<Moment, bool>>& one) {
  return std::string(std::get<0>(one.param).name) + (std::get<1>(one.param) ? "Reset" : "Closed");
}

std::vector<Moment> momentsOfACall() {
  std::vector<Moment> moments;
  std::copy_if(std::begin(kMoments), std::end(kMoments), std::back_inserter(moments),
               [](const Moment& moment) { return moment.open; });
  return moments;
}

INSTANTIATE_TEST_SUITE_P(EveryMoment, Breaks,
                         ::testing::Combine(::testing::ValuesIn(kMoments), ::testing::Bool()),
                         nameOf);
// What fails while a call is set up is in StatusTest.cpp.
INSTANTIATE_TEST_SUITE_P(EveryMoment, BreaksOfACall,
                         ::testing::Combine(::testing::ValuesIn(momentsOfACall()),
                                            ::testing::Bool()),
                         nameOf);

// All moments one after another leave nothing behind in the gateway.
TEST(BreaksOfOneGateway, LeaveNoDescriptorAndNoThread) {
  Gateway gateway(reconnecting("20000"));
  const auto callAll = [&gateway] {
    for (const Moment& moment : kMoments) {
      MortalEndpoint endpoint(moment, true);
      Phone phone(gateway);
      phone.rtp().play(sine(8000, 500, 5, 12000));
      ASSERT_EQ(phone.call(endpoint.uri()), 200) << moment.name;
      ASSERT_TRUE(eventually([&] { return !endpoint.openings().empty(); }, 10s)) << moment.name;
      EXPECT_TRUE(phone.hangUp());
      ASSERT_TRUE(gateway.waitEnd(phone.callId()).has_value());
    }
  };
  callAll();
  const auto before = gateway.process().usage();
  callAll();
  const auto back = [&] {
    const auto now = gateway.process().usage();
    return now.descriptors <= before.descriptors && now.threads <= before.threads;
  };
  EXPECT_TRUE(eventually(back, 5s))
      << before.descriptors << " descriptors and " << before.threads << " threads before, "
      << gateway.process().usage().descriptors << " and " << gateway.process().usage().threads;
}

// The endpoint dies at the call's end: nobody waits for it.
TEST(BreaksOfOneGateway, AtTheHangUpTheCallEndsAsItWould) {
  Gateway gateway(reconnecting("20000"));
  for (const bool reset : {false, true}) {
    RawEndpoint endpoint([reset](RawConnection& connection) {
      if (!connection.acceptHandshake()) return;
      connection.recvFrame(Opcode::Close, 30s);
      if (reset) connection.reset();
    });
    Phone phone(gateway);
    ASSERT_EQ(phone.call(endpoint.uri()), 200);
    ASSERT_TRUE(phone.rtp().waitReceived(5, 5s));
    EXPECT_TRUE(phone.hangUp());
    const auto end = gateway.waitEnd(phone.callId());
    ASSERT_TRUE(end.has_value());
    EXPECT_EQ((*end)["reason"], "caller-hangup");
  }
  EXPECT_TRUE(gateway.records("endpoint-reconnecting").empty());
}

}  // namespace
}  // namespace e2e
