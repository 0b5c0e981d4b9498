// SPDX-License-Identifier: LGPL-2.1-or-later
#include "EndpointFloods.hpp"

namespace e2e {
namespace {

std::string text(const std::string& content) {
  return encodeFrame(Opcode::Text, true, content);
}

}  // namespace

std::string repeated(size_t count, const std::string& what) {
  std::string all;
  for (size_t i = 0; i < count; ++i)
    all += what;
  return all;
}

const std::vector<EndpointFlood>& endpointFloods() {
  const std::string digits(64, '5');
  std::string deep = R"({"action":"x","a":[)";
  while (deep.size() < 30'000)
    deep += repeated(30, "[") + repeated(30, "]") + ",";
  deep += "0]}";
  static const std::vector<EndpointFlood> floods = {
      {"Digits",
       repeated(32, text(R"({"action":"dtmf","digits":")" + digits + R"(","duration":6000})"))},
      {"UnknownActions", repeated(256, text(R"({"action":"x"})"))},
      {"EverNewActions",
       [] {
         std::string all;
         for (int i = 0; i < 512; ++i)
           all += text(R"({"action":"x)" + std::to_string(i) + "\"}");
         return all;
       }()},
      {"MuteToggles", repeated(64, text(R"({"action":"mute"})") + text(R"({"action":"unmute"})"))},
      {"DeepJson", text(deep)},
      {"Messages", repeated(32, text(R"({"action":"message","body":"hello"})"))},
      {"Transfers", repeated(64, text(R"({"action":"transfer","uri":"sip:x@192.0.2.1"})"))},
      {"Pings", repeated(256, encodeFrame(Opcode::Ping, true, "are you there"))},
      {"Pongs", repeated(256, encodeFrame(Opcode::Pong, true, ""))},
      {"TextFragments",
       repeated(1024, encodeFrame(Opcode::Continuation, false, "x")) +
           encodeFrame(Opcode::Continuation, true, "x") + encodeFrame(Opcode::Text, false, "x"),
       encodeFrame(Opcode::Text, false, "x")},
      {"AudioFragments", repeated(2048, encodeFrame(Opcode::Continuation, false, "x")),
       encodeFrame(Opcode::Binary, false, "x")},
      {"EmptyAudio", repeated(2048, encodeFrame(Opcode::Binary, true, ""))},
      {"AudioAndClear",
       repeated(64, encodeFrame(Opcode::Binary, true, std::string(16000, '\x11'))) +
           text(R"({"action":"clear"})")},
  };
  return floods;
}

}  // namespace e2e
