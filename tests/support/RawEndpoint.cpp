// SPDX-License-Identifier: LGPL-2.1-or-later
#include "RawEndpoint.hpp"

#include <stdexcept>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "Pcm.hpp"

namespace testsupport {
namespace {

constexpr auto kForever = std::chrono::hours(1);

std::string toneBytes(int millis) {
  return toBytes(sine(16000, 440, millis / 1000.0, 8000));
}

}  // namespace

RawEndpoint::RawEndpoint(Misbehaviour kind)
    : RawEndpoint([this, kind](RawConnection& connection) { misbehave(kind, connection); },
                  Options{kind == Misbehaviour::NeverReads ? 2048 : 0}) {}

RawEndpoint::RawEndpoint(Handler handler, const Options& options)
    : handler_(std::move(handler)), options_(options) {
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  // The window is fixed when the connection is made, so the buffer is set on the listening socket.
  if (options_.receiveBuffer > 0) {
    setsockopt(listener_, SOL_SOCKET, SO_RCVBUF, &options_.receiveBuffer,
               sizeof options_.receiveBuffer);
  }
  if (bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
      listen(listener_, 128) != 0 ||
      getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length) != 0) {
    close(listener_);
    throw std::runtime_error("raw endpoint cannot listen");
  }
  port_ = ntohs(address.sin_port);
  acceptor_ = std::thread([this] { listenLoop(); });
}

RawEndpoint::~RawEndpoint() {
  stopping_ = true;
  state_.notify();
  acceptor_.join();
  for (auto& thread : threads_)
    thread.join();
  close(listener_);
}

std::string RawEndpoint::uri(const std::string& path) const {
  return "ws://127.0.0.1:" + std::to_string(port_) + path;
}

void RawEndpoint::listenLoop() {
  while (!stopping_) {
    pollfd waiting{listener_, POLLIN, 0};
    if (poll(&waiting, 1, 20) <= 0) continue;
    const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) continue;
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    auto connection = std::make_shared<RawConnection>(fd, stopping_);
    {
      const auto guard = state_.lock();
      all_.push_back(connection);
      if (handler_) {
        threads_.emplace_back([this, connection] { serve(connection); });
      } else {
        waiting_.push_back(connection);
      }
    }
    state_.notify();
  }
}

void RawEndpoint::serve(const std::shared_ptr<RawConnection>& connection) {
  handler_(*connection);
  {
    const auto guard = state_.lock();
    ++served_;
    std::erase(all_, connection);
    state_.notify();
  }
}

std::shared_ptr<RawConnection> RawEndpoint::accept(Millis limit) {
  std::shared_ptr<RawConnection> connection;
  state_.waitFor(
      [&] {
        if (waiting_.empty()) return false;
        connection = waiting_.front();
        waiting_.pop_front();
        std::erase(all_, connection);
        return true;
      },
      limit);
  if (connection) {
    const auto guard = state_.lock();
    ++served_;
  }
  return connection;
}

size_t RawEndpoint::connections() const {
  const auto guard = state_.lock();
  return served_ + all_.size();
}

bool RawEndpoint::waitConnections(size_t number, Millis limit) const {
  return state_.waitFor([&] { return served_ + all_.size() >= number; }, limit);
}

bool RawEndpoint::waitServed(size_t number, Millis limit) const {
  return state_.waitFor([&] { return served_ >= number; }, limit);
}

void RawEndpoint::misbehave(Misbehaviour kind, RawConnection& connection) {
  if (connection.readRequest().empty()) return;
  const auto answer = [&connection](const char* head) {
    connection.write(std::string("HTTP/1.1 ") + head + "\r\nContent-Length: 0\r\n\r\n");
    connection.waitPeerGone(5s);
  };
  switch (kind) {
    case Misbehaviour::NeverAnswers:
      connection.waitPeerGone(kForever);
      return;
    case Misbehaviour::Status401:
      return answer("401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"test\"");
    case Misbehaviour::Status404:
      return answer("404 Not Found");
    case Misbehaviour::Status500:
      return answer("500 Internal Server Error");
    case Misbehaviour::Redirect302:
      return answer("302 Found\r\nLocation: ws://127.0.0.1:9/");
    case Misbehaviour::Garbage:
      connection.write(std::string("\x00\xFF\x16\x03 this is no HTTP\r\n\r\n\r\n", 24));
      connection.waitPeerGone(5s);
      return;
    case Misbehaviour::HalfResponse:
      connection.write("HTTP/1.1 101 Switching Protocols\r\nUpgrade: webso");
      connection.waitPeerGone(kForever);
      return;
    case Misbehaviour::EndlessHeaders: {
      connection.write("HTTP/1.1 101 Switching Protocols\r\n");
      const std::string filler = "X-Filler: " + std::string(1000, 'x') + "\r\n";
      while (connection.write(filler))
        bytes_written_ += filler.size();
      return;
    }
    case Misbehaviour::WrongAcceptKey:
      connection.write(
          "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
          "Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n");
      connection.waitPeerGone(5s);
      return;
    case Misbehaviour::WrongSubprotocol:
      connection.write(connection.handshakeResponse("something.else"));
      connection.waitPeerGone(5s);
      return;
    case Misbehaviour::ClosesAfterRequest:
      return;
    case Misbehaviour::OneByteAtATime: {
      std::string bytes = connection.handshakeResponse("WSBRIDGE");
      const std::string tone = toneBytes(1000);
      for (size_t at = 0; at < tone.size(); at += 640) {
        bytes += encodeFrame(Opcode::Binary, true, tone.substr(at, 640));
      }
      for (const char byte : bytes) {
        if (!connection.write(std::string(1, byte))) return;
      }
      connection.waitPeerGone(kForever);
      return;
    }
    case Misbehaviour::FirstFramesWithHandshake: {
      std::string frames = encodeFrame(Opcode::Text, true, R"({"hello":"early"})");
      const std::string tone = toneBytes(200);
      for (size_t at = 0; at < tone.size(); at += 640) {
        frames += encodeFrame(Opcode::Binary, true, tone.substr(at, 640));
      }
      connection.write(connection.handshakeResponse("WSBRIDGE", frames));
      connection.waitPeerGone(kForever);
      return;
    }
    default:
      connection.write(connection.handshakeResponse("WSBRIDGE"));
      return misbehaveOpen(kind, connection);
  }
}

void RawEndpoint::misbehaveOpen(Misbehaviour kind, RawConnection& connection) {
  const auto frameThenWait = [&connection](const std::string& frame) {
    connection.write(frame);
    connection.waitPeerGone(kForever);
  };
  const std::string audio(640, '\x11');
  switch (kind) {
    case Misbehaviour::EndlessBinaryFragments:
    case Misbehaviour::EndlessTextFragments: {
      const bool text = kind == Misbehaviour::EndlessTextFragments;
      const std::string piece(32000, text ? 'x' : '\x11');
      Opcode opcode = text ? Opcode::Text : Opcode::Binary;
      while (connection.sendFrame(opcode, false, piece)) {
        opcode = Opcode::Continuation;
        bytes_written_ += piece.size();
      }
      return;
    }
    case Misbehaviour::InvalidUtf8:
      return frameThenWait(encodeFrame(Opcode::Text, true, "bad \xC3\x28 text"));
    case Misbehaviour::ReservedBits:
      return frameThenWait(encodeFrame(Opcode::Binary, true, audio, {.mask = false, .rsv = 4}));
    case Misbehaviour::MaskedFrames:
      return frameThenWait(encodeFrame(Opcode::Binary, true, audio, {.mask = true, .rsv = 0}));
    case Misbehaviour::UnknownOpcode:
      return frameThenWait(encodeFrame(static_cast<Opcode>(5), true, audio));
    case Misbehaviour::OversizedPing:
      return frameThenWait(encodeFrame(Opcode::Ping, true, std::string(200, 'p')));
    case Misbehaviour::FragmentedPing:
      return frameThenWait(encodeFrame(Opcode::Ping, false, "p"));
    case Misbehaviour::ResetInFrame:
      connection.write(encodeFrame(Opcode::Binary, true, audio).substr(0, 100));
      connection.recvFrame(200ms);  // lets the half frame arrive before the reset throws it away
      return connection.reset();
    case Misbehaviour::ResetAfterHandshake:
      connection.recvFrame(2s);
      return connection.reset();
    case Misbehaviour::FinWithoutClose:
      connection.recvFrame(2s);
      connection.shutdownWrite();
      connection.waitPeerGone(kForever);
      return;
    case Misbehaviour::NeverReads:
      return connection.hold();
    case Misbehaviour::PingsOnly:
      while (connection.sendFrame(Opcode::Ping, true, "are you there")) {
        const auto next = Clock::now() + 20ms;
        while (Clock::now() < next && connection.recvFrame(5ms)) {
        }
        eventually([&] { return Clock::now() >= next; }, 20ms);
      }
      return;
    case Misbehaviour::CloseWithoutCode:
      return frameThenWait(encodeFrame(Opcode::Close, true, ""));
    case Misbehaviour::CloseTooLongReason:
      return frameThenWait(
          encodeFrame(Opcode::Close, true, closePayload(1000, std::string(130, 'r'))));
    case Misbehaviour::CloseOneByte:
      return frameThenWait(encodeFrame(Opcode::Close, true, "\x03"));
    case Misbehaviour::CloseReservedCode:
      return frameThenWait(encodeFrame(Opcode::Close, true, closePayload(1006, "")));
    default:
      connection.waitPeerGone(kForever);
      return;
  }
}

}  // namespace testsupport
