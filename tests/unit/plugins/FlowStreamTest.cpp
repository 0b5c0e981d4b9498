// SPDX-License-Identifier: LGPL-2.1-or-later
#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <sys/socket.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "OnLoop.hpp"
#include "Waiting.hpp"
#include "runtime/GlibPtr.hpp"
#include "websocket/FlowStream.hpp"

namespace {

using testsupport::Monitor;
using wsbridge::FlowStream;
using wsbridge::MediaLoop;
using wsbridge::Opcode;
using namespace std::chrono_literals;

std::span<const uint8_t> bytesOf(const std::string& text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

/// A stream on a loop, and the other end of its socket.
class Flow {
 public:
  explicit Flow(std::shared_ptr<MediaLoop> loop) : loop_(std::move(loop)) {
    int pair[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    peer_ = pair[1];
    socket_.reset(g_socket_new_from_fd(pair[0], nullptr));
    g_socket_set_blocking(socket_.get(), FALSE);
    const wsbridge::GObjectPtr<GIOStream> base(
        G_IO_STREAM(g_socket_connection_factory_create_connection(socket_.get())));
    on([this, &base] {
      stream_ = std::make_unique<FlowStream>(
          loop_, base.get(), std::vector<uint8_t>(), [](std::span<const uint8_t>) {},
          [this] {
            const auto lock = monitor_.lock();
            ++drained_;
            monitor_.notify();
          },
          [] {});
    });
  }
  ~Flow() {
    on([this] { stream_.reset(); });
    on([] {});  // what closing has posted
    close(peer_);
  }
  Flow(const Flow&) = delete;
  Flow& operator=(const Flow&) = delete;

  void on(const std::function<void()>& task) const { testsupport::onLoop(loop_, task); }

  // On the loop's thread.
  void send(const std::string& text) { stream_->sendMessage(Opcode::Text, bytesOf(text)); }
  void sendPastIt(const std::string& bytes) {
    auto* output = G_POLLABLE_OUTPUT_STREAM(g_io_stream_get_output_stream(stream_->stream()));
    EXPECT_EQ(g_pollable_output_stream_write_nonblocking(output, bytes.data(), bytes.size(),
                                                         nullptr, nullptr),
              static_cast<gssize>(bytes.size()));
  }
  void drop() { stream_.reset(); }
  [[nodiscard]] bool writable() const { return stream_->writable(); }
  [[nodiscard]] bool peerHasNothing() const {
    char byte = 0;
    return recv(peer_, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN;
  }
  void shrinkBuffer() const {
    const int bytes = 4096;
    setsockopt(g_socket_get_fd(socket_.get()), SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
  }

  // On the test's thread.
  [[nodiscard]] bool waitDrained() const {
    return monitor_.waitFor([this] { return drained_ > 0; }, 5s);
  }
  /// Exactly so many bytes; fewer at the end of the stream or when nothing comes any more.
  std::string receive(size_t size) const {
    const timeval limit{5, 0};
    setsockopt(peer_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    std::string bytes(size, '\0');
    size_t at = 0;
    while (at < size) {
      const ssize_t got = recv(peer_, bytes.data() + at, size - at, 0);
      if (got <= 0) break;
      at += static_cast<size_t>(got);
    }
    bytes.resize(at);
    return bytes;
  }
  /// The text of the next message; its length is known to be below 126.
  std::string message() const {
    const std::string header = receive(6);
    if (header.size() < 6) return "(end)";
    EXPECT_EQ(header[0], '\x81');
    std::string text = receive(static_cast<size_t>(header[1] & 0x7f));
    for (size_t i = 0; i < text.size(); ++i)
      text[i] = static_cast<char>(text[i] ^ header[2 + i % 4]);
    return text;
  }
  [[nodiscard]] bool ended() const {
    char byte = 0;
    return recv(peer_, &byte, 1, 0) == 0;
  }

 private:
  std::shared_ptr<MediaLoop> loop_;
  wsbridge::GObjectPtr<GSocket> socket_;
  int peer_ = -1;
  std::unique_ptr<FlowStream> stream_;
  Monitor monitor_;
  int drained_ = 0;
};

TEST(FlowStream, MessagesOfARoundGoOutAtItsEnd) {
  const auto loop = MediaLoop::acquire("", 0);
  Flow one(loop);
  Flow other(loop);
  one.on([&] {
    one.send("a");
    other.send("x");
    EXPECT_TRUE(one.peerHasNothing());
    EXPECT_TRUE(other.peerHasNothing());
    EXPECT_TRUE(one.writable());
  });
  EXPECT_EQ(one.message(), "a");
  EXPECT_EQ(other.message(), "x");
}

TEST(FlowStream, WhatLibsoupWritesGoesOutBehindThem) {
  const auto loop = MediaLoop::acquire("", 0);
  Flow one(loop);
  Flow other(loop);
  one.on([&] {
    one.send("a");
    other.send("x");
    one.send("b");
    one.sendPastIt("pong");
    EXPECT_TRUE(other.peerHasNothing());
    one.send("c");
  });
  EXPECT_EQ(one.message(), "a");
  EXPECT_EQ(one.message(), "b");
  EXPECT_EQ(one.receive(4), "pong");
  EXPECT_EQ(one.message(), "c");
  EXPECT_EQ(other.message(), "x");
}

TEST(FlowStream, TheLastMessagesGoOutWhenItIsDroppedInTheSameRound) {
  const auto loop = MediaLoop::acquire("", 0);
  Flow one(loop);
  Flow other(loop);
  one.on([&] {
    other.send("x");
    one.send("last");
    one.drop();
    other.send("y");
  });
  EXPECT_EQ(one.message(), "last");
  EXPECT_TRUE(one.ended());
  EXPECT_EQ(other.message(), "x");
  EXPECT_EQ(other.message(), "y");
}

TEST(FlowStream, NoMoreThanOneOfAConnectionWaits) {
  const auto loop = MediaLoop::acquire("", 0);
  Flow flow(loop);
  flow.on([&] {
    flow.send("a");
    flow.send("b");
    EXPECT_FALSE(flow.peerHasNothing());
  });
  EXPECT_EQ(flow.message(), "a");
  EXPECT_EQ(flow.message(), "b");
}

TEST(FlowStream, ALongRoundSendsNowAndThen) {
  constexpr size_t kMany = 100;
  const auto loop = MediaLoop::acquire("", 0);
  std::vector<std::unique_ptr<Flow>> flows;
  while (flows.size() < kMany)
    flows.push_back(std::make_unique<Flow>(loop));
  flows.front()->on([&] {
    for (const auto& flow : flows)
      flow->send("x");
    EXPECT_FALSE(flows.front()->peerHasNothing());
    EXPECT_TRUE(flows.back()->peerHasNothing());
  });
  for (const auto& flow : flows)
    ASSERT_EQ(flow->message(), "x");
}

TEST(FlowStream, WhatTheSocketDoesNotTakeFollowsInOrder) {
  constexpr int kMany = 1000;
  const std::string filling(100, '.');
  const auto loop = MediaLoop::acquire("", 0);
  Flow flow(loop);
  flow.shrinkBuffer();
  int sent = 0;
  flow.on([&] {
    while (flow.writable() && sent < kMany)
      flow.send(filling + std::to_string(sent++));
    EXPECT_FALSE(flow.writable()) << "nobody would stop";
  });
  ASSERT_LT(sent, kMany) << "the socket takes everything";
  for (int i = 0; i < sent; ++i)
    ASSERT_EQ(flow.message(), filling + std::to_string(i));
  EXPECT_TRUE(flow.waitDrained());
  flow.on([&] {
    EXPECT_TRUE(flow.writable());
    flow.send("again");
  });
  EXPECT_EQ(flow.message(), "again");
}

}  // namespace
