// SPDX-License-Identifier: LGPL-2.1-or-later
#include "EchoPhone.hpp"

#include <algorithm>

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>

#include "wire/Rtp.hpp"
#include "wire/Sdp.hpp"
#include "wire/SipMessage.hpp"
#include "wire/Text.hpp"

namespace bench {

using namespace wire;
namespace {

FileDescriptor bindLoopback(sockaddr_in& bound) {
  FileDescriptor fd(socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  bound = {};
  bound.sin_family = AF_INET;
  bound.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof bound;
  if (bind(fd.get(), reinterpret_cast<const sockaddr*>(&bound), length) != 0) return {};
  getsockname(fd.get(), reinterpret_cast<sockaddr*>(&bound), &length);
  return fd;
}

void sendTo(const FileDescriptor& fd, const std::string& bytes, const sockaddr_in& to) {
  [[maybe_unused]] const ssize_t sent = sendto(fd.get(), bytes.data(), bytes.size(), 0,
                                               reinterpret_cast<const sockaddr*>(&to), sizeof to);
}

}  // namespace

EchoPhone::EchoPhone(EchoPhoneFaults faults) : faults_(faults), sip_(bindLoopback(address_)) {
  thread_ = std::thread([this] { run(); });
}

std::string EchoPhone::uri() const {
  return "sip:echo@" + addressText(address_);
}

void EchoPhone::end() {
  ending_ = true;
  if (thread_.joinable()) thread_.join();
}

void EchoPhone::run() {
  while (!ending_) {
    std::vector<pollfd> items{{sip_.get(), POLLIN, 0}};
    for (const Line& line : lines_)
      items.push_back({line.rtp.get(), POLLIN, 0});
    const timespec timeout{0, kMillisecond};
    if (ppoll(items.data(), items.size(), &timeout, nullptr) > 0) {
      for (size_t i = 1; i < items.size(); ++i)
        if (items[i].revents != 0) onRtp(i - 1);
      if (items[0].revents != 0) onSip();
    }
    sendDue();
  }
}

void EchoPhone::onSip() {
  char buffer[65536];
  sockaddr_in from{};
  socklen_t length = sizeof from;
  const ssize_t got =
      recvfrom(sip_.get(), buffer, sizeof buffer, 0, reinterpret_cast<sockaddr*>(&from), &length);
  SipMessage message;
  if (got < 0 || !parseSip({buffer, static_cast<size_t>(got)}, message)) return;
  if (message.method == "BYE") ++byes_;
  if (message.method == "ACK") return;
  if (message.method != "INVITE") {
    sendTo(sip_, responseTo(message, 200, "OK", "phone"), from);
    return;
  }
  sendTo(sip_, responseTo(message, 100, "Trying", "phone"), from);
  if (faults_.refuse != 0) {
    sendTo(sip_, responseTo(message, faults_.refuse, "Refused", "phone"), from);
    return;
  }
  Line line;
  line.callId = message.header("Call-ID");
  sockaddr_in bound{};
  line.rtp = bindLoopback(bound);
  line.caller = parseAnswer(message.body, "PCMU/8000", 0).rtp;
  const std::string sdp = makeOffer("127.0.0.1", ntohs(bound.sin_port), 0, "PCMU/8000", 20, 0);
  lines_.push_back(std::move(line));
  sendTo(sip_, responseTo(message, 200, "OK", "phone", "Contact: <" + uri() + ">\r\n", sdp), from);
}

void EchoPhone::onRtp(size_t line) {
  char buffer[2048];
  const ssize_t got = recv(lines_[line].rtp.get(), buffer, sizeof buffer, 0);
  RtpHeader packet;
  if (got < 0 ||
      !parseRtp(reinterpret_cast<const uint8_t*>(buffer), static_cast<size_t>(got), packet))
    return;
  ++received_;
  Line& from = lines_[line];
  if (from.heard && static_cast<int16_t>(packet.sequence - from.highest) < 0)
    ++reordered_;
  else
    from.highest = packet.sequence;
  from.heard = true;
  if (faults_.dropEach != 0 && ++packets_ % static_cast<unsigned>(faults_.dropEach) == 0) {
    ++dropped_;
    return;
  }
  const size_t to = faults_.crossed ? (line + 1) % lines_.size() : line;
  pending_.push_back(
      {now() + faults_.delayMs * kMillisecond, to, std::string(buffer, static_cast<size_t>(got))});
}

void EchoPhone::sendDue() {
  while (!pending_.empty() && pending_.front().due <= now()) {
    const Line& line = lines_[pending_.front().line];
    sendTo(line.rtp, pending_.front().packet, line.caller);
    pending_.erase(pending_.begin());
  }
}

}  // namespace bench
