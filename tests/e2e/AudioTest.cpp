// SPDX-License-Identifier: LGPL-2.1-or-later
// What is heard at both ends: speech by correlation and level, frame sizes, comfort noise, damage
// on the RTP side.
#include <algorithm>
#include <cmath>
#include <memory>
#include <set>

#include <gtest/gtest.h>

#include "Phone.hpp"
#include "RawEndpoint.hpp"
#include "SoupEndpoint.hpp"

namespace e2e {
namespace {

const char* const kText = "The quick brown fox jumps over the lazy dog, and then it sleeps.";

struct Way {
  std::string codec;
  int rtpRate;
  int endpointRate;
  double least;  // correlation
};

class Audio : public ::testing::Test {
 protected:
  E2E_SHARED_GATEWAY((Gateway::Options{.set = {{"audio.noise-level", "-50"}}}));

  static int openPath(SoupEndpoint& endpoint, const std::string& path) {
    return endpoint.waitPath(path, 5s).value_or(0);
  }

  static SipHeaders contentType(int rate) {
    return {{kContentTypeHeader, percentEncode("audio/l16;rate=" + std::to_string(rate))}};
  }

  static Samples middle(const Samples& all) {
    return slice(all, all.size() / 8, all.size() * 3 / 4);
  }
};

// One of several calls that talk at the same time.
struct SpeechCall {
  Way way;
  std::string path;
  std::unique_ptr<Phone> phone;
  int id = 0;
  Samples spoken;
  Samples answer;
  size_t packetsNeeded = 0;
};

// Speech to the endpoint, then speech from the endpoint in one piece; every codec with the rates
// that it is resampled to, all calls at once.
TEST_F(Audio, SpeechThereAndBackInEveryCodec) {
  SoupEndpoint endpoint;
  std::vector<SpeechCall> calls;
  for (const Way& way : {Way{"PCMU", 8000, 16000, 0.97}, Way{"PCMA", 8000, 16000, 0.97},
                         Way{"L16/16000", 16000, 16000, 0.999}, Way{"L16/8000", 8000, 8000, 0.999},
                         Way{"PCMU", 8000, 8000, 0.98}, Way{"L16/16000", 16000, 8000, 0.9},
                         Way{"L16/16000", 16000, 24000, 0.97}, Way{"L16/16000", 16000, 32000, 0.97},
                         Way{"L16/16000", 16000, 48000, 0.97}}) {
    SpeechCall call{.way = way, .path = "/s" + std::to_string(calls.size())};
    call.spoken = speech(way.rtpRate, kText);
    call.answer = speech(way.endpointRate, kText);
    calls.push_back(std::move(call));
  }
  for (SpeechCall& call : calls) {
    SCOPED_TRACE(call.way.codec + " to " + std::to_string(call.way.endpointRate));
    call.phone = std::make_unique<Phone>(
        *gateway, Phone::Options{.codecs = {call.way.codec, "telephone-event"}});
    ASSERT_EQ(call.phone->call(endpoint.uri(call.path), contentType(call.way.endpointRate)), 200);
    EXPECT_EQ(call.phone->codec(), call.way.codec);
    call.id = openPath(endpoint, call.path);
    call.phone->rtp().play(call.spoken);
  }
  for (SpeechCall& call : calls) {
    SCOPED_TRACE(call.path);
    ASSERT_TRUE(call.phone->rtp().waitPlayed(20s));
    const size_t frames = call.spoken.size() / static_cast<size_t>(call.way.rtpRate / 50);
    EXPECT_TRUE(endpoint.waitBinaries(call.id, frames - 1, 2s));
    call.packetsNeeded = call.phone->rtp().received() +
                         call.answer.size() / static_cast<size_t>(call.way.endpointRate / 50) + 20;
    endpoint.sendBinary(call.id, toBytes(call.answer));
  }
  for (SpeechCall& call : calls)
    ASSERT_TRUE(call.phone->rtp().waitReceived(call.packetsNeeded, 20s)) << call.path;
  for (SpeechCall& call : calls) {
    const Way& way = call.way;
    SCOPED_TRACE(way.codec + " to " + std::to_string(way.endpointRate));
    const Samples heard = call.phone->rtp().decoded();
    const auto record = endpoint.connection(call.id);
    EXPECT_TRUE(record->messages.at(0).text);
    for (const auto& message : record->binaries()) {
      ASSERT_EQ(message.data.size(), static_cast<size_t>(way.endpointRate / 50 * 2));
    }
    const Samples atEndpoint = fromBytes(record->audio());
    const Match up =
        findIn(middle(resample(call.spoken, way.rtpRate, way.endpointRate)), atEndpoint);
    EXPECT_GT(up.correlation, way.least) << "to the endpoint";
    EXPECT_NEAR(up.gainDb, 0, 0.7);
    const Match down = findIn(middle(resample(call.answer, way.endpointRate, way.rtpRate)), heard);
    EXPECT_GT(down.correlation, way.least) << "from the endpoint";
    EXPECT_NEAR(down.gainDb, 0, 0.7);
    EXPECT_TRUE(call.phone->hangUp());
  }
}

TEST_F(Audio, CodecIsChosenByTheConfiguredPreference) {
  SoupEndpoint endpoint;
  const auto chosen = [&](const std::vector<std::string>& codecs) {
    Phone phone(*gateway, {.codecs = codecs});
    return phone.call(endpoint.uri()) == 200 ? phone.codec() : std::string("none");
  };
  EXPECT_EQ(chosen({"L16/16000", "PCMU"}), "L16/16000");
  EXPECT_EQ(chosen({"PCMA", "telephone-event"}), "PCMA");
  EXPECT_EQ(chosen({"G729", "PCMU"}), "PCMU");
  Gateway narrow({.set = {{"rtp.codecs", "PCMA"}}});
  Phone phone(narrow, {.codecs = {"L16/16000", "PCMU", "PCMA"}});
  ASSERT_EQ(phone.call(endpoint.uri()), 200);
  EXPECT_EQ(phone.codec(), "PCMA");
}

TEST_F(Audio, OtherPacketTimesAreAccepted) {
  SoupEndpoint endpoint;
  for (const int ptime : {10, 30, 40}) {
    const std::string path = "/ptime" + std::to_string(ptime);
    Phone phone(*gateway, {.codecs = {"L16/16000"}, .ptime = ptime});
    ASSERT_EQ(phone.call(endpoint.uri(path)), 200) << ptime;
    const int id = openPath(endpoint, path);
    const Samples tone = sine(16000, 600, 0.6, 8000);
    phone.rtp().play(tone);
    ASSERT_TRUE(phone.rtp().waitPlayed(5s));
    ASSERT_TRUE(endpoint.waitBinaries(id, 28, 5s)) << ptime;
    const auto record = endpoint.connection(id);
    for (const auto& message : record->binaries())
      ASSERT_EQ(message.data.size(), 640U);
    EXPECT_GT(powerShare(fromBytes(record->audio()), 16000, 600, 20), 0.98);
  }
}

// A silent endpoint: RTP goes on every 20 ms, and it carries noise at the configured level, never a
// constant.
TEST_F(Audio, SilentEndpointMakesComfortNoise) {
  SoupEndpoint endpoint;
  Phone phone(*gateway, {.codecs = {"L16/16000"}});
  ASSERT_EQ(phone.call(endpoint.uri()), 200);
  ASSERT_TRUE(phone.rtp().waitReceived(150, 8s));
  const auto packets = phone.rtp().packets();
  for (size_t i = 1; i < packets.size(); ++i) {
    ASSERT_EQ(static_cast<uint16_t>(packets[i].sequence - packets[i - 1].sequence), 1) << i;
    ASSERT_EQ(packets[i].timestamp - packets[i - 1].timestamp, 320U) << i;
    ASSERT_EQ(packets[i].payload.size(), 640U) << i;
  }
  const double span = millisBetween(packets.front().at, packets.back().at);
  EXPECT_NEAR(span / static_cast<double>(packets.size() - 1), 20, 1);
  const Samples heard = phone.rtp().decoded();
  EXPECT_NEAR(levelDbov(slice(heard, 3200, 40000)), -50, 2);
  EXPECT_GT(spectralFlatness(slice(heard, 3200, 32768), 16000), 0.1);
  EXPECT_LT(std::abs(meanOf(heard)), 10);
  for (size_t at = 1600; at + 320 <= heard.size(); at += 320) {
    ASSERT_GT(distinctValues(slice(heard, at, 320)), 20U) << "constant at " << at;
  }
}

TEST_F(Audio, ComfortNoiseIsNoiseInG711Too) {
  SoupEndpoint endpoint;
  Phone phone(*gateway);
  ASSERT_EQ(phone.call(endpoint.uri()), 200);
  ASSERT_TRUE(phone.rtp().waitReceived(100, 8s));
  const Samples heard = phone.rtp().decoded();
  EXPECT_NEAR(levelDbov(slice(heard, 1600, 14000)), -50, 3);
  EXPECT_GT(distinctValues(slice(heard, 1600, 160)), 8U);
}

TEST_F(Audio, SilenceCanBeConfigured) {
  Gateway silent({.set = {{"audio.fallback", "silence"}}});
  SoupEndpoint endpoint;
  Phone phone(silent, {.codecs = {"L16/16000"}});
  ASSERT_EQ(phone.call(endpoint.uri()), 200);
  ASSERT_TRUE(phone.rtp().waitReceived(50, 8s));
  EXPECT_EQ(levelDbov(phone.rtp().decoded()), -127);
}

TEST_F(Audio, NothingGoesToTheEndpointWhileNothingArrives) {
  SoupEndpoint endpoint;
  Phone phone(*gateway);
  ASSERT_EQ(phone.call(endpoint.uri("/quiet")), 200);
  const int id = openPath(endpoint, "/quiet");
  EXPECT_FALSE(endpoint.waitBinaries(id, 1, 600ms)) << "audio before any RTP";
  phone.rtp().play(sine(8000, 400, 0.4, 8000));
  ASSERT_TRUE(phone.rtp().waitPlayed(5s));
  ASSERT_TRUE(endpoint.waitBinaries(id, 19, 2s));
  EXPECT_FALSE(endpoint.waitBinaries(id, 22, 700ms)) << "audio in a pause of the phone";
  phone.rtp().play(sine(8000, 400, 0.2, 8000));
  EXPECT_TRUE(endpoint.waitBinaries(id, 29, 2s)) << "and goes on after it";
}

TEST_F(Audio, FramesArriveAtTheirPace) {
  SoupEndpoint endpoint;
  Phone phone(*gateway);
  ASSERT_EQ(phone.call(endpoint.uri("/pace")), 200);
  const int id = openPath(endpoint, "/pace");
  phone.rtp().play(syllables(8000, 2));
  ASSERT_TRUE(phone.rtp().waitPlayed(5s));
  ASSERT_TRUE(endpoint.waitBinaries(id, 98, 2s));
  const auto frames = endpoint.connection(id)->binaries();
  EXPECT_NEAR(millisBetween(frames.front().at, frames[97].at) / 97, 20, 1);
}

TEST_F(Audio, LossDuplicatesAndReorderingDoNoHarm) {
  SoupEndpoint endpoint;
  Phone phone(*gateway, {.codecs = {"L16/16000"}});
  ASSERT_EQ(phone.call(endpoint.uri("/damage")), 200);
  const int id = openPath(endpoint, "/damage");
  const Samples spoken = syllables(16000, 3);
  phone.rtp().play(spoken, {.lose = {30, 60, 61},
                            .duplicate = {10, 11, 12, 90},
                            .swapWithNext = {40, 80},
                            .ssrcFrom = {}});
  ASSERT_TRUE(phone.rtp().waitPlayed(10s));
  ASSERT_TRUE(endpoint.waitBinaries(id, 149, 3s)) << "lost packets are concealed, not left out";
  EXPECT_FALSE(endpoint.waitBinaries(id, 153, 300ms)) << "doubled packets are not played twice";
  const Samples heard = fromBytes(endpoint.connection(id)->audio());
  EXPECT_EQ(slice(heard, 320 * 5, 320 * 20), slice(spoken, 320 * 5, 320 * 20)) << "duplicates";
  EXPECT_EQ(slice(heard, 320 * 38, 320 * 20), slice(spoken, 320 * 38, 320 * 20))
      << "in order again";
  EXPECT_EQ(slice(heard, 320 * 70, 320 * 60), slice(spoken, 320 * 70, 320 * 60)) << "behind a loss";
  ASSERT_TRUE(phone.hangUp());
  const auto end = gateway->waitEnd(phone.callId());
  ASSERT_TRUE(end.has_value());
  EXPECT_EQ(end->number("lost"), 3);
  EXPECT_GE(end->number("concealed"), 3);
  EXPECT_EQ(end->number("duplicates"), 4);
  EXPECT_EQ(end->number("late"), 0);
}

// The first packet does not wait for the second one, or for the time that a gap is held.
TEST_F(Audio, FirstPacketPassesAtOnce) {
  for (int i = 0; i < 8; ++i) {
    SoupEndpoint endpoint;
    Phone phone(*gateway, {.codecs = {"L16/16000"}});
    ASSERT_EQ(phone.call(endpoint.uri("/first")), 200);
    const int id = openPath(endpoint, "/first");
    const auto before = Clock::now();
    phone.rtp().play(sine(16000, 500, 0.02, 8000));
    ASSERT_TRUE(endpoint.waitBinaries(id, 1, 2s));
    EXPECT_LT(millisBetween(before, endpoint.connection(id)->binaries().front().at),
              15 * kTimeScale)
        << i;
    ASSERT_TRUE(phone.hangUp());
  }
}

// RFC 3550 6.6: who leaves says so.
TEST_F(Audio, RtcpByeEndsTheStream) {
  SoupEndpoint endpoint;
  Phone phone(*gateway);
  ASSERT_EQ(phone.call(endpoint.uri("/bye")), 200);
  ASSERT_TRUE(phone.rtp().waitReceived(5, 5s));
  ASSERT_TRUE(phone.hangUp());
  ASSERT_TRUE(gateway->waitEnd(phone.callId()).has_value());
  const auto hasBye = [&phone] {
    for (const std::string& compound : phone.rtp().rtcpPackets()) {
      for (size_t at = 0; at + 4 <= compound.size();) {
        const auto byte = [&](size_t n) { return static_cast<unsigned char>(compound[at + n]); };
        if (byte(1) == 203) return true;
        at += 4 * (static_cast<size_t>(byte(2) << 8 | byte(3)) + 1);
      }
    }
    return false;
  };
  EXPECT_TRUE(eventually(hasBye, 1s));
}

// An endpoint that does not answer the close handshake keeps the WebSocket for half a second, but
// the caller's port is free for others from its BYE on.
TEST_F(Audio, NoRtpFollowsTheBye) {
  RawEndpoint endpoint([](RawConnection& connection) {
    connection.acceptHandshake();
    connection.waitPeerGone(10s);
  });
  Phone phone(*gateway);
  ASSERT_EQ(phone.call(endpoint.uri("/deaf")), 200);
  ASSERT_TRUE(phone.rtp().waitReceived(5, 5s));
  ASSERT_TRUE(phone.hangUp());
  const auto received = [&phone] { return phone.rtp().received(); };
  const size_t at_the_bye = received();
  ASSERT_TRUE(gateway->waitEnd(phone.callId()).has_value());
  // What was on its way when the BYE came.
  EXPECT_LE(received(), at_the_bye + 2);
}

TEST_F(Audio, SsrcChangeGoesOn) {
  SoupEndpoint endpoint;
  Phone phone(*gateway, {.codecs = {"L16/16000"}});
  ASSERT_EQ(phone.call(endpoint.uri("/ssrc")), 200);
  const int id = openPath(endpoint, "/ssrc");
  const Samples spoken = syllables(16000, 2);
  phone.rtp().play(
      spoken, {.lose = {}, .duplicate = {}, .swapWithNext = {}, .ssrcFrom = {{50, 0x12345678}}});
  ASSERT_TRUE(phone.rtp().waitPlayed(10s));
  ASSERT_TRUE(endpoint.waitBinaries(id, 96, 3s));
  const Samples heard = fromBytes(endpoint.connection(id)->audio());
  EXPECT_GT(findIn(slice(spoken, 320 * 60, 320 * 30), heard).correlation, 0.98);
}

// Symmetric RTP: who sends first is who is heard, and where the audio goes; nobody else.
TEST_F(Audio, SecondSenderIsIgnored) {
  SoupEndpoint endpoint;
  Phone phone(*gateway, {.codecs = {"L16/16000"}});
  ASSERT_EQ(phone.call(endpoint.uri("/latch")), 200);
  const int id = openPath(endpoint, "/latch");
  RtpPeer stranger;
  stranger.setFormat("L16/16000", 96);
  stranger.setRemote(phone.answer().address, phone.answer().port);
  phone.rtp().play(sine(16000, 500, 1, 8000));
  ASSERT_TRUE(endpoint.waitBinaries(id, 5, 3s));
  stranger.play(sine(16000, 1700, 0.6, 8000));
  ASSERT_TRUE(phone.rtp().waitPlayed(5s));
  ASSERT_TRUE(stranger.waitPlayed(5s));
  ASSERT_TRUE(endpoint.waitBinaries(id, 49, 3s));
  EXPECT_FALSE(endpoint.waitBinaries(id, 54, 300ms));
  const Samples heard = fromBytes(endpoint.connection(id)->audio());
  EXPECT_GT(powerShare(heard, 16000, 500, 30), 0.98);
  EXPECT_LT(powerShare(heard, 16000, 1700, 30), 0.001);
  EXPECT_EQ(stranger.received(), 0U);
}

// A phone behind NAT sends from another port than its SDP says.
TEST_F(Audio, AudioFollowsTheRealSourceAddress) {
  SoupEndpoint endpoint;
  Phone phone(*gateway, {.codecs = {"L16/16000"}});
  ASSERT_EQ(phone.call(endpoint.uri("/nat")), 200);
  RtpPeer real;
  real.setFormat("L16/16000", 96);
  real.setRemote(phone.answer().address, phone.answer().port);
  real.play(sine(16000, 500, 0.6, 8000));
  ASSERT_TRUE(real.waitReceived(20, 5s));
  ASSERT_TRUE(endpoint.waitBinaries(openPath(endpoint, "/nat"), 20, 3s));
}

TEST_F(Audio, GarbageOnTheRtpPortDoesNoHarm) {
  SoupEndpoint endpoint;
  Phone phone(*gateway, {.codecs = {"L16/16000"}});
  ASSERT_EQ(phone.call(endpoint.uri("/junk")), 200);
  const int id = openPath(endpoint, "/junk");
  for (const std::string& junk :
       {std::string(), std::string("x"), std::string(11, '\x80'), std::string(1400, '\xFF'),
        std::string("\x8F\x60") + std::string(10, '\1'),
        std::string("\x90\x60") + std::string(12, '\xFF'),
        std::string("\xA0\x60") + std::string(20, '\xFF')}) {
    phone.rtp().sendNow(junk);
  }
  phone.rtp().play(sine(16000, 500, 0.6, 8000));
  ASSERT_TRUE(phone.rtp().waitPlayed(5s));
  ASSERT_TRUE(endpoint.waitBinaries(id, 28, 3s));
  EXPECT_TRUE(phone.hangUp());
}

// Odd sizes and fragments are one stream of samples.
TEST_F(Audio, AnyMessageSizeIsPlayedInOrder) {
  SoupEndpoint endpoint;
  Phone phone(*gateway, {.codecs = {"L16/16000"}});
  ASSERT_EQ(phone.call(endpoint.uri("/sizes")), 200);
  const int id = openPath(endpoint, "/sizes");
  const Samples answer = syllables(16000, 3);
  const std::string bytes = toBytes(answer);
  const size_t sizes[] = {1, 639, 641, 1280, 3, 100, 100000, 7, 320, 5};
  for (size_t at = 0, i = 0; at < bytes.size(); ++i) {
    const size_t size = std::min(sizes[i % std::size(sizes)], bytes.size() - at);
    endpoint.sendBinary(id, bytes.substr(at, size));
    at += size;
  }
  ASSERT_TRUE(phone.rtp().waitReceived(190, 10s));
  const Match match = findIn(slice(answer, 1600, 44800), phone.rtp().decoded());
  EXPECT_GT(match.correlation, 0.9999);
}

// Fifty calls at once, each with a tone of its own that the endpoint sends back.
TEST_F(Audio, FiftyCallsDoNotHearEachOther) {
  constexpr int kCalls = kSanitized ? 10 : 50;  // as many as are carried in time
  SoupEndpoint endpoint({.echo = true});
  std::vector<std::unique_ptr<Phone>> phones;
  for (int i = 0; i < kCalls; ++i) {
    phones.push_back(std::make_unique<Phone>(
        *gateway, Phone::Options{.codecs = {i % 2 == 0 ? "PCMU" : "L16/16000"}}));
    phones.back()->dial(endpoint.uri("/call" + std::to_string(i)));
  }
  const auto hertz = [](int i) { return 300 + 50 * i; };
  for (int i = 0; i < kCalls; ++i) {
    ASSERT_EQ(phones[static_cast<size_t>(i)]->waitAnswer(15s), 200) << i;
  }
  for (int i = 0; i < kCalls; ++i) {
    auto& rtp = phones[static_cast<size_t>(i)]->rtp();
    rtp.play(sine(rtp.rate(), hertz(i), 3, 6000));
  }
  for (auto& phone : phones)
    ASSERT_TRUE(phone->rtp().waitPlayed(20s));
  for (int i = 0; i < kCalls; ++i) {
    auto& phone = *phones[static_cast<size_t>(i)];
    const auto id = endpoint.waitPath("/call" + std::to_string(i), 1s);
    ASSERT_TRUE(id.has_value());
    EXPECT_TRUE(endpoint.waitBinaries(*id, 148, 3s)) << i;
    const Samples atEndpoint = fromBytes(endpoint.connection(*id)->audio());
    EXPECT_NEAR(dominantHertz(atEndpoint, 16000), hertz(i), 8) << i;
    EXPECT_GT(powerShare(atEndpoint, 16000, hertz(i), 20), 0.97) << i;
    const Samples heard = phone.rtp().decoded();
    const auto rate = static_cast<size_t>(phone.rtp().rate());
    const Samples tail = slice(heard, heard.size() - rate * 2, rate);
    EXPECT_NEAR(dominantHertz(tail, phone.rtp().rate()), hertz(i), 8) << i;
  }
  for (auto& phone : phones)
    phone->sip().sendBye();
  for (auto& phone : phones)
    EXPECT_TRUE(gateway->waitEnd(phone->callId()).has_value());
}

}  // namespace
}  // namespace e2e
