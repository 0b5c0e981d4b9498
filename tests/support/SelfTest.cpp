// SPDX-License-Identifier: LGPL-2.1-or-later
// The measuring tools themselves: a test that trusts a wrong ruler proves nothing.
#include <cmath>

#include <gtest/gtest.h>
#include <libsoup/soup.h>

#include "ChildProcess.hpp"
#include "Pcm.hpp"
#include "RawEndpoint.hpp"
#include "RtpPeer.hpp"
#include "SoupEndpoint.hpp"
#include "TestCa.hpp"

namespace testsupport {
namespace {

TEST(SupportPcm, LevelsFollowTheDefinitionOfDbov) {
  EXPECT_NEAR(levelDbov(Samples(1000, 32767)), 0, 0.01);
  EXPECT_NEAR(levelDbov(sine(8000, 1000, 1, 32767)), -3.01, 0.05);
  EXPECT_EQ(levelDbov(Samples(1000, 0)), -127);
}

TEST(SupportPcm, FindsADelayedQuieterCopy) {
  const Samples sent = syllables(16000, 2);
  Samples received(4321, 0);
  for (const int16_t sample : sent)
    received.push_back(static_cast<int16_t>(sample / 2));
  received.resize(received.size() + 8000);
  const Match match = findIn(sent, received);
  EXPECT_EQ(match.lag, 4321);
  EXPECT_GT(match.correlation, 0.999);
  EXPECT_NEAR(match.gainDb, -6.02, 0.1);
  EXPECT_LT(findIn(sent, noise(16000, 3, 8000)).correlation, 0.1);
}

TEST(SupportPcm, AnInsertedFrameSpoilsOnePieceAndNoiseAll) {
  const Samples sent = syllables(16000, 2);
  Samples received = slice(sent, 0, 10'000);
  const Samples inserted = noise(16000, 0.02, 3000);
  received.insert(received.end(), inserted.begin(), inserted.end());
  received.insert(received.end(), sent.begin() + 10'000, sent.end());
  const double share = shareFound(sent, received, 3200, 0.99);
  EXPECT_GE(share, 0.6);
  EXPECT_LT(share, 1);
  EXPECT_EQ(shareFound(sent, noise(16000, 2.5, 8000), 3200, 0.99), 0);
}

TEST(SupportPcm, SpectrumTellsTonesFromNoise) {
  EXPECT_NEAR(dominantHertz(sine(16000, 1234, 1, 5000), 16000), 1234, 2);
  EXPECT_GT(powerShare(sine(16000, 1234, 1, 5000), 16000, 1234, 10), 0.99);
  EXPECT_GT(spectralFlatness(noise(16000, 2, 300), 16000), 0.4);
  EXPECT_LT(spectralFlatness(sine(16000, 1000, 2, 3000), 16000), 0.05);
}

TEST(SupportRtp, PeersHearEachOther) {
  RtpPeer a;
  RtpPeer b;
  a.setFormat("L16/16000", 96);
  b.setFormat("L16/16000", 96);
  a.setRemote("127.0.0.1", b.port());
  const Samples tone = sine(16000, 440, 0.4, 9000);
  a.play(tone, {.lose = {3}, .duplicate = {5}, .swapWithNext = {7}, .ssrcFrom = {}});
  ASSERT_TRUE(a.waitPlayed(5s));
  ASSERT_TRUE(b.waitReceived(20, 5s));
  const Samples heard = b.decoded();
  ASSERT_EQ(heard.size(), tone.size());
  EXPECT_EQ(slice(heard, 0, 960), slice(tone, 0, 960));
  EXPECT_EQ(levelDbov(slice(heard, 960, 320)), -127);
  EXPECT_EQ(slice(heard, 1280, 5120), slice(tone, 1280, 5120));
  const auto packets = b.packets();
  EXPECT_NEAR(millisBetween(packets.front().at, packets.back().at), 380, 60);
}

TEST(SupportProcess, CollectsLinesAndStatus) {
  ChildProcess shell({"sh", "-c", "echo one; echo two >&2; read line; echo got $line; exit 3"});
  EXPECT_TRUE(shell.waitForLine("^two$", 5s).has_value());
  shell.writeInput("three\n");
  EXPECT_TRUE(shell.waitForLine("got three", 5s).has_value());
  EXPECT_EQ(shell.waitExit(5s), 3);
  EXPECT_FALSE(shell.waitForLine("never", 5s).has_value());
  EXPECT_GT(usageOf(getpid()).descriptors, 2);
}

// libsoup as a client against both endpoints.
class SupportEndpoint : public ::testing::Test {
 protected:
  SoupWebsocketConnection* open(const std::string& uri, GTlsDatabase* trust, std::string* failure) {
    SoupSession* session = soup_session_new();
    if (trust != nullptr) soup_session_set_tls_database(session, trust);
    char* protocols[] = {const_cast<char*>("WSBRIDGE"), nullptr};
    struct Result {
      bool done = false;
      SoupWebsocketConnection* ws = nullptr;
      std::string failure;
    } result;
    SoupMessage* message = soup_message_new("GET", uri.c_str());
    soup_session_websocket_connect_async(
        session, message, nullptr, protocols, G_PRIORITY_DEFAULT, nullptr,
        [](GObject* source, GAsyncResult* answer, gpointer data) {
          auto* out = static_cast<Result*>(data);
          GError* error = nullptr;
          out->ws = soup_session_websocket_connect_finish(SOUP_SESSION(source), answer, &error);
          if (error != nullptr) out->failure = error->message;
          g_clear_error(&error);
          out->done = true;
        },
        &result);
    while (!result.done)
      g_main_context_iteration(nullptr, TRUE);
    g_object_unref(message);
    g_object_unref(session);
    if (failure != nullptr) *failure = result.failure;
    return result.ws;
  }
};

TEST_F(SupportEndpoint, SoupEndpointRecordsAndEchoes) {
  SoupEndpoint endpoint({.echo = true, .handshakeDelay = 50ms});
  SoupWebsocketConnection* ws = open(endpoint.uri("/a?b=c"), nullptr, nullptr);
  ASSERT_NE(ws, nullptr);
  soup_websocket_connection_send_text(ws, "hello");
  soup_websocket_connection_send_binary(ws, "12345", 5);
  ASSERT_TRUE(endpoint.waitConnections(1, 5s));
  ASSERT_TRUE(endpoint.waitBinaries(1, 1, 5s));
  soup_websocket_connection_close(ws, 1000, "bye");
  while (!endpoint.waitClosed(1, 1ms))
    g_main_context_iteration(nullptr, FALSE);
  const auto record = endpoint.connection(1);
  ASSERT_TRUE(record.has_value());
  EXPECT_EQ(record->path, "/a");
  EXPECT_EQ(record->query, "b=c");
  EXPECT_EQ(record->protocol, "WSBRIDGE");
  EXPECT_EQ(record->texts(), std::vector<std::string>{"hello"});
  EXPECT_EQ(record->audio(), "12345");
  EXPECT_EQ(record->closeCode, 1000U);
  EXPECT_EQ(record->closeReason, "bye");
  g_object_unref(ws);
}

TEST_F(SupportEndpoint, SoupEndpointRejects) {
  SoupEndpoint endpoint({.rejectStatus = 403});
  std::string failure;
  EXPECT_EQ(open(endpoint.uri(), nullptr, &failure), nullptr);
  EXPECT_FALSE(failure.empty());
  EXPECT_EQ(endpoint.requests(), 1U);
  EXPECT_EQ(endpoint.count(), 0U);
}

TEST_F(SupportEndpoint, CertificatesAreGoodAndBadAsTheyClaim) {
  const TestCa ca;
  GTlsDatabase* trust = g_tls_file_database_new(ca.caFile().c_str(), nullptr);
  ASSERT_NE(trust, nullptr);
  const auto accepted = [&](const CertificatePair& pair) {
    SoupEndpoint endpoint({.certFile = pair.certFile, .keyFile = pair.keyFile});
    SoupWebsocketConnection* ws = open(endpoint.uri(), trust, nullptr);
    if (ws == nullptr) return false;
    g_object_unref(ws);
    return true;
  };
  EXPECT_TRUE(accepted(ca.valid()));
  EXPECT_FALSE(accepted(ca.selfSigned()));
  EXPECT_FALSE(accepted(ca.wrongHost()));
  EXPECT_FALSE(accepted(ca.expired()));
  g_object_unref(trust);
}

TEST_F(SupportEndpoint, RawEndpointSpeaksByHand) {
  RawEndpoint endpoint;
  std::shared_ptr<RawConnection> server;
  std::thread accepting([&] {
    server = endpoint.accept(5s);
    if (server) server->acceptHandshake();
  });
  SoupWebsocketConnection* ws = open(endpoint.uri(), nullptr, nullptr);
  accepting.join();
  ASSERT_NE(ws, nullptr);
  ASSERT_NE(server, nullptr);
  soup_websocket_connection_send_text(ws, "to the server");
  const auto frame = server->recvFrame(Opcode::Text, 5s);
  ASSERT_TRUE(frame.has_value());
  EXPECT_TRUE(frame->masked);
  EXPECT_EQ(frame->payload, "to the server");
  server->reset();
  g_object_unref(ws);
}

TEST_F(SupportEndpoint, RawEndpointRefusesInManyWays) {
  for (const auto kind : {Misbehaviour::Status401, Misbehaviour::Status404, Misbehaviour::Status500,
                          Misbehaviour::Garbage, Misbehaviour::WrongAcceptKey,
                          Misbehaviour::WrongSubprotocol, Misbehaviour::ClosesAfterRequest}) {
    RawEndpoint endpoint(kind);
    EXPECT_EQ(open(endpoint.uri(), nullptr, nullptr), nullptr) << static_cast<int>(kind);
  }
}

}  // namespace
}  // namespace testsupport
