// SPDX-License-Identifier: LGPL-2.1-or-later
#include <algorithm>

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <gtest/gtest.h>
#include <libsoup/soup.h>

#include "TestCa.hpp"
#include "admin/HttpServer.hpp"

namespace launcher {

namespace {

/// The server and its client on one main loop.
class HttpServerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    server_ = std::make_unique<HttpServer>(kMost);
    server_->add("/now", [](const HttpRequest& request, const auto& answer) {
      answer({200,
              "text/plain",
              request.method + " " + request.path + " " + request.body,
              {{"X-Test", request.contentType}}});
    });
    server_->add("/whose", [](const HttpRequest& request, const auto& answer) {
      answer({200, "text/plain", request.loopback ? "own" : "other"});
    });
    server_->add("/later", [this](const HttpRequest&, auto answer) {
      waiting_.push_back(std::move(answer));
    });
    ASSERT_TRUE(server_->listen({"127.0.0.1", 0}, "", ""));
  }
  void TearDown() override {
    session_.reset();
    server_.reset();
    while (g_main_context_iteration(nullptr, FALSE)) {
    }
  }

  static constexpr std::size_t kMost = 8;

  struct Reply {
    unsigned status = 0;
    std::string body;
    std::string header;
    bool over = false;
  };
  using ReplyPtr = std::shared_ptr<Reply>;

  ReplyPtr ask(const char* method, const std::string& path, const std::string& body = {},
               bool chunked = false, GCancellable* cancel = nullptr) {
    const std::string uri = "http://" + server_->address() + path;
    GObjectPtr<SoupMessage> message(soup_message_new(method, uri.c_str()));
    if (!body.empty()) {
      GBytes* copy = g_bytes_new(body.data(), body.size());
      GInputStream* stream = g_memory_input_stream_new_from_bytes(copy);
      g_bytes_unref(copy);
      soup_message_set_request_body(message.get(), "text/x-test", stream,
                                    chunked ? -1 : static_cast<gssize>(body.size()));
      g_object_unref(stream);
    }
    struct Asked {
      SoupMessage* message;
      ReplyPtr reply;
    };
    auto reply = std::make_shared<Reply>();
    const auto done = [](GObject* session, GAsyncResult* result, gpointer data) {
      const std::unique_ptr<Asked> asked(static_cast<Asked*>(data));
      GBytes* bytes = soup_session_send_and_read_finish(SOUP_SESSION(session), result, nullptr);
      asked->reply->over = true;
      if (!bytes) return;
      gsize size = 0;
      const auto* text = static_cast<const char*>(g_bytes_get_data(bytes, &size));
      asked->reply->body.assign(text ? text : "", size);
      asked->reply->status = soup_message_get_status(asked->message);
      const char* header =
          soup_message_headers_get_one(soup_message_get_response_headers(asked->message), "X-Test");
      asked->reply->header = header ? header : "";
      g_bytes_unref(bytes);
      g_object_unref(asked->message);
    };
    soup_session_send_and_read_async(session_.get(), message.get(), G_PRIORITY_DEFAULT, cancel,
                                     done, new Asked{message.get(), reply});
    static_cast<void>(message.release());
    return reply;
  }

  template <typename Condition>
  static bool turnUntil(Condition condition) {
    bool late = false;
    const guint timer = g_timeout_add_seconds(
        10,
        [](gpointer flag) -> gboolean {
          *static_cast<bool*>(flag) = true;
          return G_SOURCE_CONTINUE;
        },
        &late);
    while (!condition() && !late)
      g_main_context_iteration(nullptr, TRUE);
    g_source_remove(timer);
    return condition();
  }
  static bool waitOver(const ReplyPtr& reply) {
    return turnUntil([&] { return reply->over; });
  }

  /// A connection that says what it likes.
  class Line {
   public:
    explicit Line(const std::string& address)
        : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
      sockaddr_in to{};
      to.sin_family = AF_INET;
      to.sin_port =
          htons(static_cast<std::uint16_t>(std::stoi(address.substr(address.find(':') + 1))));
      to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      if (connect(fd_, reinterpret_cast<sockaddr*>(&to), sizeof to) != 0) ADD_FAILURE() << errno;
    }
    ~Line() { close(fd_); }
    Line(const Line&) = delete;
    Line& operator=(const Line&) = delete;
    void say(const std::string& text) const {
      EXPECT_EQ(send(fd_, text.data(), text.size(), MSG_NOSIGNAL),
                static_cast<ssize_t>(text.size()));
    }
    bool closed() {
      char buffer[4096];
      const ssize_t got = recv(fd_, buffer, sizeof buffer, MSG_DONTWAIT);
      if (got > 0) heard.append(buffer, static_cast<std::size_t>(got));
      return got == 0 || (got < 0 && errno != EAGAIN);
    }
    std::string heard;

   private:
    int fd_;
  };

  std::unique_ptr<HttpServer> server_;
  GObjectPtr<SoupSession> session_{soup_session_new()};
  std::vector<HttpServer::Answer> waiting_;
};

TEST_F(HttpServerTest, ARequestReachesItsResource) {
  const auto reply = ask("POST", "/now/a%20b", "body");
  ASSERT_TRUE(waitOver(reply));
  EXPECT_EQ(reply->status, 200U);
  EXPECT_EQ(reply->body, "POST /now/a b body");
  EXPECT_EQ(reply->header, "text/x-test");
  const auto none = ask("GET", "/nowhere");
  ASSERT_TRUE(waitOver(none));
  EXPECT_EQ(none->status, 404U);
}

TEST_F(HttpServerTest, AnswersMayComeLaterAndInAnyOrder) {
  const auto one = ask("GET", "/later/1");
  ASSERT_TRUE(turnUntil([&] { return waiting_.size() == 1; }));
  const auto two = ask("GET", "/later/2");
  ASSERT_TRUE(turnUntil([&] { return waiting_.size() == 2; }));
  EXPECT_FALSE(one->over);
  waiting_[1]({200, "text/plain", "second"});
  ASSERT_TRUE(waitOver(two));
  EXPECT_FALSE(one->over);
  waiting_[0]({204, "text/plain", ""});
  waiting_[0]({500, "text/plain", "only the first one counts"});
  ASSERT_TRUE(waitOver(one));
  EXPECT_EQ(one->status, 204U);
  EXPECT_EQ(two->body, "second");
}

TEST_F(HttpServerTest, AnAnswerForAClientThatHasGone) {
  const GObjectPtr<GCancellable> cancel(g_cancellable_new());
  const auto gone = ask("GET", "/later", "", false, cancel.get());
  ASSERT_TRUE(turnUntil([&] { return waiting_.size() == 1; }));
  g_cancellable_cancel(cancel.get());
  ASSERT_TRUE(waitOver(gone));
  waiting_[0]({200, "text/plain", "nobody hears it"});
  const auto next = ask("GET", "/now");
  ASSERT_TRUE(waitOver(next));
  EXPECT_EQ(next->status, 200U);
}

TEST_F(HttpServerTest, AnAnswerForAServerThatHasGone) {
  const auto reply = ask("GET", "/later");
  ASSERT_TRUE(turnUntil([&] { return waiting_.size() == 1; }));
  const std::string address = server_->address();
  server_.reset();
  waiting_[0]({200, "text/plain", "nobody hears it"});
  ASSERT_TRUE(waitOver(reply));
  EXPECT_EQ(reply->status, 0U);
}

TEST_F(HttpServerTest, BodiesThatAreTooLongOrOfUnknownLength) {
  const auto fits =
      ask("POST", "/now", std::string(static_cast<std::size_t>(HttpServer::kMaxBody), 'x'));
  ASSERT_TRUE(waitOver(fits));
  EXPECT_EQ(fits->status, 200U);
  const std::string tooLong(static_cast<std::size_t>(HttpServer::kMaxBody) + 1, 'x');
  const auto refused = ask("POST", "/now", tooLong);
  ASSERT_TRUE(waitOver(refused));
  EXPECT_EQ(refused->status, 413U);
  const auto chunked = ask("POST", "/now", "x", true);
  ASSERT_TRUE(waitOver(chunked));
  EXPECT_EQ(chunked->status, 411U);
}

TEST_F(HttpServerTest, WhoSaysNothingGivesWayToWhoAsks) {
  std::vector<std::unique_ptr<Line>> lines;
  for (std::size_t i = 0; i < kMost; ++i) {
    lines.push_back(std::make_unique<Line>(server_->address()));
    lines.back()->say("GET /now HTTP/1.1\r\nHost: h\r\n");
  }
  const auto closed = [&] {
    return std::count_if(lines.begin(), lines.end(), [](auto& line) { return line->closed(); });
  };
  for (int i = 0; i < 50; ++i)
    g_main_context_iteration(nullptr, FALSE);
  EXPECT_EQ(closed(), 0) << "as many as may be";
  const auto reply = ask("GET", "/now");
  ASSERT_TRUE(waitOver(reply));
  EXPECT_EQ(reply->status, 200U);
  EXPECT_TRUE(turnUntil([&] { return closed() == 1; }));
  EXPECT_TRUE(lines.front()->closed()) << "the one that has waited longest";
  lines.back()->say("\r\n");
  EXPECT_TRUE(turnUntil([&] {
    lines.back()->closed();
    return lines.back()->heard.starts_with("HTTP/1.1 200");
  })) << "the others are served as before";
}

TEST_F(HttpServerTest, WhoWaitsForAnAnswerKeepsItsPlace) {
  std::vector<std::unique_ptr<Line>> lines;
  for (std::size_t i = 0; i < kMost; ++i) {
    lines.push_back(std::make_unique<Line>(server_->address()));
    lines.back()->say("GET /later HTTP/1.1\r\nHost: h\r\n\r\n");
  }
  ASSERT_TRUE(turnUntil([&] { return waiting_.size() == kMost; }));
  Line over(server_->address());
  EXPECT_TRUE(turnUntil([&] { return over.closed(); })) << "there is no room";
  for (const auto& answer : waiting_)
    answer({200, "text/plain", "late"});
  for (const auto& line : lines) {
    EXPECT_TRUE(turnUntil([&] {
      line->closed();
      return line->heard.find("late") != std::string::npos;
    }));
  }
  Line again(server_->address());
  again.say("GET /now HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_TRUE(turnUntil([&] {
    again.closed();
    return again.heard.starts_with("HTTP/1.1 200");
  })) << "idle ones give way";
}

TEST_F(HttpServerTest, AProxyAsksForOthers) {
  const auto own = ask("GET", "/whose");
  ASSERT_TRUE(waitOver(own));
  EXPECT_EQ(own->body, "own");
  for (const std::string name : {"Forwarded", "X-Forwarded-For", "X-Real-IP", "Via"}) {
    Line proxy(server_->address());
    proxy.say("GET /whose HTTP/1.0\r\n" + name + ": for=192.0.2.1\r\n\r\n");
    ASSERT_TRUE(turnUntil([&] { return proxy.closed(); }));
    EXPECT_TRUE(proxy.heard.ends_with("other")) << name << " " << proxy.heard;
  }
}

using Phase = HttpConnections::Phase;

TEST(HttpConnections, EachPhaseHasItsTime) {
  const std::pair<Phase, std::int64_t> limits[] = {
      {Phase::Handshake, 3}, {Phase::Head, 10}, {Phase::Body, 10}, {Phase::Answer, 60}};
  for (const auto& [phase, seconds] : limits) {
    HttpConnections table;
    const auto id = table.open(phase, 7);
    EXPECT_TRUE(table.overdue(7 + seconds * 1000000 - 1).empty());
    EXPECT_EQ(table.overdue(7 + seconds * 1000000), std::vector{id});
    table.closed(id);
    EXPECT_TRUE(table.overdue(1000000000).empty());
  }
}

TEST(HttpConnections, WhatDripsInGainsNoTime) {
  HttpConnections table;
  const auto id = table.open(Phase::Head, 0);
  table.enter(id, Phase::Head, 9999999);
  EXPECT_EQ(table.overdue(10000000), std::vector{id});
  table.enter(id, Phase::Body, 9999999);
  EXPECT_TRUE(table.overdue(10000000).empty());
  EXPECT_EQ(table.overdue(19999999), std::vector{id});
}

TEST(HttpConnections, WhoHasWaitedLongestGivesWayButNobodyWhoseRequestWasRead) {
  HttpConnections table;
  EXPECT_EQ(table.longestWaiting(), std::nullopt);
  const auto answered = table.open(Phase::Head, 0);
  table.enter(answered, Phase::Answer, 1);
  EXPECT_EQ(table.longestWaiting(), std::nullopt);
  const auto first = table.open(Phase::Head, 2);
  const auto half = table.open(Phase::Head, 3);
  EXPECT_EQ(table.longestWaiting(), first);
  table.enter(first, Phase::Body, 4);
  EXPECT_EQ(table.longestWaiting(), half);
}

TEST(HttpHandshakes, AHelloIsWholeOrNoTls) {
  const std::vector<std::uint8_t> hello = {22, 3, 1, 0, 4, 1, 0, 0, 0};
  for (std::size_t come = 0; come < 5; ++come)
    EXPECT_EQ(helloSize(std::span(hello).first(come)), 5U) << come;
  for (std::size_t come = 5; come <= hello.size(); ++come)
    EXPECT_EQ(helloSize(std::span(hello).first(come)), 9U) << come;
  const auto of = [](std::vector<std::uint8_t> bytes) { return helloSize(bytes); };
  EXPECT_EQ(of({'G'}), 0U);
  EXPECT_EQ(of({22, 2}), 0U);
  EXPECT_EQ(of({22, 3, 1, 0, 0}), 0U);
  EXPECT_EQ(of({22, 3, 3, 0x40, 0}), (1U << 14U) + 5U);
  EXPECT_EQ(of({22, 3, 3, 0x40, 1}), 0U);
  EXPECT_EQ(of({22, 3, 3, 0xff, 0xff}), 0U);
}

TEST(HttpHandshakes, SoManyBeginAndTheLastOneThatWaitsIsNext) {
  HttpHandshakes handshakes;
  const HttpHandshakes::Id most = HttpHandshakes::kMost;
  for (HttpHandshakes::Id id = 1; id <= most; ++id)
    EXPECT_TRUE(handshakes.ask(id, 0)) << id;
  EXPECT_FALSE(handshakes.anybodyWaits());
  for (HttpHandshakes::Id id = most + 1; id <= most + 3; ++id)
    EXPECT_FALSE(handshakes.ask(id, 0)) << id;
  EXPECT_EQ(handshakes.next(0), std::nullopt);
  handshakes.ended(3);
  EXPECT_EQ(handshakes.next(0), most + 3);
  EXPECT_EQ(handshakes.next(0), std::nullopt);
  handshakes.cut(most + 2);
  handshakes.cut(1);  // is under way until its thread has come back
  EXPECT_EQ(handshakes.next(0), std::nullopt);
  handshakes.ended(1);
  EXPECT_EQ(handshakes.next(0), most + 1);
  EXPECT_FALSE(handshakes.anybodyWaits());
}

TEST(HttpHandshakes, WhoStandsStillGivesWayOnlyToWhoWaits) {
  constexpr std::int64_t kPatience = HttpHandshakes::kPatienceUs;
  HttpHandshakes handshakes;
  for (HttpHandshakes::Id id = 1; id < HttpHandshakes::kMost; ++id)
    static_cast<void>(handshakes.ask(id, 0));
  static_cast<void>(handshakes.ask(100, 10));
  EXPECT_TRUE(handshakes.overdue(100 * kPatience).empty()) << "nobody waits";
  static_cast<void>(handshakes.ask(101, 10));
  EXPECT_TRUE(handshakes.overdue(kPatience - 1).empty());
  EXPECT_EQ(handshakes.overdue(kPatience).size(), HttpHandshakes::kMost - 1);
  EXPECT_EQ(handshakes.overdue(kPatience + 10).size(), HttpHandshakes::kMost);
}

TEST(HttpServerTls, OnlyClientsWithACertificateAreAnswered) {
  const testsupport::TestCa ca;
  HttpServer server;
  server.add("/now", [](const HttpRequest& request, const auto& answer) {
    answer({200, "text/plain", request.loopback ? "loopback" : "far"});
  });
  ASSERT_TRUE(server.listen({"0.0.0.0", 0}, ca.valid().certFile, ca.valid().keyFile, ca.caFile()));
  const std::string uri =
      "https://127.0.0.1" + server.address().substr(server.address().find(':')) + "/now";
  const auto statusWith = [&](const testsupport::CertificatePair* client) {
    GObjectPtr<SoupSession> session(soup_session_new());
    GObjectPtr<SoupMessage> message(soup_message_new("GET", uri.c_str()));
    const auto accept = +[](SoupMessage*, GTlsCertificate*, GTlsCertificateFlags,
                            gpointer) -> gboolean { return TRUE; };
    g_signal_connect(message.get(), "accept-certificate", G_CALLBACK(accept), nullptr);
    if (client) {
      const GObjectPtr<GTlsCertificate> certificate(g_tls_certificate_new_from_files(
          client->certFile.c_str(), client->keyFile.c_str(), nullptr));
      soup_message_set_tls_client_certificate(message.get(), certificate.get());
    }
    bool over = false;
    const auto done = +[](GObject* from, GAsyncResult* result, gpointer data) {
      if (GBytes* bytes = soup_session_send_and_read_finish(SOUP_SESSION(from), result, nullptr))
        g_bytes_unref(bytes);
      *static_cast<bool*>(data) = true;
    };
    soup_session_send_and_read_async(session.get(), message.get(), G_PRIORITY_DEFAULT, nullptr,
                                     done, &over);
    while (!over)
      g_main_context_iteration(nullptr, TRUE);
    return soup_message_get_status(message.get());
  };
  // A sanitized program may need more than a handshake's three seconds on a busy machine.
  const auto letIn = [&] {
    for (int attempt = 0; attempt < 5; ++attempt) {
      if (statusWith(&ca.client()) == 200U) return true;
    }
    return false;
  };
  EXPECT_TRUE(letIn());
  EXPECT_EQ(statusWith(nullptr), 0U);
  EXPECT_EQ(statusWith(&ca.selfSigned()), 0U);
  EXPECT_EQ(statusWith(&ca.expired()), 0U);
  EXPECT_TRUE(letIn());
}

TEST(HttpServerListen, FaultsAreNamed) {
  HttpServer noAuthority;
  EXPECT_TRUE(noAuthority.listen({"127.0.0.1", 0}, "", "", "/nonexistent/ca.pem")
                  .error()
                  .starts_with("tls-client-ca-file: "));
  HttpServer server;
  EXPECT_FALSE(server.listen({"127.0.0.1", 0}, "/nonexistent/cert.pem", "/nonexistent/key.pem"));
  HttpServer one;
  ASSERT_TRUE(one.listen({"127.0.0.1", 0}, "", ""));
  const auto port = std::stoi(one.address().substr(one.address().find(':') + 1));
  HttpServer two;
  EXPECT_FALSE(two.listen({"127.0.0.1", static_cast<std::uint16_t>(port)}, "", ""));
}

}  // namespace
}  // namespace launcher
