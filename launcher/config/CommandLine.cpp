// SPDX-License-Identifier: LGPL-2.1-or-later
#include "config/CommandLine.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/Redact.hpp"
#include "base/Text.hpp"
#include "config/ConfigKeys.hpp"

namespace launcher {

namespace {

using Mode = CommandLine::Mode;

constexpr std::pair<const char*, std::string CommandLine::*> kValues[] = {
    {"--config", &CommandLine::configFile},
    {"--websocket-uri", &CommandLine::websocketUri},
    {"--websocket-headers", &CommandLine::websocketHeaders},
    {"--websocket-content-type", &CommandLine::contentType},
    {"--websocket-dialect", &CommandLine::dialect},
};

constexpr std::pair<const char*, Mode> kModes[] = {
    {"--check-config", Mode::CheckConfig},
    {"--print-config", Mode::PrintConfig},
    {"--version", Mode::Version},
    {"--help", Mode::Help},
    {"-h", Mode::Help},
};

std::vector<std::string> optionNames() {
  std::vector<std::string> names = {"--set"};
  for (const auto& [name, field] : kValues)
    names.emplace_back(name);
  for (const auto& [name, mode] : kModes)
    names.emplace_back(name);
  return names;
}

/// The key of a setting whose value is a secret; empty for others.
std::string secretIn(const std::string& setting) {
  const std::size_t equals = std::min(setting.find('='), setting.size());
  const ConfigKey* key = findConfigKey(text::trim(setting.substr(0, equals)));
  const bool secret = key && (key->secret || text::maskUserInfo(setting) != setting);
  return secret ? key->name : std::string();
}

}  // namespace

CommandLine parseCommandLine(const std::vector<std::string>& arguments) {
  CommandLine line;
  std::size_t i = 0;
  if (!arguments.empty() && arguments[0] == "call") {
    line.mode = Mode::Call;
    i = 1;
  }
  const auto fail = [&line](std::string fault) {
    line.fault = std::move(fault);
    return line;
  };
  for (; i < arguments.size(); ++i) {
    const std::size_t equals =
        arguments[i].starts_with("--") ? arguments[i].find('=') : std::string::npos;
    const std::string name = arguments[i].substr(0, equals);
    const auto value = [&]() -> std::optional<std::string> {
      if (equals != std::string::npos) return arguments[i].substr(equals + 1);
      if (i + 1 < arguments.size()) return arguments[++i];
      return std::nullopt;
    };
    bool known = false;
    for (const auto& [option, mode] : kModes) {
      if (name != option) continue;
      line.mode = mode;
      known = true;
    }
    for (const auto& [option, field] : kValues) {
      if (name != option) continue;
      const auto given = value();
      if (!given) return fail(name + " needs a value");
      line.*field = *given;
      known = true;
    }
    if (name == "--set") {
      const auto given = value();
      if (!given) return fail("--set needs section.key=value");
      if (const std::string key = secretIn(*given); !key.empty()) {
        return fail(
            "--set takes no secrets, for everybody on this machine can read a command line: "
            "write " +
            key + " into a file for --config");
      }
      line.settings.push_back(*given);
      known = true;
    }
    if (known) continue;
    if (line.mode == Mode::Call && !name.starts_with("-") && line.sipUri.empty()) {
      line.sipUri = arguments[i];
      continue;
    }
    const auto near = text::nearest(name, optionNames());
    return fail("unknown argument '" + redacted(name) + "'" +
                (near ? ", did you mean " + *near + "?" : ""));
  }
  if (line.mode == Mode::Call) {
    if (line.sipUri.empty()) return fail("call needs a SIP URI");
    if (!line.sipUri.starts_with("sip:")) line.sipUri = "sip:" + line.sipUri;
  } else if (!line.websocketUri.empty() && line.mode == Mode::Run) {
    return fail("--websocket-uri belongs to call; websocket.uri is the key of the configuration");
  }
  return line;
}

std::string helpText() {
  std::string out =
      "Usage: wsbridge-launcher [--config FILE] [--set section.key=value]...\n"
      "       wsbridge-launcher call SIP-URI --websocket-uri URI [options]\n"
      "\n"
      "Bridges SIP calls to WebSocket endpoints. The first form waits for calls, the second dials\n"
      "one and bridges it when it is answered.\n"
      "\n"
      "  --config FILE             read this INI file\n"
      "  --set section.key=value   set one key, wins over the file\n"
      "  --check-config            check the configuration, name every fault with its line\n"
      "  --print-config            print the configuration in force\n"
      "  --version                 print the version\n"
      "  --help                    print this\n"
      "\n"
      "Of call:\n"
      "  --websocket-uri URI                endpoint, ws:// or wss://\n"
      "  --websocket-headers JSON           custom keys of the first message\n"
      "  --websocket-content-type TYPE      such as audio/l16;rate=16000\n"
      "  --websocket-dialect NAME           wsbridge, vonage, twilio, asterisk or\n"
      "                                     jambonz\n"
      "\n"
      "Exit status: 0 all calls ended by themselves (call: it was bridged), 1 failure, 2 usage,\n"
      "3 calls had to be ended at the end.\n"
      "Signals: TERM drains, a second one ends at once; INT ends at once; HUP reads the\n"
      "configuration again; USR1 switches debug logging on and off.\n"
      "\nKeys:\n";
  for (const ConfigKey& key : configKeys()) {
    out += "  " + key.name + " (" + key.type + ")\n      " + key.help;
    if (!key.fallback.empty()) out += " [" + key.fallback + "]";
    out += "\n";
  }
  out += "\nIn a section [route NAME]:\n";
  for (const RouteKey& key : routeKeys()) {
    out += "  " + key.name + " (" + key.type + ")\n      " + key.help + "\n";
  }
  return out;
}

}  // namespace launcher
