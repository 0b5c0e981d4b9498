// SPDX-License-Identifier: LGPL-2.1-or-later
#include "SipAgent.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <random>
#include <utility>

#include <poll.h>
#include <sys/socket.h>

#include "wire/Text.hpp"

namespace bench {

using namespace wire;

SipAgent::SipAgent(SipSettings settings, Listener listener)
    : settings_(std::move(settings)), listener_(std::move(listener)) {
  std::random_device device;
  salt_ = static_cast<uint64_t>(device()) << 32 | device();
}

std::string SipAgent::open() {
  const auto fault = [](const char* what) {
    return std::string(what) + ": " + std::strerror(errno);
  };
  socklen_t length = sizeof local_;
  {
    // A connected datagram socket tells which local address leads to the target.
    const FileDescriptor probe(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (connect(probe.get(), reinterpret_cast<const sockaddr*>(&settings_.target),
                sizeof settings_.target) != 0)
      return fault("SIP target");
    getsockname(probe.get(), reinterpret_cast<sockaddr*>(&local_), &length);
  }
  local_.sin_port = 0;
  socket_ = FileDescriptor(socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket_.valid() ||
      bind(socket_.get(), reinterpret_cast<const sockaddr*>(&local_), sizeof local_) != 0)
    return fault("SIP socket");
  const int on = 1;
  const int size = 1 << 20;
  setsockopt(socket_.get(), SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on);
  setsockopt(socket_.get(), SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
  length = sizeof local_;
  getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&local_), &length);
  return "";
}

SipCall& SipAgent::addCall() {
  calls_.push_back(std::make_unique<SipCall>(*this, static_cast<unsigned>(calls_.size())));
  live_.push_back(calls_.back().get());
  return *calls_.back();
}

std::string SipAgent::newToken() {
  return format("%016llx%llx", static_cast<unsigned long long>(salt_),
                static_cast<unsigned long long>(++tokens_));
}

void SipAgent::send(const std::string& text, const sockaddr_in& to) {
  // A full buffer or a refused port shows as a missing response; the transaction's timer deals with
  // it.
  [[maybe_unused]] const ssize_t sent = sendto(socket_.get(), text.data(), text.size(), 0,
                                               reinterpret_cast<const sockaddr*>(&to), sizeof to);
}

void SipAgent::poll(Nanoseconds until) {
  std::erase_if(live_, [](const SipCall* call) { return call->state() == SipCall::State::Ended; });
  for (const SipCall* call : live_)
    if (const Nanoseconds time = call->nextTime(); time != 0) until = std::min(until, time);
  const Nanoseconds wait = std::max<Nanoseconds>(0, until - now());
  const timespec timeout{wait / kSecond, wait % kSecond};
  pollfd item{socket_.get(), POLLIN, 0};
  if (ppoll(&item, 1, &timeout, nullptr) > 0) receive();
  const Nanoseconds present = now();
  // A call that ends may let another begin.
  const std::vector<SipCall*> waiting = live_;
  for (SipCall* call : waiting)
    if (const Nanoseconds time = call->nextTime(); time != 0 && time <= present)
      call->onTime(present);
}

void SipAgent::receive() {
  for (;;) {
    char buffer[65536];
    alignas(cmsghdr) char control[128];
    sockaddr_in from{};
    iovec part{buffer, sizeof buffer};
    msghdr datagram{&from, sizeof from, &part, 1, control, sizeof control, 0};
    const ssize_t got = recvmsg(socket_.get(), &datagram, 0);
    if (got < 0) return;
    const Nanoseconds arrival = arrivalOf(datagram, readClocks());
    SipMessage message;
    if (!parseSip({buffer, static_cast<size_t>(got)}, message)) continue;
    const auto call = by_call_id_.find(message.header("Call-ID"));
    if (call != by_call_id_.end()) {
      if (message.status != 0)
        call->second->onResponse(message, arrival);
      else
        call->second->onRequest(message, from);
    } else if (message.status == 0 && message.method != "ACK") {
      const bool options = message.method == "OPTIONS";
      send(responseTo(message, options ? 200 : 481, options ? "OK" : "Call Does Not Exist",
                      newToken()),
           from);
    }
  }
}

}  // namespace bench
