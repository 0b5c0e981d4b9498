// SPDX-License-Identifier: LGPL-2.1-or-later
#include "Conversation.hpp"

#include <algorithm>

#include <glib.h>
#include <json-glib/json-glib.h>

namespace e2e {

namespace {

constexpr double kLoudDbov = -40;  // far from the noise and from the tones

}  // namespace

std::string base64(const std::string& bytes) {
  char* text = g_base64_encode(reinterpret_cast<const guchar*>(bytes.data()), bytes.size());
  std::string result(text);
  g_free(text);
  return result;
}

std::string memberOf(const std::string& text, const std::vector<const char*>& path) {
  JsonParser* parser = json_parser_new();
  std::string value;
  if (json_parser_load_from_data(parser, text.c_str(), -1, nullptr)) {
    JsonNode* node = json_parser_get_root(parser);
    for (const char* name : path) {
      const bool object = node != nullptr && JSON_NODE_HOLDS_OBJECT(node);
      node = object ? json_object_get_member(json_node_get_object(node), name) : nullptr;
    }
    if (node != nullptr && json_node_get_value_type(node) == G_TYPE_STRING)
      value = json_node_get_string(node);
  }
  g_object_unref(parser);
  return value;
}

Samples joined(const std::vector<Samples>& parts) {
  Samples all;
  for (const Samples& part : parts)
    all.insert(all.end(), part.begin(), part.end());
  return all;
}

void expectTone(const Samples& heard, int rate, double hertz, double seconds) {
  EXPECT_NEAR(static_cast<double>(heard.size()) / rate, seconds, 0.041);
  EXPECT_NEAR(dominantHertz(heard, rate), hertz, 8);
  EXPECT_GT(powerShare(heard, rate, hertz, 40), 0.95);
  EXPECT_NEAR(levelDbov(heard), levelDbov(sine(rate, hertz, seconds, 8000)), 0.7);
}

Samples heardBy(const RtpPeer& rtp, size_t from) {
  const Samples all = rtp.decoded();
  const size_t at = std::min(from * static_cast<size_t>(rtp.rate() / 50), all.size());
  return louderThan(slice(all, at, all.size() - at), rtp.rate(), kLoudDbov);
}

// The clock of the keys is that of the audio.
Phone::Options withKeys(const std::string& codec) {
  const size_t slash = codec.find('/');
  const std::string clock = slash == std::string::npos ? "" : codec.substr(slash);
  return {.codecs = {codec, "telephone-event" + clock}};
}

Conversation::Conversation(const Gateway& gateway, const Talk& talk)
    : talk_(talk), endpoint_({.protocol = talk.offered}), phone_(gateway, withKeys(talk.codec)) {}

bool Conversation::begin() {
  const std::string type = talk_.encoding.empty() ? "audio/l16;rate=" + std::to_string(talk_.rate)
                                                  : "audio/" + talk_.encoding + ";rate=8000";
  const int answer = phone_.call(endpoint_.uri(), {{kDialectHeader, talk_.dialect},
                                                   {kHeadersHeader, percentEncode(kCustomKeys)},
                                                   {kContentTypeHeader, percentEncode(type)}});
  if (answer != 200 || !waitControls(talk_.opening.size())) return false;
  if (audioIsText()) stream_ = memberOf(controls().at(1).data, {"streamSid"});
  if (!talk_.hello.empty()) send(talk_.hello);
  return true;
}

void Conversation::expectNormalEnd() {
  EXPECT_TRUE(phone_.hangUp());
  ASSERT_TRUE(endpoint_.waitClosed(1, 5s));
  EXPECT_EQ(record().closeCode, 1000U);
  EXPECT_FALSE(record().closeReason.empty());
  EXPECT_FALSE(record().error);
}

void Conversation::play(const Samples& samples) {
  playBytes(talk_.encoding.empty() ? toBytes(samples)
                                   : RtpPeer::encodePayload(talk_.encoding, samples));
}

void Conversation::playBytes(const std::string& encoded) {
  if (!audioIsText()) return endpoint_.sendBinary(1, encoded);
  send(R"({"event":"media","streamSid":"<stream>","media":{"payload":")" + base64(encoded) +
       "\"}}");
}

bool Conversation::isAudio(const EndpointMessage& message) const {
  return !message.text || (audioIsText() && message.data.rfind(R"({"event":"media")", 0) == 0);
}

std::vector<EndpointMessage> Conversation::select(const EndpointConnection& connection,
                                                  bool audio) const {
  std::vector<EndpointMessage> chosen;
  for (const auto& message : connection.messages) {
    if (isAudio(message) == audio) chosen.push_back(message);
  }
  return chosen;
}

bool Conversation::waitMessages(bool audio, size_t number, Millis limit) const {
  size_t seen = 0;
  size_t matching = 0;
  return endpoint_.waitFor(
      1,
      [&](const EndpointConnection& connection) {
        for (; seen < connection.messages.size(); ++seen) {
          if (isAudio(connection.messages[seen]) == audio) ++matching;
        }
        return matching >= number;
      },
      limit);
}

std::string Conversation::audioOf(const EndpointMessage& message) const {
  if (!message.text) return message.data;
  gsize size = 0;
  guchar* bytes = g_base64_decode(memberOf(message.data, {"media", "payload"}).c_str(), &size);
  std::string audio(reinterpret_cast<char*>(bytes), size);
  g_free(bytes);
  return audio;
}

std::vector<Samples> Conversation::frames() const {
  std::vector<Samples> all;
  for (const auto& message : select(record(), true)) {
    const std::string audio = audioOf(message);
    all.push_back(talk_.encoding.empty() ? fromBytes(audio)
                                         : RtpPeer::decodePayload(talk_.encoding, audio));
  }
  return all;
}

std::string Conversation::codes() const {
  std::string all;
  for (const auto& message : select(record(), true))
    all += audioOf(message);
  return all;
}

void Conversation::expectTranscript(const std::vector<std::string>& wanted) const {
  Script script(phone_.callId());
  size_t next = 0;
  size_t chunk = 0;
  const auto messages = record().messages;
  for (size_t i = 0; i < messages.size(); ++i) {
    std::string pattern;
    if (isAudio(messages[i])) {
      EXPECT_EQ(next, talk_.opening.size()) << "audio out of its place";
      if (!messages[i].text) continue;
      pattern = R"({"event":"media","sequenceNumber":"<seq>","media":{"track":"inbound",)"
                R"("chunk":")" +
                std::to_string(chunk + 1) + R"(","timestamp":")" + std::to_string(chunk * 20) +
                R"(","payload":"<payload>"},"streamSid":"<stream>"})";
      ++chunk;
    } else {
      ASSERT_LT(next, wanted.size()) << "one too many: " << messages[i].data;
      pattern = wanted[next++];
    }
    EXPECT_TRUE(script.matches(replaced(pattern, "<seq>", std::to_string(i)), messages[i].data));
  }
  EXPECT_EQ(next, wanted.size()) << "the last ones are missing";
}

void Conversation::expectControls(const std::vector<std::string>& wanted) const {
  Script script(phone_.callId());
  const auto got = controls();
  for (size_t i = 0; i < std::min(got.size(), wanted.size()); ++i)
    EXPECT_TRUE(script.matches(wanted[i], got[i].data)) << "message " << i;
  EXPECT_EQ(got.size(), wanted.size());
}

Clock::time_point Conversation::firstHeard(size_t from) const {
  const auto packets = phone_.rtp().packets();
  for (size_t i = from; i < packets.size(); ++i) {
    if (levelDbov(RtpPeer::decodePayload(phone_.codec(), packets[i].payload)) > kLoudDbov)
      return packets[i].at;
  }
  ADD_FAILURE() << "nothing is heard";
  return {};
}

}  // namespace e2e
