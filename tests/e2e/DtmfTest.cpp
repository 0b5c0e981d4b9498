// SPDX-License-Identifier: LGPL-2.1-or-later
// Keys: RFC 4733 and SIP INFO to the endpoint, and the endpoint's wish to send some to the caller.
#include <gtest/gtest.h>
#include <json-glib/json-glib.h>

#include "Phone.hpp"
#include "SoupEndpoint.hpp"

namespace e2e {
namespace {

struct Key {
  std::string digit;
  int duration = 0;
};

// {"digit":"5","duration":100}
std::optional<Key> keyOf(const std::string& text) {
  JsonParser* parser = json_parser_new();
  std::optional<Key> key;
  if (json_parser_load_from_data(parser, text.c_str(), -1, nullptr)) {
    JsonObject* object = json_node_get_object(json_parser_get_root(parser));
    if (json_object_has_member(object, "digit") && json_object_has_member(object, "duration")) {
      key = Key{json_object_get_string_member(object, "digit"),
                static_cast<int>(json_object_get_int_member(object, "duration"))};
    }
  }
  g_object_unref(parser);
  return key;
}

class Dtmf : public ::testing::Test {
 protected:
  E2E_SHARED_GATEWAY((Gateway::Options{}));

  void SetUp() override {
    phone_ = std::make_unique<Phone>(*gateway);
    ASSERT_EQ(phone_->call(endpoint_.uri()), 200);
    ASSERT_TRUE(endpoint_.waitTexts(1, 1, 5s));
  }

  // The keys behind the first message; waits for as many, and a little longer for one too many.
  std::vector<Key> keys(size_t number, Millis limit = 5s) {
    EXPECT_TRUE(endpoint_.waitTexts(1, number + 1, limit));
    EXPECT_FALSE(endpoint_.waitTexts(1, number + 2, 300ms)) << "a key arrived twice";
    std::vector<Key> found;
    const auto texts = endpoint_.connection(1)->texts();
    for (size_t i = 1; i < texts.size(); ++i) {
      const auto key = keyOf(texts[i]);
      EXPECT_TRUE(key.has_value()) << texts[i];
      if (key) found.push_back(*key);
    }
    return found;
  }

  static std::string digits(const std::vector<Key>& keys) {
    std::string all;
    for (const auto& key : keys)
      all += key.digit;
    return all;
  }

  SoupEndpoint endpoint_;
  std::unique_ptr<Phone> phone_;
};

TEST_F(Dtmf, EveryKeyOnceInOrderWithItsDuration) {
  const std::string all = "0123456789*#ABCD";
  auto& rtp = phone_->rtp();
  rtp.play(syllables(8000, 0.2));
  for (size_t i = 0; i < all.size(); ++i) {
    rtp.playDtmf(all[i], 80 + 20 * static_cast<int>(i % 4));
    rtp.pause(40);
  }
  const auto found = keys(all.size(), 10s);
  EXPECT_EQ(digits(found), all);
  for (size_t i = 0; i < found.size(); ++i) {
    EXPECT_EQ(found[i].duration, 80 + 20 * static_cast<int>(i % 4)) << found[i].digit;
  }
}

TEST_F(Dtmf, MessageIsByteCompatible) {
  phone_->rtp().playDtmf('5', 100);
  keys(1);
  EXPECT_EQ(endpoint_.connection(1)->texts().at(1), R"({"digit":"5","duration":100})");
}

TEST_F(Dtmf, SameKeyThreeTimesIsThreeKeys) {
  for (int i = 0; i < 3; ++i) {
    phone_->rtp().playDtmf('5', 100);
    phone_->rtp().pause(60);
  }
  EXPECT_EQ(digits(keys(3)), "555");
}

TEST_F(Dtmf, ManyEndPacketsAreOneKey) {
  phone_->rtp().playDtmf('7', 120, 8);
  const auto found = keys(1);
  ASSERT_EQ(digits(found), "7");
  EXPECT_EQ(found[0].duration, 120);
}

TEST_F(Dtmf, LostEndPacketsStillGiveTheKey) {
  phone_->rtp().playDtmf('1', 200, 0);
  phone_->rtp().playDtmf('2', 100, 1);
  phone_->rtp().pause(60);
  phone_->rtp().playDtmf('3', 160, 0);
  phone_->rtp().play(syllables(8000, 1));
  const auto found = keys(3, 8s);
  ASSERT_EQ(digits(found), "123");
  EXPECT_NEAR(found[0].duration, 180, 41);
  EXPECT_EQ(found[1].duration, 100);
}

TEST_F(Dtmf, NoAudioWhileAKeyIsSent) {
  auto& rtp = phone_->rtp();
  rtp.play(sine(8000, 500, 0.4, 8000));
  rtp.playDtmf('9', 400);
  ASSERT_TRUE(rtp.waitPlayed(5s));
  ASSERT_EQ(digits(keys(1)), "9");
  EXPECT_FALSE(endpoint_.waitBinaries(1, 23, 100ms)) << "telephone-events are no audio";
  rtp.play(sine(8000, 500, 0.4, 8000));
  EXPECT_TRUE(endpoint_.waitBinaries(1, 38, 5s)) << "audio goes on behind the key";
}

TEST_F(Dtmf, FastBurstOfKeysArrivesComplete) {
  std::string typed;
  for (int i = 0; i < 40; ++i) {
    const char digit = static_cast<char>('0' + i * 7 % 10);
    typed.push_back(digit);
    phone_->rtp().playDtmf(digit, 40, 3);
    phone_->rtp().pause(20);
  }
  EXPECT_EQ(digits(keys(40, 15s)), typed);
}

// The clock of the event is that of the audio (RFC 4733 section 2.1).
TEST_F(Dtmf, WidebandKeysHaveTheWidebandClock) {
  Phone phone(*gateway, {.codecs = {"L16/16000", "telephone-event/16000"}});
  ASSERT_EQ(phone.call(endpoint_.uri("/wide")), 200);
  ASSERT_EQ(phone.answer().payloadTypeOf("telephone-event/16000"), 102);
  const int id = endpoint_.waitPath("/wide", 5s).value_or(0);
  phone.rtp().play(syllables(16000, 0.2));
  phone.rtp().playDtmf('8', 240);
  phone.rtp().pause(60);
  phone.rtp().playDtmf('#', 100);
  ASSERT_TRUE(endpoint_.waitTexts(id, 3, 5s));
  const auto texts = endpoint_.connection(id)->texts();
  EXPECT_EQ(texts[1], R"({"digit":"8","duration":240})");
  EXPECT_EQ(texts[2], R"({"digit":"#","duration":100})");
}

TEST_F(Dtmf, InfoDtmfRelay) {
  const auto info = [this](const std::string& body) {
    const auto answer = phone_->sip().request("INFO", {}, body, "application/dtmf-relay");
    return answer ? answer->status : 0;
  };
  EXPECT_EQ(info("Signal=5\r\nDuration=160\r\n"), 200);
  EXPECT_EQ(info("Signal= #\r\nDuration= 250\r\n"), 200);
  EXPECT_EQ(info("Signal=*\r\nDuration=100\r\n"), 200);
  const auto found = keys(3);
  EXPECT_EQ(digits(found), "5#*");
  ASSERT_EQ(found.size(), 3U);
  EXPECT_EQ(found[0].duration, 160);
  EXPECT_EQ(found[1].duration, 250);
}

TEST_F(Dtmf, UnknownInfoIsRefusedAndHarmless) {
  const auto answer = phone_->sip().request("INFO", {}, "<x/>", "application/media_control+xml");
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->status, 415);
  const auto broken = phone_->sip().request("INFO", {}, "Signal=banana", "application/dtmf-relay");
  ASSERT_TRUE(broken.has_value());
  EXPECT_GE(broken->status, 400);
  EXPECT_TRUE(keys(0).empty());
  EXPECT_TRUE(phone_->hangUp());
}

// {"action":"clear"} empties what is queued for playing, within a frame or two.
TEST_F(Dtmf, ClearFromTheEndpointStopsPlaying) {
  Phone phone(*gateway, {.codecs = {"L16/16000"}});
  ASSERT_EQ(phone.call(endpoint_.uri("/clear")), 200);
  const int id = endpoint_.waitPath("/clear", 5s).value_or(0);
  endpoint_.sendBinary(id, toBytes(sine(16000, 700, 10, 8000)));
  ASSERT_TRUE(phone.rtp().waitReceived(50, 5s));
  endpoint_.sendText(id, R"({"action":"clear"})");
  const size_t at = phone.rtp().received();
  ASSERT_TRUE(phone.rtp().waitReceived(at + 40, 5s));
  const Samples heard = phone.rtp().decoded();
  EXPECT_LT(levelDbov(slice(heard, (at + 8) * 320, 320 * 30)), -40) << "still playing";
}

// {"action":"dtmf"}: every key to the phone as RFC 4733 has it, and the endpoint is told of each.
TEST_F(Dtmf, KeysFromTheEndpointReachThePhone) {
  for (const auto& codec : {std::string("PCMU"), std::string("L16/16000")}) {
    SCOPED_TRACE(codec);
    Phone phone(*gateway, {.codecs = {codec, "telephone-event"}});
    const std::string path = "/" + codec.substr(0, 3);
    ASSERT_EQ(phone.call(endpoint_.uri(path)), 200);
    const int id = endpoint_.waitPath(path, 5s).value_or(0);
    ASSERT_TRUE(phone.rtp().waitReceived(10, 5s));
    endpoint_.sendText(id, R"({"action":"dtmf","digits":"1D#","duration":120})");
    ASSERT_TRUE(endpoint_.waitTexts(id, 4, 5s));
    const auto texts = endpoint_.connection(id)->texts();
    EXPECT_EQ(texts[1], R"({"event":"websocket:dtmf:sent","digit":"1"})");
    EXPECT_EQ(texts[2], R"({"event":"websocket:dtmf:sent","digit":"D"})");
    EXPECT_EQ(texts[3], R"({"event":"websocket:dtmf:sent","digit":"#"})");

    ASSERT_TRUE(phone.rtp().waitReceived(phone.rtp().received() + 10, 5s));
    std::vector<int> codes;
    const auto packets = phone.rtp().packets();
    for (size_t i = 0; i < packets.size(); ++i) {
      if (i > 0) {
        EXPECT_EQ(static_cast<uint16_t>(packets[i].sequence - packets[i - 1].sequence), 1);
      }
      if (packets[i].payload.size() != 4) continue;
      EXPECT_EQ(packets[i].marker, codes.empty() || codes.back() < 0);
      const bool end = (packets[i].payload[1] & 0x80) != 0;
      const bool last = end && i >= 2 && packets[i - 2].payload == packets[i].payload;
      if (packets[i].marker) codes.push_back(packets[i].payload[0]);
      if (last) codes.push_back(-1);
    }
    EXPECT_EQ(codes, (std::vector<int>{1, -1, 15, -1, 11, -1}));
    EXPECT_TRUE(phone.hangUp());
  }
}

// What a re-INVITE is answered with is what happens from then on (RFC 3264 8.3.2).
TEST_F(Dtmf, AReInviteMayRenumberOrAddTheEvents) {
  for (const bool added : {false, true}) {
    SCOPED_TRACE(added);
    Phone phone(*gateway, {.codecs = added ? std::vector<std::string>{"PCMU"}
                                           : std::vector<std::string>{"PCMU", "telephone-event"}});
    const std::string path = added ? "/added" : "/renumbered";
    ASSERT_EQ(phone.call(endpoint_.uri(path)), 200);
    const int id = endpoint_.waitPath(path, 5s).value_or(0);
    std::string offer = makeSdp(phone.rtp().port(), {"PCMU", "telephone-event"});
    for (size_t at = offer.find("101"); at != std::string::npos; at = offer.find("101", at))
      offer.replace(at, 3, "110");
    offer += "a=rtcp-mux\r\n";
    const auto answer = phone.sip().reInvite(offer);
    ASSERT_TRUE(answer.has_value());
    ASSERT_EQ(answer->status, 200);
    const auto agreed = parseSdp(answer->body);
    ASSERT_TRUE(agreed.has_value());
    EXPECT_EQ(agreed->payloadTypeOf("telephone-event"), 110);
    EXPECT_EQ(answer->body.find("rtcp-mux"), std::string::npos) << "RTCP stays where it is";
    phone.adopt(*agreed);
    phone.rtp().playDtmf('7', 100);
    ASSERT_TRUE(endpoint_.waitTexts(id, 2, 5s));
    EXPECT_EQ(endpoint_.connection(id)->texts()[1], R"({"digit":"7","duration":100})");
    phone.rtp().forget();
    endpoint_.sendText(id, R"({"action":"dtmf","digits":"9","duration":100})");
    ASSERT_TRUE(endpoint_.waitTexts(id, 3, 5s));
    ASSERT_TRUE(phone.rtp().waitReceived(20, 5s));
    size_t events = 0;
    for (const auto& packet : phone.rtp().packets()) {
      if (packet.payload.size() != 4) continue;
      EXPECT_EQ(packet.payloadType, 110);
      ++events;
    }
    EXPECT_GE(events, 5U);
    EXPECT_TRUE(phone.hangUp());
  }
}

// A phone without telephone-event gets keys by INFO, each when the one before was answered.
TEST_F(Dtmf, KeysGoByInfoWhereThereIsNoTelephoneEvent) {
  Phone phone(*gateway, {.codecs = {"PCMU"}, .allow = ""});
  ASSERT_EQ(phone.call(endpoint_.uri("/info")), 200);
  const int id = endpoint_.waitPath("/info", 5s).value_or(0);
  endpoint_.sendText(id, R"({"action":"dtmf","digits":"1#D","duration":200})");
  ASSERT_TRUE(endpoint_.waitTexts(id, 4, 5s));
  const auto requests = phone.sip().requests("INFO");
  ASSERT_EQ(requests.size(), 3U);
  const std::string digits = "1#D";
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(requests[i].header("Content-Type"), "application/dtmf-relay");
    EXPECT_EQ(requests[i].body, std::string("Signal=") + digits[i] + "\r\nDuration=200\r\n");
    EXPECT_EQ(endpoint_.connection(id)->texts()[i + 1],
              std::string(R"({"event":"websocket:dtmf:sent","digit":")") + digits[i] + "\"}");
  }
  EXPECT_TRUE(phone.hangUp());
}

TEST_F(Dtmf, KeysThatThePhoneCannotTakeAreTold) {
  const auto told = [] {
    double keys = 0;
    for (const LogRecord& record : gateway->records("dtmf-undeliverable"))
      keys += record.number("keys");
    return keys;
  };
  const double before = told();
  const auto lost = [&](double number) {
    return eventually([&] { return told() == before + number; }, 5s);
  };
  Phone phone(*gateway, {.codecs = {"PCMU"}, .allow = "INVITE, ACK, BYE, CANCEL"});
  ASSERT_EQ(phone.call(endpoint_.uri("/none")), 200);
  const int id = endpoint_.waitPath("/none", 5s).value_or(0);
  endpoint_.sendText(id, R"({"action":"dtmf","digits":"1"})");
  EXPECT_TRUE(lost(1));
  EXPECT_TRUE(phone.sip().requests("INFO").empty());
  EXPECT_TRUE(phone.hangUp());

  Phone refusing(*gateway, {.codecs = {"PCMU"}});
  refusing.sip().answerWith("INFO", 415, "Unsupported Media Type");
  ASSERT_EQ(refusing.call(endpoint_.uri("/refusing")), 200);
  const int other = endpoint_.waitPath("/refusing", 5s).value_or(0);
  endpoint_.sendText(other, R"({"action":"dtmf","digits":"123"})");
  EXPECT_TRUE(lost(4)) << "the one before and these three";
  EXPECT_EQ(refusing.sip().requests("INFO").size(), 1U) << "it will not take the others either";
  EXPECT_EQ(endpoint_.connection(other)->texts().size(), 1U);
  EXPECT_TRUE(refusing.hangUp());
}

// {"action":"hangup"} ends the call.
TEST_F(Dtmf, HangupFromTheEndpoint) {
  endpoint_.sendText(1, R"({"action":"hangup"})");
  EXPECT_TRUE(phone_->sip().waitRequest("BYE", 5s).has_value());
  EXPECT_TRUE(endpoint_.waitClosed(1, 5s));
}

TEST_F(Dtmf, OtherTextsFromTheEndpointAreIgnored) {
  for (const char* text :
       {"hello", "{}", "[]", R"({"action":7})", R"({"action":"dance"})", "", "{\"a\":"}) {
    endpoint_.sendText(1, text);
  }
  EXPECT_TRUE(phone_->rtp().waitReceived(phone_->rtp().received() + 25, 5s));
  EXPECT_TRUE(phone_->hangUp());
}

}  // namespace
}  // namespace e2e
