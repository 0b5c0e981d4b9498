// SPDX-License-Identifier: LGPL-2.1-or-later
#include <gtest/gtest.h>
#include <libsoup/soup.h>

#include "admin/HttpServer.hpp"

namespace launcher {

namespace {

/// The server and its client on one main loop.
class HttpServerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    server_ = std::make_unique<HttpServer>();
    server_->add("/now", [](const HttpRequest& request, const auto& answer) {
      answer({200,
              "text/plain",
              request.method + " " + request.path + " " + request.body,
              {{"X-Test", request.contentType}}});
    });
    server_->add("/later", [this](const HttpRequest&, auto answer) {
      waiting_.push_back(std::move(answer));
    });
    ASSERT_EQ(server_->listen({"127.0.0.1", 0}, "", ""), "");
  }
  void TearDown() override {
    session_.reset();
    server_.reset();
    while (g_main_context_iteration(nullptr, FALSE)) {
    }
  }

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

  std::unique_ptr<HttpServer> server_;
  GObjectPtr<SoupSession> session_{soup_session_new()};
  std::vector<HttpServer::Answer> waiting_;
};

TEST_F(HttpServerTest, aRequestReachesItsResource) {
  const auto reply = ask("POST", "/now/a%20b", "body");
  ASSERT_TRUE(waitOver(reply));
  EXPECT_EQ(reply->status, 200U);
  EXPECT_EQ(reply->body, "POST /now/a b body");
  EXPECT_EQ(reply->header, "text/x-test");
  const auto none = ask("GET", "/nowhere");
  ASSERT_TRUE(waitOver(none));
  EXPECT_EQ(none->status, 404U);
}

TEST_F(HttpServerTest, answersMayComeLaterAndInAnyOrder) {
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

TEST_F(HttpServerTest, anAnswerForAClientThatHasGone) {
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

TEST_F(HttpServerTest, anAnswerForAServerThatHasGone) {
  const auto reply = ask("GET", "/later");
  ASSERT_TRUE(turnUntil([&] { return waiting_.size() == 1; }));
  const std::string address = server_->address();
  server_.reset();
  waiting_[0]({200, "text/plain", "nobody hears it"});
  ASSERT_TRUE(waitOver(reply));
  EXPECT_EQ(reply->status, 0U);
}

TEST_F(HttpServerTest, bodiesThatAreTooLongOrOfUnknownLength) {
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

TEST(HttpServerListen, faultsAreNamed) {
  HttpServer server;
  EXPECT_NE(server.listen({"127.0.0.1", 0}, "/nonexistent/cert.pem", "/nonexistent/key.pem"), "");
  HttpServer one;
  ASSERT_EQ(one.listen({"127.0.0.1", 0}, "", ""), "");
  const auto port = std::stoi(one.address().substr(one.address().find(':') + 1));
  HttpServer two;
  EXPECT_NE(two.listen({"127.0.0.1", static_cast<std::uint16_t>(port)}, "", ""), "");
}

}  // namespace
}  // namespace launcher
