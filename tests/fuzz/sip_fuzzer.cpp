// SPDX-License-Identifier: LGPL-2.1-or-later
//
// SIP messages at a real user agent, with its door, its checks and routes, by UDP or TCP. The first
// byte of the input has flags; then come up to eight messages with lines "%%" between them. $N is
// replaced by a number of this run, $P by the port of the caller, $G by ours, $T by the tag that
// the last call has in To. After each message an OPTIONS of somebody else is answered, and what
// the agent sends is SIP, line by line. Nothing is sent to anybody but the caller.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "FuzzCheck.hpp"
#include "FuzzInput.hpp"
#include "SipAgent.hpp"
#include "SipWire.hpp"

namespace {

constexpr size_t kMaxMessages = 8;
constexpr std::string_view kSeparator = "\n%%\n";

std::vector<std::string> messagesOf(std::string_view text) {
  std::vector<std::string> messages;
  while (messages.size() < kMaxMessages) {
    const size_t end = text.find(kSeparator);
    messages.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + kSeparator.size());
  }
  return messages;
}

void replaceAll(std::string& text, std::string_view from, const std::string& to) {
  for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
}

void fill(std::string& message, uint64_t run, const fuzz::SipAgent& agent,
          const fuzz::SipWire& wire) {
  replaceAll(message, "$N", std::to_string(run));
  replaceAll(message, "$P", std::to_string(wire.port()));
  replaceAll(message, "$G", std::to_string(agent.port()));
  replaceAll(message, "$T", wire.lastTag());
}

/// The door answers OPTIONS before the stack is through with what came earlier.
void settle(fuzz::SipAgent& agent, fuzz::SipWire& wire) {
  agent.settle();
  wire.drain();
}

/// What reaches no dialog would prove nothing.
void proveCall(fuzz::SipAgent& agent, fuzz::SipWire& wire) {
  std::string invite =
      "INVITE sip:bot@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:$P;branch=z9hG4bKproof\r\n"
      "From: <sip:fuzz@127.0.0.1>;tag=proof\r\nTo: <sip:bot@127.0.0.1>\r\nCall-ID: proof\r\n"
      "CSeq: 1 INVITE\r\nContact: <sip:fuzz@127.0.0.1:$P>\r\nContent-Length: 0\r\n\r\n";
  fill(invite, 0, agent, wire);
  wire.send(invite);
  wire.requireAlive();
  settle(agent, wire);
  fuzz::require(wire.lastTag() != "none", "a good call is taken");
  agent.endCalls();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static fuzz::SipAgent& agent = *new fuzz::SipAgent;
  static fuzz::SipWire& wire = *new fuzz::SipWire(agent.port());
  static uint64_t run = 0;
  if (run++ == 0) proveCall(agent, wire);
  fuzz::Input input(data, size);
  const unsigned flags = input.byte();
  for (std::string message : messagesOf(input.rest())) {
    fill(message, run, agent, wire);
    if ((flags & 1U) != 0) {
      wire.sendByTcp(message, flags >> 1U);
    } else {
      wire.send(message);
    }
    wire.requireAlive();
    settle(agent, wire);
  }
  wire.endTcp();
  agent.endCalls();
  wire.requireAlive();
  return 0;
}
