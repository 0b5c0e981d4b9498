// SPDX-License-Identifier: LGPL-2.1-or-later
#include <algorithm>
#include <cerrno>

#include <poll.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "RawEndpoint.hpp"

namespace testsupport {

// Blocking calls look this often whether they have to end.
static constexpr Millis kTick = 20ms;

RawConnection::~RawConnection() {
  if (fd_ >= 0) close(fd_);
}

bool RawConnection::fill(Clock::time_point deadline) {
  while (!stopping() && !peer_gone_ && fd_ >= 0) {
    const auto left = std::chrono::duration_cast<Millis>(deadline - Clock::now());
    if (left.count() <= 0) return false;
    pollfd waiting{fd_, POLLIN, 0};
    const int ready = poll(&waiting, 1, static_cast<int>(std::min(left, kTick).count()));
    if (ready <= 0) continue;
    char buffer[65536];
    const ssize_t n = recv(fd_, buffer, sizeof buffer, MSG_DONTWAIT);
    if (n > 0) {
      input_.append(buffer, static_cast<size_t>(n));
      return true;
    }
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) continue;
    peer_gone_ = true;
  }
  return false;
}

std::string RawConnection::readRequest(Millis limit) {
  const auto deadline = Clock::now() + limit;
  size_t end = std::string::npos;
  while ((end = input_.find("\r\n\r\n")) == std::string::npos) {
    if (!fill(deadline)) return {};
  }
  request_ = input_.substr(0, end + 4);
  input_.erase(0, end + 4);
  return request_;
}

std::string RawConnection::requestHeader(const std::string& name) const {
  for (size_t at = request_.find("\r\n"); at != std::string::npos;) {
    const size_t start = at + 2;
    at = request_.find("\r\n", start);
    const std::string line = request_.substr(start, at - start);
    const size_t colon = line.find(':');
    if (colon == name.size() && strncasecmp(line.c_str(), name.c_str(), colon) == 0) {
      const size_t value = line.find_first_not_of(' ', colon + 1);
      return value == std::string::npos ? std::string() : line.substr(value);
    }
  }
  return {};
}

std::string RawConnection::handshakeResponse(const std::string& protocol,
                                             const std::string& extra) const {
  return switchingProtocols(requestHeader("Sec-WebSocket-Key"), protocol) + extra;
}

bool RawConnection::acceptHandshake(Millis limit) {
  if (readRequest(limit).empty()) return false;
  const bool offered =
      requestHeader("Sec-WebSocket-Protocol").find("WSBRIDGE") != std::string::npos;
  return write(handshakeResponse(offered ? "WSBRIDGE" : ""));
}

bool RawConnection::write(const std::string& bytes) {
  const auto guard = writing_.lock();
  for (size_t done = 0; done < bytes.size();) {
    if (stopping() || fd_ < 0) return false;
    const ssize_t n =
        send(fd_, bytes.data() + done, bytes.size() - done, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n > 0) {
      done += static_cast<size_t>(n);
      continue;
    }
    if (n < 0 && errno != EAGAIN && errno != EINTR) return false;
    pollfd waiting{fd_, POLLOUT, 0};
    poll(&waiting, 1, static_cast<int>(kTick.count()));
  }
  return true;
}

bool RawConnection::sendFrame(Opcode opcode, bool fin, const std::string& payload,
                              FrameStyle style) {
  return write(encodeFrame(opcode, fin, payload, style));
}

bool RawConnection::sendClose(unsigned code, const std::string& reason) {
  return sendFrame(Opcode::Close, true, code == 0 ? std::string() : closePayload(code, reason));
}

std::optional<WsFrame> RawConnection::recvFrame(Millis limit) {
  const auto deadline = Clock::now() + limit;
  for (;;) {
    if (auto frame = takeFrame(input_)) return frame;
    if (!fill(deadline)) return std::nullopt;
  }
}

std::optional<WsFrame> RawConnection::recvFrame(Opcode opcode, Millis limit) {
  const auto deadline = Clock::now() + limit;
  for (;;) {
    const auto left = std::chrono::duration_cast<Millis>(deadline - Clock::now());
    auto frame = recvFrame(std::max(left, Millis(0)));
    if (!frame || frame->opcode == opcode) return frame;
    skipped_.push_back(std::move(*frame));
  }
}

bool RawConnection::waitPeerGone(Millis limit) {
  const auto deadline = Clock::now() + limit;
  while (fill(deadline))
    input_.clear();
  return peer_gone_;
}

void RawConnection::reset() {
  const auto guard = writing_.lock();
  if (fd_ < 0) return;
  const linger hard{1, 0};
  setsockopt(fd_, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
  close(fd_);
  fd_ = -1;
}

void RawConnection::shutdownWrite() {
  const auto guard = writing_.lock();
  if (fd_ >= 0) shutdown(fd_, SHUT_WR);
}

void RawConnection::hold() {
  eventually([this] { return stopping(); }, std::chrono::hours(1));
}

void RawConnection::release() {
  released_ = true;
}

}  // namespace testsupport
