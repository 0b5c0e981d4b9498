// SPDX-License-Identifier: LGPL-2.1-or-later
#include "config/SecretFiles.hpp"

#include <algorithm>
#include <set>

#include <sys/stat.h>

#include <glib.h>

#include "base/Redact.hpp"
#include "config/ConfigKeys.hpp"
#include "log/Log.hpp"

namespace launcher {

namespace {

bool isSecret(bool secret, bool hidden, const std::string& value) {
  return ((secret || hidden) && !value.empty()) || redacted(value) != value;
}

bool holdsSecrets(const Config& config) {
  for (const ConfigKey& key : configKeys()) {
    if (isSecret(key.secret, key.hidden, config.values.at(key.name))) return true;
  }
  return std::any_of(config.routes.begin(), config.routes.end(), [](const Route& route) {
    const auto keys = routeKeys();
    return std::any_of(keys.begin(), keys.end(), [&route](const RouteKey& key) {
      const auto given = route.values.find(key.name);
      return given != route.values.end() && isSecret(key.secret, key.hidden, given->second);
    });
  });
}

}  // namespace

std::vector<OpenFile> filesOthersMayRead(const Config& config, const std::string& configFile) {
  std::set<std::string> paths = {config.websocket.tlsKeyFile, config.http.tlsKeyFile,
                                 config.websocket.authorization.jwtKeyFile};
  for (const Route& route : config.routes)
    paths.insert(route.authorization.jwtKeyFile);
  if (holdsSecrets(config)) paths.insert(configFile);
  paths.erase("");
  std::vector<OpenFile> files;
  for (const std::string& path : paths) {
    struct stat status {};
    if (stat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) continue;
    if ((status.st_mode & (S_IRWXG | S_IRWXO)) == 0) continue;
    char mode[16];
    g_snprintf(mode, sizeof mode, "%04o", static_cast<unsigned>(status.st_mode & 07777));
    files.push_back({path, mode});
  }
  return files;
}

void warnOfOpenFiles(const Config& config, const std::string& configFile) {
  for (const OpenFile& file : filesOthersMayRead(config, configFile)) {
    log::warning("file-readable", {{"file", file.path},
                                   {"mode", file.mode},
                                   {"text",
                                    "there are secrets in it: take the rights of group "
                                    "and others away (chmod 600)"}});
  }
}

}  // namespace launcher
