// SPDX-License-Identifier: LGPL-2.1-or-later
#include "config/CommandLine.hpp"

#include <algorithm>
#include <memory>
#include <utility>

#include <glib.h>

#include "base/GPtr.hpp"
#include "base/Redact.hpp"
#include "base/Text.hpp"
#include "config/ConfigKeys.hpp"

namespace launcher {

namespace {

using Mode = CommandLine::Mode;
using ContextPtr = std::unique_ptr<GOptionContext, decltype(&g_option_context_free)>;

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

/// The key of a setting whose value is a secret; empty for others.
std::string secretIn(const std::string& setting) {
  const std::size_t equals = std::min(setting.find('='), setting.size());
  const ConfigKey* key = findConfigKey(text::trim(setting.substr(0, equals)));
  const bool secret = key && (key->secret || text::maskUserInfo(setting) != setting);
  return secret ? key->name : std::string();
}

/// For every option: GOption has read `name` as it stands, and the value that it takes.
gboolean take(const char* name, const char* value, gpointer data, GError** error) noexcept {
  auto& line = *static_cast<CommandLine*>(data);
  const std::string_view option = name;
  for (const auto& [known, mode] : kModes)
    if (option == known) line.mode = mode;
  for (const auto& [known, field] : kValues)
    if (option == known) line.*field = value;
  if (option != "--set") return TRUE;
  if (const std::string key = secretIn(value); !key.empty()) {
    g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED,
                "--set takes no secrets, for everybody on this machine can read a command line: "
                "write %s into a file for --config",
                key.c_str());
    return FALSE;
  }
  line.settings.emplace_back(value);
  return TRUE;
}

GOptionEntry option(const char* name, const char* help, const char* argument = nullptr,
                    char letter = '\0') {
  // A value is taken as it is, in whatever encoding the terminal has.
  const int kind = argument ? G_OPTION_FLAG_FILENAME : G_OPTION_FLAG_NO_ARG;
  const int flags = kind | G_OPTION_FLAG_NOALIAS;  // no --call-websocket-uri
  return {name, letter,  flags, G_OPTION_ARG_CALLBACK, reinterpret_cast<gpointer>(&take),
          help, argument};
}

const GOptionEntry kGeneral[] = {
    option("config", "read this INI file", "FILE"),
    option("set", "set one key, wins over the file; may be given again", "SECTION.KEY=VALUE"),
    option("check-config", "check the configuration, name every fault with its line"),
    option("print-config", "print the configuration in force"),
    option("version", "print the version"),
    option("help", "print this", nullptr, 'h'),
    {},
};

const GOptionEntry kOfCall[] = {
    option("websocket-uri", "endpoint, ws:// or wss://", "URI"),
    option("websocket-headers", "custom keys of the first message", "JSON"),
    option("websocket-content-type", "such as audio/l16;rate=16000", "TYPE"),
    option("websocket-dialect", "wsbridge, vonage, twilio, asterisk or jambonz", "NAME"),
    {},
};

ContextPtr makeContext(CommandLine& line) {
  ContextPtr context(g_option_context_new(nullptr), &g_option_context_free);
  g_option_context_set_help_enabled(context.get(), FALSE);
  // What is unknown stays behind, to be told in our words.
  g_option_context_set_ignore_unknown_options(context.get(), TRUE);
  GOptionGroup* general = g_option_group_new("general", "", "", &line, nullptr);
  g_option_group_add_entries(general, kGeneral);
  g_option_context_set_main_group(context.get(), general);
  GOptionGroup* ofCall = g_option_group_new("call", "Of call:", "", &line, nullptr);
  g_option_group_add_entries(ofCall, kOfCall);
  g_option_context_add_group(context.get(), ofCall);
  return context;
}

std::string unknown(const std::string& argument) {
  const std::string name = argument.substr(0, argument.find('='));
  std::vector<std::string> names;
  for (const GOptionEntry* group : {kGeneral, kOfCall}) {
    for (const GOptionEntry* entry = group; entry->long_name; ++entry)
      names.push_back(std::string("--") + entry->long_name);
  }
  const auto near = text::nearest(name, names);
  return "unknown argument '" + redacted(name) + "'" +
         (near ? ", did you mean " + *near + "?" : "");
}

}  // namespace

CommandLine parseCommandLine(const std::vector<std::string>& arguments) {
  CommandLine line;
  const bool call = !arguments.empty() && arguments[0] == "call";
  if (call) line.mode = Mode::Call;
  const auto fail = [&line](std::string fault) {
    line.fault = std::move(fault);
    return line;
  };
  // GOption takes what it knows out of the list, and begins behind the program's name.
  GStrvBuilder* builder = g_strv_builder_new();
  g_strv_builder_add(builder, "wsbridge-launcher");
  for (std::size_t i = call ? 1 : 0; i < arguments.size(); ++i)
    g_strv_builder_add(builder, arguments[i].c_str());
  GStrv list = g_strv_builder_end(builder);
  g_strv_builder_unref(builder);
  GError* error = nullptr;
  g_option_context_parse_strv(makeContext(line).get(), &list, &error);
  const std::unique_ptr<GStrv, void (*)(GStrv*)> owned(&list, [](GStrv* all) { g_strfreev(*all); });
  if (error) {
    const ErrorPtr told(error);
    if (told->code == G_OPTION_ERROR_FAILED) return fail(told->message);
    // Only the last one can be without its value.
    const bool set = arguments.back() == "--set";
    return fail(arguments.back() + (set ? " needs section.key=value" : " needs a value"));
  }
  for (GStrv left = list + 1; *left; ++left) {
    if (!call || **left == '-' || !line.sipUri.empty()) return fail(unknown(*left));
    line.sipUri = *left;
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
  CommandLine line;
  const ContextPtr context = makeContext(line);
  g_option_context_set_summary(
      context.get(),
      "  wsbridge-launcher call SIP-URI --websocket-uri URI [OPTION…]\n\n"
      "Bridges SIP calls to WebSocket endpoints. The first form waits for calls, the second dials\n"
      "one and bridges it when it is answered.");
  g_option_context_set_description(
      context.get(),
      "Exit status: 0 all calls ended by themselves (call: it was bridged), 1 failure, 2 usage,\n"
      "3 calls had to be ended at the end.\n"
      "Signals: TERM drains, a second one ends at once; INT ends at once; HUP reads the\n"
      "configuration again; USR1 switches debug logging on and off.\n");
  std::string out = CharPtr(g_option_context_get_help(context.get(), FALSE, nullptr)).get();
  out += "Keys:\n";
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
