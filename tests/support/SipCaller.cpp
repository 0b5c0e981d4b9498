// SPDX-License-Identifier: LGPL-2.1-or-later
#include "SipCaller.hpp"

#include <algorithm>
#include <random>
#include <stdexcept>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace testsupport {
namespace {

std::string token() {
  static std::mutex mutex;
  static std::mt19937_64 random{std::random_device{}()};
  const std::lock_guard guard(mutex);
  char text[20];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(random()));
  return text;
}

std::string newBranch() {
  return "z9hG4bK" + token();
}

}  // namespace

SipCaller::SipCaller(const Options& options) : options_(options) {
  fd_ = socket(AF_INET, (options.tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC, 0);
  sockaddr_in local{};
  local.sin_family = AF_INET;
  local.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  sockaddr_in peer = local;
  peer.sin_port = htons(static_cast<uint16_t>(options.port));
  socklen_t length = sizeof local;
  bool ok = bind(fd_, reinterpret_cast<sockaddr*>(&local), sizeof local) == 0;
  // A caller that only waits to be called has no peer yet.
  if (options.port != 0)
    ok = ok && connect(fd_, reinterpret_cast<sockaddr*>(&peer), sizeof peer) == 0;
  ok = ok && getsockname(fd_, reinterpret_cast<sockaddr*>(&local), &length) == 0;
  if (!ok) {
    close(fd_);
    throw std::runtime_error("SIP caller has no socket");
  }
  local_port_ = ntohs(local.sin_port);
  call_id_ = token() + "@test";
  local_tag_ = token();
  const std::string authority = options.host + ":" + std::to_string(options.port);
  invite_uri_ = "sip:" + options.user + "@" + authority;
  local_ =
      "\"Tester\" <sip:tester@127.0.0.1:" + std::to_string(local_port_) + ">;tag=" + local_tag_;
  remote_ = "<" + invite_uri_ + ">";
  target_ = invite_uri_;
  thread_ = std::thread([this] { run(); });
}

SipCaller::~SipCaller() {
  stopping_ = true;
  thread_.join();
  close(fd_);
}

void SipCaller::run() {
  std::string stream;
  while (!stopping_) {
    pollfd waiting{fd_, POLLIN, 0};
    if (poll(&waiting, 1, 20) <= 0) continue;
    char buffer[65536];
    sockaddr_in from{};
    socklen_t length = sizeof from;
    const ssize_t n = recvfrom(fd_, buffer, sizeof buffer, MSG_DONTWAIT,
                               reinterpret_cast<sockaddr*>(&from), &length);
    if (n < 0) continue;
    if (n == 0 && options_.tcp) return;
    ++receptions_;
    if (options_.port == 0) {
      options_.port = ntohs(from.sin_port);
      if (connect(fd_, reinterpret_cast<sockaddr*>(&from), length) != 0) return;
    }
    if (!options_.tcp) stream.clear();
    stream.append(buffer, static_cast<size_t>(n));
    while (auto message = takeSipMessage(stream))
      handle(*message);
  }
}

void SipCaller::handle(const SipMessage& message) {
  bool acknowledge = false;
  {
    const auto guard = state_.lock();
    if (message.isResponse() && message.method == "INVITE") {
      if (message.status > 100 && !message.toTag().empty() && message.status < 300) {
        remote_ = message.header("To");
        if (!message.header("Contact").empty()) target_ = addressUri(message.header("Contact"));
        routes_ = message.all("Record-Route");
        std::reverse(routes_.begin(), routes_.end());
      }
      acknowledge = message.status >= 300 || (message.status >= 200 && options_.autoAck);
    }
    received_.push_back(message);
  }
  if (acknowledge && message.status >= 300) {
    // RFC 3261 17.1.1.3: same branch and request URI as the INVITE.
    std::string branch = headerParameter(message.header("Via"), "branch");
    const std::string uri = branch == invite_branch_ ? invite_uri_ : target_;
    transmit(compose("ACK", uri, message.cseq(), branch, {}, "", "", message.header("To")));
  } else if (acknowledge) {
    transmit(
        compose("ACK", target_, message.cseq(), newBranch(), {}, "", "", message.header("To")));
  }
  if (!message.isResponse() && options_.autoAnswer && message.method != "INVITE" &&
      message.method != "ACK") {
    const auto [status, phrase] = answerTo(message.method);
    respond(message, status, phrase);
  }
  state_.notify();
}

void SipCaller::transmit(const std::string& bytes) {
  const auto guard = sending_.lock();
  for (size_t done = 0; done < bytes.size();) {
    const ssize_t n = send(fd_, bytes.data() + done, bytes.size() - done, MSG_NOSIGNAL);
    if (n <= 0) return;
    done += static_cast<size_t>(n);
  }
}

std::string SipCaller::contact() const {
  return "<sip:tester@127.0.0.1:" + std::to_string(local_port_) +
         (options_.tcp ? ";transport=tcp>" : ">");
}

std::string SipCaller::compose(const std::string& method, const std::string& uri, unsigned cseq,
                               const std::string& branch, const SipHeaders& headers,
                               const std::string& body, const std::string& type,
                               const std::string& to) const {
  const std::string via = std::string("SIP/2.0/") + (options_.tcp ? "TCP" : "UDP") +
                          " 127.0.0.1:" + std::to_string(local_port_) + ";rport;branch=" + branch;
  std::string lines = "Contact: " + contact() + "\r\n";
  if (method != "CANCEL") {
    for (const auto& route : routes_)
      lines += "Route: " + route + "\r\n";
  }
  for (const auto& [name, value] : headers)
    lines.append(name).append(": ").append(value).append("\r\n");
  return SipRequest{.method = method,
                    .uri = uri,
                    .via = via,
                    .from = local_,
                    .to = to,
                    .callId = call_id_,
                    .cseq = cseq,
                    .headers = lines,
                    .body = body,
                    .type = type}
      .text();
}

unsigned SipCaller::nextCseq() {
  const auto guard = state_.lock();
  return ++last_cseq_;
}

void SipCaller::invite(const Invite& invite) {
  invite_branch_ = newBranch();
  if (!invite.requestUri.empty()) {
    const auto guard = state_.lock();
    invite_uri_ = target_ = invite.requestUri;
  }
  invite_cseq_ = nextCseq();
  SipHeaders headers = invite.headers;
  if (!options_.allow.empty()) headers.emplace_back("Allow", options_.allow);
  invite_bytes_ = compose("INVITE", invite_uri_, invite_cseq_, invite_branch_, headers,
                          invite.sdp.value_or(""), invite.sdp ? "application/sdp" : "", remote_);
  invited_at_ = Clock::now();
  transmit(invite_bytes_);
}

void SipCaller::retransmitInvite() {
  transmit(invite_bytes_);
}

void SipCaller::cancel() {
  transmit(compose("CANCEL", invite_uri_, invite_cseq_, invite_branch_, {}, "", "",
                   "<" + invite_uri_ + ">"));
}

void SipCaller::ack(const std::string& sdp) {
  std::string target;
  std::string to;
  {
    const auto guard = state_.lock();
    target = target_;
    to = remote_;
  }
  transmit(compose("ACK", target, invite_cseq_, newBranch(), {}, sdp,
                   sdp.empty() ? "" : "application/sdp", to));
}

std::optional<SipMessage> SipCaller::waitAnswer(const std::string& method, unsigned cseq,
                                                Millis limit) const {
  std::optional<SipMessage> answer;
  state_.waitFor(
      [&] {
        for (const auto& message : received_) {
          if (message.status >= 200 && message.method == method && message.cseq() == cseq) {
            answer = message;
            return true;
          }
        }
        return false;
      },
      limit);
  return answer;
}

std::optional<SipMessage> SipCaller::request(const std::string& method, const SipHeaders& headers,
                                             const std::string& body,
                                             const std::string& contentType, Millis limit) {
  const unsigned cseq = nextCseq();
  std::string target;
  std::string to;
  {
    const auto guard = state_.lock();
    target = target_;
    to = remote_;
  }
  transmit(compose(method, target, cseq, newBranch(), headers, body, contentType, to));
  return waitAnswer(method, cseq, limit);
}

std::optional<SipMessage> SipCaller::bye(Millis limit) {
  return request("BYE", {}, "", "", limit);
}

void SipCaller::sendBye() {
  request("BYE", {}, "", "", 0ms);
}

std::optional<SipMessage> SipCaller::reInvite(const std::optional<std::string>& sdp, Millis limit) {
  return request("INVITE", {}, sdp.value_or(""), sdp ? "application/sdp" : "", limit);
}

std::optional<SipMessage> SipCaller::options(Millis limit) {
  return request("OPTIONS", {{"Accept", "application/sdp"}}, "", "", limit);
}

void SipCaller::sendRaw(const std::string& bytes) {
  transmit(bytes);
}

std::optional<SipMessage> SipCaller::waitFinal(Millis limit) const {
  return waitAnswer("INVITE", invite_cseq_, limit);
}

std::optional<SipMessage> SipCaller::waitResponse(const std::string& method, int lowest,
                                                  int highest, Millis limit) const {
  std::optional<SipMessage> answer;
  state_.waitFor(
      [&] {
        for (const auto& message : received_) {
          if (message.method == method && message.status >= lowest && message.status <= highest) {
            answer = message;
            return true;
          }
        }
        return false;
      },
      limit);
  return answer;
}

std::optional<SipMessage> SipCaller::waitRequest(const std::string& method, Millis limit) const {
  std::optional<SipMessage> found;
  state_.waitFor(
      [&] {
        for (const auto& message : received_) {
          if (!message.isResponse() && message.method == method) {
            found = message;
            return true;
          }
        }
        return false;
      },
      limit);
  return found;
}

std::vector<SipMessage> SipCaller::responses(const std::string& method) const {
  const auto guard = state_.lock();
  std::vector<SipMessage> found;
  for (const auto& message : received_) {
    if (message.isResponse() && message.method == method) found.push_back(message);
  }
  return found;
}

std::vector<SipMessage> SipCaller::requests(const std::string& method) const {
  const auto guard = state_.lock();
  std::vector<SipMessage> found;
  for (const auto& message : received_) {
    if (!message.isResponse() && message.method == method) found.push_back(message);
  }
  return found;
}

void SipCaller::answerWith(const std::string& method, int status, const std::string& phrase) {
  const auto guard = state_.lock();
  answers_[method] = {status, phrase};
}

std::pair<int, std::string> SipCaller::answerTo(const std::string& method) const {
  const auto guard = state_.lock();
  const auto found = answers_.find(method);
  return found == answers_.end() ? std::pair<int, std::string>{200, "OK"} : found->second;
}

void SipCaller::respond(const SipMessage& request, int status, const std::string& phrase,
                        const std::string& sdp, const std::string& theirContact) {
  const std::string text =
      responseTo(request, status, phrase, local_tag_,
                 "Contact: " + (theirContact.empty() ? contact() : theirContact) + "\r\n", sdp);
  if (request.method == "INVITE" && status >= 200 && status < 300) {
    const auto guard = state_.lock();
    call_id_ = request.header("Call-ID");
    local_ = request.header("To") + (request.toTag().empty() ? ";tag=" + local_tag_ : "");
    remote_ = request.header("From");
    target_ = addressUri(request.header("Contact"));
    routes_ = request.all("Record-Route");
  }
  transmit(text);
}

}  // namespace testsupport
