// SPDX-License-Identifier: LGPL-2.1-or-later
#include "EchoServer.hpp"

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <numbers>
#include <utility>

#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>

#include "NumberedAudio.hpp"
#include "Upgrade.hpp"
#include "wire/Text.hpp"
#include "wire/WebSocketFrame.hpp"

namespace bench {

using namespace wire;
namespace {

constexpr size_t kMaxRequest = 16384;

uint32_t rateOf(std::string_view firstMessage) {
  const size_t at = firstMessage.find("rate=");
  if (at == std::string_view::npos) return 16000;
  const auto rate = std::strtoul(std::string(firstMessage.substr(at + 5, 8)).c_str(), nullptr, 10);
  return rate >= 8000 && rate <= 48000 ? static_cast<uint32_t>(rate) : 16000;
}

unsigned long queryNumber(const std::string& target, std::string_view name,
                          unsigned long otherwise) {
  for (const char* lead : {"?", "&"}) {
    const std::string key = std::string(lead) + std::string(name) + "=";
    const size_t at = target.find(key);
    if (at != std::string::npos) return std::strtoul(target.c_str() + at + key.size(), nullptr, 10);
  }
  return otherwise;
}

std::string_view bytesOf(const std::vector<int16_t>& samples) {
  return {reinterpret_cast<const char*>(samples.data()), samples.size() * 2};
}

}  // namespace

struct EchoServer::Connection {
  FileDescriptor socket;
  uint64_t number = 0;
  bool open = false, closing = false, writable = true;
  Role role = Role::Echo;
  std::string target;
  std::string input, output;
  size_t written = 0;
  std::string first;
  uint64_t frames = 0, bytes = 0, texts = 0;
  uint32_t rate = 16000;
  uint64_t tonePosition = 0;
};

EchoServer::EchoServer(bool verbose, std::string report)
    : verbose_(verbose), report_(std::move(report)) {}

EchoServer::~EchoServer() = default;

std::string EchoServer::listen(const sockaddr_in& address) {
  const auto fault = [](const char* what) {
    return std::string(what) + ": " + std::strerror(errno);
  };
  listener_ = FileDescriptor(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  epoll_ = FileDescriptor(epoll_create1(EPOLL_CLOEXEC));
  wake_ = FileDescriptor(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  timer_ = FileDescriptor(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC));
  if (!listener_.valid() || !epoll_.valid() || !wake_.valid() || !timer_.valid())
    return fault("socket");
  const int on = 1;
  setsockopt(listener_.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return fault("bind");
  if (::listen(listener_.get(), 1024) != 0) return fault("listen");
  socklen_t length = sizeof address_;
  getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address_), &length);
  for (const int fd : {listener_.get(), wake_.get(), timer_.get()}) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = fd;
    if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) return fault("epoll_ctl");
  }
  return "";
}

void EchoServer::stop() {
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = write(wake_.get(), &one, sizeof one);
}

void EchoServer::run() {
  epoll_event events[128];
  for (;;) {
    const int count = epoll_wait(epoll_.get(), events, 128, -1);
    for (int i = 0; i < count; ++i) {
      const int fd = events[i].data.fd;
      if (fd == wake_.get()) {
        if (verbose_)
          std::fprintf(stderr, "ended: %llu connections, %llu audio frames, %llu texts\n",
                       static_cast<unsigned long long>(accepted_),
                       static_cast<unsigned long long>(frames_),
                       static_cast<unsigned long long>(texts_));
        return;
      }
      if (fd == listener_.get()) {
        accept();
        continue;
      }
      if (fd == timer_.get()) {
        tick();
        continue;
      }
      const auto found = connections_.find(fd);
      if (found == connections_.end()) continue;
      Connection& connection = *found->second;
      if ((events[i].events & EPOLLOUT) != 0) flush(connection);
      if ((events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0 && connections_.contains(fd))
        read(connection);
    }
  }
}

void EchoServer::accept() {
  for (;;) {
    FileDescriptor socket(accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!socket.valid()) return;
    const int on = 1;
    setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    const int fd = socket.get();
    auto connection = std::make_unique<Connection>();
    connection->socket = std::move(socket);
    connection->number = ++accepted_;
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = fd;
    if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) == 0)
      connections_.emplace(fd, std::move(connection));
  }
}

void EchoServer::read(Connection& connection) {
  char buffer[65536];
  const ssize_t got = recv(connection.socket.get(), buffer, sizeof buffer, 0);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got <= 0) {
    drop(connection);
    return;
  }
  connection.input.append(buffer, static_cast<size_t>(got));
  const bool keep = handle(connection);
  const int fd = connection.socket.get();
  flush(connection);
  if (!keep && connections_.contains(fd)) {
    if (connection.output.empty())
      drop(connection);
    else
      connection.closing = true;
  }
}

bool EchoServer::upgrade(Connection& connection) {
  const size_t end = connection.input.find("\r\n\r\n");
  if (end == std::string::npos) return connection.input.size() < kMaxRequest;
  const Upgrade upgrade = acceptUpgrade(std::string_view(connection.input).substr(0, end + 2));
  connection.input.erase(0, end + 4);
  if (upgrade.status != 101) {
    connection.output +=
        format("HTTP/1.1 %d Refused\r\nConnection: close\r\nContent-Length: %zu\r\n\r\n",
               upgrade.status, upgrade.fault.size()) +
        upgrade.fault;
    return false;
  }
  connection.output += upgrade.response;
  connection.target = upgrade.target;
  if (upgrade.target.starts_with("/burst")) connection.role = Role::Burst;
  if (upgrade.target.starts_with("/tone")) connection.role = Role::Tone;
  connection.open = true;
  if (verbose_)
    std::fprintf(stderr, "connection %llu opened: %s\n",
                 static_cast<unsigned long long>(connection.number), upgrade.target.c_str());
  return true;
}

bool EchoServer::handle(Connection& connection) {
  if (!connection.open && !upgrade(connection)) return false;
  size_t used = 0;
  bool keep = true;
  while (connection.open && keep) {
    Frame frame;
    const FrameResult result = parseFrame(connection.input.data() + used,
                                          connection.input.size() - used, Sender::Client, frame);
    if (result == FrameResult::NeedMore) break;
    if (result == FrameResult::Broken) {
      appendFrame(connection.output, Opcode::Close, true, std::string_view("\x03\xea", 2));
      keep = false;
      break;
    }
    used += frame.size;
    switch (frame.opcode) {
      case Opcode::Binary:
      case Opcode::Continuation:
        ++connection.frames;
        ++frames_;
        connection.bytes += frame.payload.size();
        if (connection.role == Role::Echo)
          appendFrame(connection.output, frame.opcode, frame.final, frame.payload);
        break;
      case Opcode::Text:
        ++connection.texts;
        ++texts_;
        if (connection.texts == 1) firstText(connection, frame.payload);
        break;
      case Opcode::Ping:
        appendFrame(connection.output, Opcode::Pong, true, frame.payload);
        break;
      case Opcode::Close:
        appendFrame(connection.output, Opcode::Close, true, frame.payload.substr(0, 2));
        keep = false;
        break;
      case Opcode::Pong:
        break;
    }
  }
  connection.input.erase(0, used);
  return keep;
}

void EchoServer::firstText(Connection& connection, std::string_view text) {
  connection.first = text;
  connection.rate = rateOf(text);
  if (verbose_)
    std::fprintf(stderr, "connection %llu first text: %s\n",
                 static_cast<unsigned long long>(connection.number), connection.first.c_str());
  if (connection.role == Role::Burst) {
    const auto seconds = std::min(queryNumber(connection.target, "seconds", 60), 3600UL);
    const size_t frame = size_t{2} * (connection.rate / 50);
    const size_t message =
        std::clamp<size_t>(queryNumber(connection.target, "message", frame), 1, 1 << 20);
    std::vector<int16_t> samples;
    renderNumbered(connection.rate, static_cast<int>(seconds * 50), samples);
    const std::string_view bytes = bytesOf(samples);
    for (size_t at = 0; at < bytes.size(); at += message)
      appendFrame(connection.output, Opcode::Binary, true, bytes.substr(at, message));
  } else if (connection.role == Role::Tone && tones_++ == 0) {
    const itimerspec every{{0, 20000000}, {0, 20000000}};
    timerfd_settime(timer_.get(), 0, &every, nullptr);
  }
}

void EchoServer::tick() {
  uint64_t ticks = 0;
  if (::read(timer_.get(), &ticks, sizeof ticks) != sizeof ticks) return;
  std::vector<int> toned;
  for (const auto& [fd, connection] : connections_)
    if (connection->role == Role::Tone && connection->texts > 0) toned.push_back(fd);
  for (const int fd : toned) {
    Connection& connection = *connections_.at(fd);
    for (uint64_t i = 0; i < std::min<uint64_t>(ticks, 50); ++i)
      queueTone(connection);
    flush(connection);
  }
}

void EchoServer::queueTone(Connection& connection) {
  // A reader that has stopped must not make the tone pile up here.
  if (connection.output.size() > (1u << 20)) return;
  std::vector<int16_t> samples(connection.rate / 50);
  for (int16_t& sample : samples)
    sample = static_cast<int16_t>(8000 * std::sin(2 * std::numbers::pi * 440 *
                                                  static_cast<double>(connection.tonePosition++) /
                                                  connection.rate));
  appendFrame(connection.output, Opcode::Binary, true, bytesOf(samples));
}

void EchoServer::flush(Connection& connection) {
  while (connection.written < connection.output.size()) {
    const ssize_t sent =
        send(connection.socket.get(), connection.output.data() + connection.written,
             connection.output.size() - connection.written, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && errno != EAGAIN) {
      drop(connection);
      return;
    }
    if (sent < 0) break;
    connection.written += static_cast<size_t>(sent);
  }
  const bool empty = connection.written == connection.output.size();
  if (empty) {
    connection.output.clear();
    connection.written = 0;
    if (connection.closing) {
      drop(connection);
      return;
    }
  }
  if (empty == connection.writable) return;
  connection.writable = empty;
  epoll_event event{};
  event.events = EPOLLIN | (empty ? 0u : static_cast<uint32_t>(EPOLLOUT));
  event.data.fd = connection.socket.get();
  epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, connection.socket.get(), &event);
}

void EchoServer::reportEnd(const Connection& connection) const {
  FILE* file = std::fopen(report_.c_str(), "a");
  if (file == nullptr) return;
  std::fprintf(
      file,
      R"({"target":%s,"frames":%llu,"bytes":%llu,"rate":%u,"texts":%llu})"
      "\n",
      jsonQuote(connection.target).c_str(), static_cast<unsigned long long>(connection.frames),
      static_cast<unsigned long long>(connection.bytes), static_cast<unsigned>(connection.rate),
      static_cast<unsigned long long>(connection.texts));
  std::fclose(file);
}

void EchoServer::drop(Connection& connection) {
  if (connection.open && !report_.empty()) reportEnd(connection);
  if (verbose_ && connection.open)
    std::fprintf(stderr, "connection %llu closed: %llu audio frames, %llu bytes, %llu texts\n",
                 static_cast<unsigned long long>(connection.number),
                 static_cast<unsigned long long>(connection.frames),
                 static_cast<unsigned long long>(connection.bytes),
                 static_cast<unsigned long long>(connection.texts));
  if (connection.role == Role::Tone && connection.texts > 0 && --tones_ == 0) {
    const itimerspec never{};
    timerfd_settime(timer_.get(), 0, &never, nullptr);
  }
  connections_.erase(connection.socket.get());
}

}  // namespace bench
