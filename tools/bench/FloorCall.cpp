// SPDX-License-Identifier: LGPL-2.1-or-later
#include "FloorCall.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <glib.h>

#include "wire/Rtp.hpp"
#include "wire/Text.hpp"

namespace bench {

using namespace wire;
namespace {

constexpr size_t kMostInput = 1 << 20;

}  // namespace

FloorCall::FloorCall(FloorSettings settings, uint32_t number)
    : settings_(std::move(settings)),
      mask_(number * 2654435761u | 1u),
      ssrc_(number * 40503u + 0x57534200u) {}

void FloorCall::decide(bool open) {
  if (const auto decided = std::exchange(settings_.onDecided, nullptr)) decided(open);
}

uint32_t FloorCall::nextMask() {
  // xorshift32: unpredictable enough for a benchmark on loopback, and as cheap as it gets.
  mask_ ^= mask_ << 13;
  mask_ ^= mask_ >> 17;
  mask_ ^= mask_ << 5;
  return mask_;
}

bool FloorCall::connect() {
  socket_ = FileDescriptor(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket_.valid()) return false;
  const int on = 1;
  setsockopt(socket_.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  state_ = State::Connecting;
  return ::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&settings_.endpoint),
                   sizeof settings_.endpoint) == 0 ||
         errno == EINPROGRESS;
}

bool FloorCall::onWebSocket(uint32_t events) {
  if (state_ == State::Connecting) {
    int fault = 0;
    socklen_t length = sizeof fault;
    getsockopt(socket_.get(), SOL_SOCKET, SO_ERROR, &fault, &length);
    if (fault != 0) return false;
    state_ = State::Upgrading;
    uint32_t noise[4] = {nextMask(), nextMask(), nextMask(), nextMask()};
    char* key = g_base64_encode(reinterpret_cast<const guchar*>(noise), sizeof noise);
    key_ = key;
    g_free(key);
    const std::string request = "GET " + settings_.endpointTarget +
                                " HTTP/1.1\r\nHost: " + settings_.endpointHost +
                                "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                                "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " +
                                key_ + "\r\nSec-WebSocket-Protocol: WSBRIDGE\r\n\r\n";
    return write(request.data(), request.size());
  }
  if ((events & EPOLLOUT) != 0 && !flush()) return false;
  if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) return readWebSocket();
  return true;
}

bool FloorCall::readWebSocket() {
  char buffer[65536];
  const ssize_t got = recv(socket_.get(), buffer, sizeof buffer, 0);
  if (got < 0) return errno == EAGAIN || errno == EINTR;
  if (got == 0) return false;
  size_t used = 0;
  if (input_.empty()) {
    const auto length = static_cast<size_t>(got);
    if (!handleInput(buffer, length, used)) return false;
    input_.assign(buffer + used, length - used);
    return true;
  }
  input_.append(buffer, static_cast<size_t>(got));
  if (!handleInput(input_.data(), input_.size(), used)) return false;
  input_.erase(0, used);
  return input_.size() <= kMostInput;
}

bool FloorCall::handleInput(char* data, size_t length, size_t& used) {
  if (state_ == State::Upgrading) {
    const std::string_view text(data, length);
    const size_t end = text.find("\r\n\r\n");
    if (end == std::string_view::npos) return true;
    const std::string_view head = text.substr(0, end + 4);
    if (!head.starts_with("HTTP/1.1 101 ") ||
        head.find("Sec-WebSocket-Accept: " + acceptKey(key_) + "\r\n") == std::string_view::npos)
      return false;
    used = head.size();
    state_ = State::Open;
    std::string hello;
    appendMaskedFrame(hello, Opcode::Text, true, R"({"content-type":"audio/l16;rate=16000"})",
                      nextMask());
    if (!write(hello.data(), hello.size())) return false;
    decide(true);
  }
  for (;;) {
    Frame frame;
    const FrameResult result = parseFrame(data + used, length - used, Sender::Server, frame);
    if (result == FrameResult::Broken) return false;
    if (result == FrameResult::NeedMore) return true;
    used += frame.size;
    if (!handleFrame(frame)) return false;
  }
}

bool FloorCall::handleFrame(const Frame& frame) {
  if (frame.opcode == Opcode::Binary || frame.opcode == Opcode::Continuation) {
    queue(frame.payload);
    if (!heard_) {
      heard_ = first_audio_ = true;
      owed_ = 0;
    }
    sendQueued();
  } else if (frame.opcode == Opcode::Ping) {
    std::string pong;
    appendMaskedFrame(pong, Opcode::Pong, true, frame.payload, nextMask());
    return write(pong.data(), pong.size());
  }
  return frame.opcode != Opcode::Close;
}

void FloorCall::queue(std::string_view audio) {
  if (audio.size() > queue_.size()) audio.remove_prefix(audio.size() - queue_.size());
  if (queue_length_ + audio.size() > queue_.size()) {
    const size_t excess = queue_length_ + audio.size() - queue_.size();
    queue_start_ = (queue_start_ + excess) % queue_.size();
    queue_length_ -= excess;
  }
  const size_t end = (queue_start_ + queue_length_) % queue_.size();
  const size_t first = std::min(audio.size(), queue_.size() - end);
  std::memcpy(&queue_[end], audio.data(), first);
  std::memcpy(queue_.data(), audio.data() + first, audio.size() - first);
  queue_length_ += audio.size();
}

void FloorCall::onRtp() {
  uint8_t packet[2048];
  const ssize_t got = recv(settings_.rtp.get(), packet, sizeof packet, 0);
  RtpHeader header;
  if (got < 0 || state_ != State::Open || !parseRtp(packet, static_cast<size_t>(got), header) ||
      header.payloadType != settings_.payloadType)
    return;
  uint8_t audio[kFloorFrameBytes];
  const size_t length = upward_.convert(
      *settings_.codec,
      {packet + header.size, static_cast<size_t>(got) - header.size - header.padding}, audio);
  uint8_t frame[kMostHeader + kFloorFrameBytes];
  const uint32_t mask = nextMask();
  const size_t start = writeHeader(frame, Opcode::Binary, true, length, &mask);
  std::memcpy(frame + start, audio, length);
  applyMask(frame + start, length, mask);
  // A broken connection shows in epoll next.
  write(reinterpret_cast<const char*>(frame), start + length);
}

void FloorCall::tick() {
  ++owed_;
  sendQueued();
  dry_ticks_ = owed_ > 1 ? dry_ticks_ + 1 : 0;
  static constexpr std::array<uint8_t, kFloorFrameBytes> kSilence{};
  while (owed_ > (heard_ && dry_ticks_ <= kPatience ? kPatience : 1)) {
    sendRtp(kSilence);
    --owed_;
  }
}

void FloorCall::sendQueued() {
  uint8_t frame[kFloorFrameBytes];
  for (; owed_ > 0 && queue_length_ >= sizeof frame; --owed_) {
    const size_t first = std::min(sizeof frame, queue_.size() - queue_start_);
    std::memcpy(frame, &queue_[queue_start_], first);
    std::memcpy(frame + first, queue_.data(), sizeof frame - first);
    queue_start_ = (queue_start_ + sizeof frame) % queue_.size();
    queue_length_ -= sizeof frame;
    sendRtp(frame);
  }
}

void FloorCall::sendRtp(std::span<const uint8_t> frame) {
  uint8_t packet[kRtpHeaderBytes + kFloorFrameBytes];
  writeRtp(packet, {settings_.payloadType, sequence_ == 0, sequence_, timestamp_, ssrc_});
  const size_t length = convertDownward(*settings_.codec, frame, packet + kRtpHeaderBytes);
  ++sequence_;
  timestamp_ += settings_.codec->rate / 50;
  // What the caller's socket does not take is lost, as on any network.
  [[maybe_unused]] const ssize_t sent =
      send(settings_.rtp.get(), packet, kRtpHeaderBytes + length, 0);
}

bool FloorCall::write(const char* data, size_t length) {
  size_t at = 0;
  if (output_.empty()) {
    const ssize_t sent = send(socket_.get(), data, length, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN && errno != EINTR) return false;
    at = sent < 0 ? 0 : static_cast<size_t>(sent);
  }
  if (at < length) output_.append(data + at, length - at);
  return output_.size() <= kMostInput;
}

bool FloorCall::flush() {
  if (output_.empty()) return true;
  const std::string pending = std::exchange(output_, {});
  return write(pending.data(), pending.size());
}

}  // namespace bench
