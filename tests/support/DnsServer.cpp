// SPDX-License-Identifier: LGPL-2.1-or-later
#include "DnsServer.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <stdexcept>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace testsupport {
namespace {

constexpr int kPollMs = 20;
constexpr int kTypeA = 1;
constexpr int kTypeCname = 5;
constexpr int kTypeAaaa = 28;
constexpr size_t kHead = 12;

std::string number16(size_t value) {
  return {static_cast<char>(value >> 8 & 0xff), static_cast<char>(value & 0xff)};
}

std::string encodedName(const std::string& name) {
  std::string out;
  for (size_t at = 0; at < name.size();) {
    const size_t end = std::min(name.find('.', at), name.size());
    out += static_cast<char>(end - at);
    out += name.substr(at, end - at);
    at = end + 1;
  }
  return out + '\0';
}

// One resource record; `owner` is encoded already.
std::string resource(const std::string& owner, int type, uint32_t ttl, const std::string& data) {
  return owner + number16(static_cast<size_t>(type)) + number16(1) + number16(ttl >> 16) +
         number16(ttl & 0xffff) + number16(data.size()) + data;
}

int listening(int type, int port) {
  const int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<uint16_t>(port));
  const bool bound = bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  if (bound && (type == SOCK_DGRAM || listen(fd, 64) == 0)) return fd;
  close(fd);
  return -1;
}

int portOf(int fd) {
  sockaddr_in address{};
  socklen_t length = sizeof address;
  getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length);
  return ntohs(address.sin_port);
}

}  // namespace

DnsServer::DnsServer() {
  for (int attempt = 0; attempt < 20 && tcp_ < 0; ++attempt) {
    if (udp_ >= 0) close(udp_);
    udp_ = listening(SOCK_DGRAM, 0);
    port_ = portOf(udp_);
    tcp_ = listening(SOCK_STREAM, port_);
  }
  if (udp_ < 0 || tcp_ < 0) throw std::runtime_error("name server cannot listen");
  thread_ = std::thread([this] { run(); });
}

DnsServer::~DnsServer() {
  stopping_ = true;
  thread_.join();
  close(udp_);
  close(tcp_);
}

void DnsServer::set(const std::string& name, const Record& record) {
  const auto guard = state_.lock();
  records_[name] = record;
}

size_t DnsServer::asked(const std::string& name, int type) const {
  const auto guard = state_.lock();
  const auto found = asked_.find({name, type});
  return found == asked_.end() ? 0 : found->second;
}

bool DnsServer::waitAsked(const std::string& name, size_t times, Millis limit) const {
  return state_.waitFor(
      [&] {
        const auto found = asked_.find({name, kTypeA});
        return found != asked_.end() && found->second >= times;
      },
      limit);
}

size_t DnsServer::ports() const {
  const auto guard = state_.lock();
  return from_.size();
}

const DnsServer::Record* DnsServer::find(const std::string& name) const {
  if (const auto found = records_.find(name); found != records_.end()) return &found->second;
  const size_t dot = name.find('.');
  if (dot == std::string::npos) return nullptr;
  const auto found = records_.find("*" + name.substr(dot));
  return found == records_.end() ? nullptr : &found->second;
}

void DnsServer::run() {
  while (!stopping_) {
    std::array<pollfd, 2> ready{{{udp_, POLLIN, 0}, {tcp_, POLLIN, 0}}};
    poll(ready.data(), ready.size(), sendLate());
    if (ready[0].revents != 0) answerUdp();
    if (ready[1].revents != 0) answerTcp();
  }
}

int DnsServer::sendLate() {
  const auto now = Clock::now();
  auto wait = Millis(kPollMs);
  for (auto late = late_.begin(); late != late_.end();) {
    if (late->at > now) {
      wait = std::min(wait, std::chrono::ceil<Millis>(late->at - now));
      ++late;
      continue;
    }
    sendto(udp_, late->bytes.data(), late->bytes.size(), 0,
           reinterpret_cast<const sockaddr*>(late->to.data()),
           static_cast<socklen_t>(late->to.size()));
    late = late_.erase(late);
  }
  return static_cast<int>(wait.count());
}

void DnsServer::answerUdp() {
  std::array<char, 4096> buffer{};
  sockaddr_in from{};
  socklen_t length = sizeof from;
  const ssize_t count = recvfrom(udp_, buffer.data(), buffer.size(), MSG_DONTWAIT,
                                 reinterpret_cast<sockaddr*>(&from), &length);
  if (count <= 0) return;
  {
    const auto guard = state_.lock();
    ++from_[ntohs(from.sin_port)];
  }
  Millis delay(0);
  bool unused = false;
  const std::string bytes =
      answer(std::string(buffer.data(), static_cast<size_t>(count)), false, delay, unused);
  if (bytes.empty()) return;
  const auto* raw = reinterpret_cast<const char*>(&from);
  late_.push_back({Clock::now() + delay, bytes, std::vector<char>(raw, raw + length)});
}

void DnsServer::answerTcp() {
  const int client = accept4(tcp_, nullptr, nullptr, SOCK_CLOEXEC);
  if (client < 0) return;
  std::string input;
  bool ended = false;
  while (!stopping_ && !ended) {
    pollfd ready{client, POLLIN, 0};
    if (poll(&ready, 1, kPollMs) <= 0) continue;
    std::array<char, 4096> buffer{};
    const ssize_t count = recv(client, buffer.data(), buffer.size(), 0);
    if (count <= 0) break;
    input.append(buffer.data(), static_cast<size_t>(count));
    while (!ended && input.size() >= 2) {
      const size_t size = static_cast<uint8_t>(input[0]) * 256U + static_cast<uint8_t>(input[1]);
      if (input.size() < size + 2) break;
      ++by_tcp_;
      Millis delay(0);
      const std::string bytes = answer(input.substr(2, size), true, delay, ended);
      input.erase(0, size + 2);
      if (bytes.empty()) continue;
      const std::string framed = number16(bytes.size()) + bytes;
      ended |= send(client, framed.data(), framed.size(), MSG_NOSIGNAL) < 0;
    }
  }
  close(client);
}

std::string DnsServer::answer(const std::string& question, bool tcp, Millis& delay, bool& closeIt) {
  if (question.size() < kHead + 5) return {};
  std::string name;
  size_t at = kHead;
  while (at < question.size() && question[at] != 0) {
    const auto label = static_cast<size_t>(static_cast<uint8_t>(question[at]));
    name += (name.empty() ? "" : ".") + question.substr(at + 1, label);
    at += label + 1;
  }
  std::transform(name.begin(), name.end(), name.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  if (at + 5 > question.size()) return {};
  const int type = static_cast<uint8_t>(question[at + 2]);
  const std::string asked = question.substr(kHead, at + 5 - kHead);
  const auto guard = state_.lock();
  ++asked_[{name, type}];
  state_.notify();
  const Record* record = find(name);
  const auto reply = [&](size_t flags, size_t count, const std::string& records) {
    return question.substr(0, 2) + number16(0x8180 | flags) + number16(1) + number16(count) +
           number16(0) + number16(0) + asked + records;
  };
  if (!record) return reply(3, 0, {});
  delay = record->delay;
  closeIt = tcp && record->kind == Kind::ClosesTcp;
  if (record->kind == Kind::Silent || closeIt) return {};
  if (record->kind == Kind::ServerFailure) return reply(2, 0, {});
  if (record->kind == Kind::Refused) return reply(5, 0, {});
  const bool truncated = record->truncated || record->kind == Kind::ClosesTcp;
  if (truncated && !tcp) return reply(0x0200, 0, {});
  const std::string sameName = number16(0xc000 | kHead);
  std::string owner = sameName;
  std::string records;
  size_t count = 0;
  if (!record->alias.empty()) {
    owner = encodedName(record->alias);
    records += resource(sameName, kTypeCname, record->aliasTtl, owner);
    ++count;
  }
  for (const std::string& address : record->addresses) {
    const bool v6 = address.find(':') != std::string::npos;
    if (type != (v6 ? kTypeAaaa : kTypeA)) continue;
    std::array<char, 16> bytes{};
    inet_pton(v6 ? AF_INET6 : AF_INET, address.c_str(), bytes.data());
    records += resource(owner, type, record->ttl, std::string(bytes.data(), v6 ? 16 : 4));
    ++count;
  }
  return reply(0, count, records);
}

}  // namespace testsupport
