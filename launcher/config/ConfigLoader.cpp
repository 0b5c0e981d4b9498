// SPDX-License-Identifier: LGPL-2.1-or-later
#include "config/ConfigLoader.hpp"

#include <algorithm>
#include <set>
#include <sstream>
#include <variant>

#include <glib.h>

#include "base/EndpointUri.hpp"
#include "base/GPtr.hpp"
#include "base/Redact.hpp"
#include "base/Text.hpp"
#include "base/UriPolicy.hpp"
#include "config/AuthorizationKeys.hpp"
#include "config/ConfigKeys.hpp"

namespace launcher {

namespace {

constexpr std::string_view kRoutePrefix = "route ";

/// The escapes of GLib's key files undone; a backslash before anything else is itself. Of these an
/// older GKeyFile says the same and a newer one refuses them, so it cannot be asked.
std::string unescaped(std::string_view raw) {
  constexpr std::string_view kNames = "sntr\\";
  constexpr std::string_view kMeant = " \n\t\r\\";
  std::string value;
  for (std::size_t at = 0; at < raw.size(); ++at) {
    const std::size_t name =
        raw[at] == '\\' && at + 1 < raw.size() ? kNames.find(raw[at + 1]) : std::string_view::npos;
    value += name == std::string_view::npos ? raw[at] : kMeant[name];
    if (name != std::string_view::npos) ++at;
  }
  return value;
}

/// One `key=value` of the file with its place. GKeyFile knows no line numbers, so the text is
/// scanned here.
struct Entry {
  std::string section;
  std::string key;
  std::string value;
  int line;
};

class Loader {
 public:
  explicit Loader(std::string where) : where_(std::move(where)) {}

  ConfigResult run(const std::string& text, const std::vector<std::string>& settings) {
    for (const ConfigKey& key : configKeys()) {
      config_.values[key.name] = key.fallback;
      lines_[key.name] = 0;
    }
    scan(text);
    for (const Entry& entry : entries_)
      take(entry);
    for (const std::string& setting : settings)
      takeSetting(setting);
    applyAll();
    for (Route& route : config_.routes) {
      if (!route.regex) fault(route_lines_[route.name], "[route " + route.name + "] has no match");
    }
    if (!faults_.empty()) return {nullptr, faults_, {}};
    std::vector<ConfigFault> refused = refusedEndpoints();
    return {std::make_shared<const Config>(std::move(config_)), {}, std::move(refused)};
  }

 private:
  void fault(int line, std::string text) { faults_.push_back({where_, line, std::move(text)}); }

  void scan(const std::string& text) {
    std::istringstream stream(text);
    std::string raw;
    std::string section;
    bool skip = false;
    for (int line = 1; std::getline(stream, raw); ++line) {
      if (!g_utf8_validate(raw.data(), static_cast<gssize>(raw.size()), nullptr)) {
        fault(line, "is not valid UTF-8");
        continue;
      }
      const std::string trimmed = text::trim(raw);
      if (trimmed.empty() || trimmed.front() == '#') continue;
      if (trimmed.front() == '[') {
        skip = !scanSection(trimmed, line, section);
        continue;
      }
      const std::size_t equals = trimmed.find('=');
      if (equals == std::string::npos || equals == 0) {
        fault(line, keyLikeWord(trimmed) + " is neither [section], key=value nor a # comment");
      } else if (section.empty() && !skip) {
        fault(line, keyLikeWord(trimmed) + " stands before the first [section]");
      } else if (!skip) {
        addEntry(section, text::trim(trimmed.substr(0, equals)), trimmed.substr(equals + 1), line);
      }
    }
  }

  bool scanSection(const std::string& trimmed, int line, std::string& section) {
    section.clear();
    if (trimmed.back() != ']') {
      fault(line, keyLikeWord(trimmed) + " lacks the closing bracket");
      return false;
    }
    const std::string name = text::trim(trimmed.substr(1, trimmed.size() - 2));
    if (name.starts_with(kRoutePrefix)) {
      const std::string routeName = text::trim(name.substr(kRoutePrefix.size()));
      if (route_lines_.count(routeName)) {
        fault(line, "[route " + routeName + "] stands there twice, first on line " +
                        std::to_string(route_lines_[routeName]));
        return false;
      }
      route_lines_[routeName] = line;
      Route route;
      route.name = routeName;
      config_.routes.push_back(route);
      section = name;
      return true;
    }
    std::set<std::string> known;
    for (const ConfigKey& key : configKeys())
      known.insert(key.section());
    if (!known.count(name)) {
      fault(line,
            "unknown section [" + name + "]" + suggestion(name, {known.begin(), known.end()}));
      return false;
    }
    section = name;
    return true;
  }

  void addEntry(const std::string& section, const std::string& key, const std::string& raw,
                int line) {
    entries_.push_back({section, key, unescaped(text::trim(raw)), line});
  }

  static std::string suggestion(const std::string& word, const std::vector<std::string>& known) {
    const auto near = text::nearest(word, known);
    return near ? ", did you mean '" + *near + "'?" : "";
  }

  static std::vector<std::string> keysOf(const std::string& section) {
    std::vector<std::string> names;
    for (const ConfigKey& key : configKeys()) {
      if (key.section() == section) names.push_back(key.key());
    }
    return names;
  }

  void take(const Entry& entry) {
    const std::string full = entry.section + "." + entry.key;
    if (const auto [where, isNew] = seen_.emplace(full, entry.line); !isNew) {
      fault(entry.line, keyLikeWord(entry.key) + " stands there twice, first on line " +
                            std::to_string(where->second));
      return;
    }
    if (entry.section.starts_with(kRoutePrefix)) {
      takeRoute(entry);
    } else if (!findConfigKey(full)) {
      fault(entry.line, "unknown key " + keyLikeWord(entry.key) + " in [" + entry.section + "]" +
                            suggestion(entry.key, keysOf(entry.section)));
    } else {
      config_.values[full] = entry.value;
      lines_[full] = entry.line;
    }
  }

  void takeRoute(const Entry& entry) {
    const std::string name = text::trim(entry.section.substr(kRoutePrefix.size()));
    std::vector<std::string> known;
    for (const RouteKey& key : routeKeys()) {
      known.push_back(key.name);
      if (key.name != entry.key) continue;
      for (Route& route : config_.routes) {
        if (route.name != name) continue;
        route.values[key.name] = entry.value;
        if (std::string wrong = key.apply(route, entry.value); !wrong.empty()) {
          fault(entry.line, entry.key + " " + wrong);
        }
        if (key.name == "match" && !route.regex) {
          route.regex =
              std::shared_ptr<GRegex>(g_regex_new("^$", static_cast<GRegexCompileFlags>(0),
                                                  static_cast<GRegexMatchFlags>(0), nullptr),
                                      g_regex_unref);
        }
      }
      return;
    }
    fault(entry.line, "unknown key " + keyLikeWord(entry.key) + " in [" + entry.section + "]" +
                          suggestion(entry.key, known));
  }

  void takeSetting(const std::string& setting) {
    const std::size_t equals = setting.find('=');
    const std::string name = text::trim(setting.substr(0, equals));
    if (equals == std::string::npos) {
      faults_.push_back({"--set", 0, keyLikeWord(setting) + " is not section.key=value"});
    } else if (!findConfigKey(name)) {
      std::vector<std::string> known;
      for (const ConfigKey& key : configKeys())
        known.push_back(key.name);
      faults_.push_back({"--set", 0, "unknown key " + keyLikeWord(name) + suggestion(name, known)});
    } else {
      config_.values[name] = text::trim(setting.substr(equals + 1));
      lines_[name] = -1;
    }
  }

  void applyAll() {
    for (const ConfigKey& key : configKeys()) {
      const std::string wrong = key.apply(config_, config_.values[key.name]);
      if (wrong.empty()) continue;
      const int line = lines_[key.name];
      faults_.push_back({line < 0 ? "--set" : where_, line < 0 ? 0 : line, key.name + " " + wrong});
    }
    for (const std::string section : {"websocket", "http"}) {
      const std::string cert = section + ".tls-cert-file";
      const std::string key = section + ".tls-key-file";
      if (config_.values[cert].empty() == config_.values[key].empty()) continue;
      std::string text = cert;
      text.append(" and ").append(key).append(" need each other");
      fault(std::max(lines_[cert], lines_[key]), std::move(text));
    }
    checkHttp();
    checkAuthorization();
  }

  /// libsoup's server is not made for strangers.
  void checkHttp() {
    const Config::Http& http = config_.http;
    const bool clients = !http.tlsClientCaFile.empty();
    if (clients && http.tlsCertFile.empty()) {
      fault(lines_["http.tls-client-ca-file"],
            "http.tls-client-ca-file needs http.tls-cert-file and http.tls-key-file");
    }
    if (clients || http.listen.empty() || isLoopback(http.listen.front())) return;
    fault(lines_["http.listen"],
          "http.listen " + config_.values["http.listen"] +
              " can be reached from other machines: set http.tls-client-ca-file, so that clients "
              "need a certificate, or listen at 127.0.0.1 and put a reverse proxy in front");
  }

  void checkAuthorization() {
    const AuthorizationConfig& general = config_.websocket.authorization;
    if (const std::string wrong = authorizationFault(general); !wrong.empty())
      fault(std::max(lines_["websocket.authorization-type"], 0), "websocket." + wrong);
    for (const Route& route : config_.routes) {
      if (route.authorization == AuthorizationConfig{}) continue;
      const std::string wrong = authorizationFault(inherited(route.authorization, general));
      if (!wrong.empty()) fault(route_lines_[route.name], "[route " + route.name + "] " + wrong);
    }
  }

  std::vector<ConfigFault> refusedEndpoints() {
    std::vector<ConfigFault> refused;
    const UriPolicy policy(config_.websocket.allow);
    const auto check = [&](const std::string& uri, const std::string& key, std::string where,
                           int line) {
      const auto parsed = parseEndpointUris(text::withoutWhiteSpace(uri));
      if (uri.empty() || !parsed) return;
      for (const EndpointUri& endpoint : *parsed) {
        const auto why = policy.alwaysRefused(endpoint.host);
        if (!why) continue;
        refused.push_back({std::move(where), line, key + ": calls get 403, for " + *why});
        return;  // one of them is enough for a call to be refused
      }
    };
    const int line = lines_["websocket.uri"];
    check(config_.websocket.uri, "websocket.uri", line < 0 ? "--set" : where_, std::max(line, 0));
    for (const Route& route : config_.routes) {
      const auto given = seen_.find(std::string(kRoutePrefix) + route.name + ".uri");
      check(route.uri, "[route " + route.name + "] uri", where_,
            given == seen_.end() ? route_lines_[route.name] : given->second);
    }
    return refused;
  }

  std::string where_;
  Config config_;
  std::vector<Entry> entries_;
  std::map<std::string, int> seen_;
  std::map<std::string, int> lines_;
  std::map<std::string, int> route_lines_;
  std::vector<ConfigFault> faults_;
};

/// As it stands in a file, but for secrets in URIs.
std::string shown(const std::string& value) {
  std::string out;
  for (const char c : redacted(value)) {
    if (c == '\\') out.push_back(c);
    out.push_back(c);
  }
  return out;
}

}  // namespace

std::string ConfigFault::describe() const {
  return where + (line > 0 ? ":" + std::to_string(line) : "") + ": " + text;
}

ConfigResult parseConfig(const std::string& text, const std::string& fileName,
                         const std::vector<std::string>& settings) {
  return Loader(fileName).run(text, settings);
}

ConfigResult loadConfigFile(const std::string& fileName, const std::vector<std::string>& settings) {
  if (fileName.empty()) return parseConfig("", "defaults", settings);
  char* contents = nullptr;
  gsize length = 0;
  GError* error = nullptr;
  if (!g_file_get_contents(fileName.c_str(), &contents, &length, &error)) {
    ErrorPtr owned(error);
    return {nullptr, {{fileName, 0, error->message}}, {}};
  }
  CharPtr owned(contents);
  return parseConfig(std::string(contents, length), fileName, settings);
}

std::string printConfig(const Config& config) {
  std::string out;
  std::string section;
  for (const ConfigKey& key : configKeys()) {
    if (key.section() != section) {
      section = key.section();
      out += (out.empty() ? "[" : "\n[") + section + "]\n";
    }
    const std::string& value = config.values.at(key.name);
    out += "# " + key.help + " (" + key.type + ")\n";
    if ((key.secret || key.hidden) && !value.empty()) {
      out += "# " + key.key() + " is set and not shown\n";
    } else {
      out += key.key() + "=" + shown(value) + "\n";
    }
  }
  for (const Route& route : config.routes) {
    out += "\n[route " + route.name + "]\n";
    for (const RouteKey& key : routeKeys()) {
      const auto given = route.values.find(key.name);
      if (given == route.values.end() || given->second.empty()) continue;
      out += key.secret || key.hidden ? "# " + key.name + " is set and not shown\n"
                                      : key.name + "=" + shown(given->second) + "\n";
    }
  }
  return out;
}

std::vector<std::string> keysNeedingRestart(const Config& before, const Config& after) {
  std::vector<std::string> names;
  for (const ConfigKey& key : configKeys()) {
    if (key.restart && before.values.at(key.name) != after.values.at(key.name)) {
      names.push_back(key.name);
    }
  }
  return names;
}

}  // namespace launcher
