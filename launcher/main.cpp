// SPDX-License-Identifier: LGPL-2.1-or-later
// wsbridge-launcher: command line, signals and exit status; everything else is in Gateway.
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include <unistd.h>

#include <glib-unix.h>
#include <gst/gst.h>

#include "Gateway.hpp"
#include "base/Descriptors.hpp"
#include "base/Text.hpp"
#include "config/CommandLine.hpp"
#include "config/ConfigLoader.hpp"
#include "config/Paths.hpp"
#include "config/SecretFiles.hpp"
#include "log/LibraryOutput.hpp"
#include "log/Log.hpp"
#include "log/PluginOutput.hpp"
#include "wsbridge-config.h"

namespace launcher {
namespace {

enum ExitStatus { kDone = 0, kFailure = 1, kUsage = 2, kCallsEnded = 3 };

/// True when there are none.
bool reportFaults(const std::vector<ConfigFault>& faults) {
  for (const ConfigFault& fault : faults)
    std::fprintf(stderr, "%s\n", fault.describe().c_str());
  return faults.empty();
}

void warnOfRefusedEndpoints(const ConfigResult& result) {
  for (const ConfigFault& fault : result.refusedEndpoints)
    log::warning("config", {{"key", "websocket.allow"}, {"text", fault.describe()}});
}

/// More than two thousand calls need; 128 kB of the kernel's memory.
constexpr std::size_t kDescriptors = 16384;

class Program {
 public:
  explicit Program(CommandLine line) : line_(std::move(line)), loop_(g_main_loop_new(nullptr, 0)) {}
  ~Program() { g_main_loop_unref(loop_); }
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  int run() {
    const ConfigResult loaded = load();
    if (!reportFaults(loaded.faults)) return kFailure;
    const ConfigPtr config = loaded.config;
    log::setLevel(config->log.level);
    log::setFormat(config->log.format);
    log::takeLibraryOutput();
    log::takePluginOutput();
    const std::size_t descriptorLimit = raiseDescriptorLimit();
    reserveDescriptors(kDescriptors);  // while there is one thread
    const log::Background background;
    warnOfOpenFiles(*config, line_.configFile);
    warnOfRefusedEndpoints(loaded);
    const Paths paths = findPaths();
    if (const auto plugin = loadPlugin(paths); !plugin) return fail(plugin.error());
    gateway_ = std::make_unique<Gateway>(config, descriptorLimit);
    if (const auto started = gateway_->start(paths.pipelineDirectory); !started)
      return fail(started.error());
    watchSignals();
    const std::string echo = gateway_->echoAddress();
    log::info("ready", {{"sip", gateway_->listening()},
                        {"echo", echo},
                        {"http", gateway_->httpAddress()},
                        {"pid", static_cast<int>(getpid())},
                        {"version", WSBRIDGE_VERSION}});
    if (line_.mode == CommandLine::Mode::Call && !startCall(*config)) return kUsage;
    g_main_loop_run(loop_);
    gateway_.reset();
    log::info("shutdown", {{"status", status_}});
    return status_;
  }

 private:
  int fail(const std::string& fault) {
    log::error("start-failed", {{"text", fault}});
    gateway_.reset();
    return kFailure;
  }

  ConfigResult load() const {
    std::vector<std::string> settings = line_.settings;
    if (line_.mode == CommandLine::Mode::Call) {
      // A dialling launcher runs beside a gateway, and whoever types an endpoint means it.
      settings.insert(settings.begin(), "sip.listen=udp:0.0.0.0:0;tcp:0.0.0.0:0");
      if (!line_.websocketUri.empty()) settings.push_back("websocket.uri=" + line_.websocketUri);
      if (!line_.websocketHeaders.empty()) {
        settings.push_back("websocket.headers=" + line_.websocketHeaders);
      }
      if (!line_.contentType.empty()) {
        settings.push_back("websocket.content-type=" + line_.contentType);
      }
      if (!line_.dialect.empty()) settings.push_back("websocket.dialect=" + line_.dialect);
    }
    ConfigResult result = loadConfigFile(line_.configFile, settings);
    if (line_.mode != CommandLine::Mode::Call || !result.config) return result;
    const auto routed = routeCall(*result.config, InviteHeaders{});
    if (routed && !line_.websocketUri.empty()) {
      std::string allow = "websocket.allow=" + result.config->values.at("websocket.allow");
      for (const EndpointUri& endpoint : routed->endpoints)
        allow += ";" + endpoint.host;
      settings.push_back(allow);
      result = loadConfigFile(line_.configFile, settings);
    }
    return result;
  }

  bool startCall(const Config& config) {
    InviteHeaders none;
    none.requestUri = line_.sipUri;
    auto routed = routeCall(config, none);
    if (!routed) {
      std::fprintf(stderr, "call needs --websocket-uri\n");
      return false;
    }
    gateway_->dial(line_.sipUri, *std::move(routed), [this](const Gateway::DialResult& result) {
      quit(result.bridged ? kDone : kFailure);
    });
    return true;
  }

  void quit(int status) {
    status_ = status;
    g_main_loop_quit(loop_);
  }

  void watchSignals() {
    watch(SIGTERM, [](gpointer data) noexcept -> gboolean {
      auto* self = static_cast<Program*>(data);
      self->gateway_->drain([self](bool forced) { self->drained(forced); });
      return G_SOURCE_CONTINUE;
    });
    watch(SIGINT, [](gpointer data) noexcept -> gboolean {
      auto* self = static_cast<Program*>(data);
      self->gateway_->hangUp([self](bool forced) { self->drained(forced); });
      return G_SOURCE_CONTINUE;
    });
    watch(SIGHUP, [](gpointer data) noexcept -> gboolean {
      static_cast<Program*>(data)->reload();
      return G_SOURCE_CONTINUE;
    });
    watch(SIGUSR1, [](gpointer) noexcept -> gboolean {
      const bool on = log::toggleDebug();
      log::takePluginOutput();
      log::info("log", {{"debug", on}});
      return G_SOURCE_CONTINUE;
    });
  }

  void watch(int signal, GSourceFunc handler) { g_unix_signal_add(signal, handler, this); }

  void drained(bool forced) {
    // A dialled call that was hung up here tells its own outcome.
    if (line_.mode != CommandLine::Mode::Call) quit(forced ? kCallsEnded : kDone);
  }

  void reload() {
    const ConfigResult result = load();
    if (result.config) {
      gateway_->reload(result.config);
      warnOfRefusedEndpoints(result);
      return warnOfOpenFiles(*result.config, line_.configFile);
    }
    for (const ConfigFault& fault : result.faults) {
      log::error("config", {{"text", fault.describe()}, {"kept", "the old configuration"}});
    }
  }

  CommandLine line_;
  GMainLoop* loop_;
  std::unique_ptr<Gateway> gateway_;
  int status_ = kDone;
};

int checkConfig(const CommandLine& line) {
  const ConfigResult result = loadConfigFile(line.configFile, line.settings);
  if (!reportFaults(result.faults)) return kFailure;
  if (!reportFaults(result.refusedEndpoints)) return kFailure;
  const Paths paths = findPaths();
  const std::string& own = result.config->media.templateFile;
  const auto launch =
      PipelineTemplate::load(own.empty() ? paths.pipelineDirectory + "/call.launch" : own);
  if (!launch) {
    std::fprintf(stderr, "%s\n", launch.error().c_str());
    return kFailure;
  }
  std::printf("configuration is valid\n");
  return kDone;
}

int start(int argc, char** argv) {
  const CommandLine line = parseCommandLine({argv + 1, argv + argc});
  if (!line.fault.empty()) {
    std::fprintf(stderr, "wsbridge-launcher: %s\nTry --help.\n", line.fault.c_str());
    return kUsage;
  }
  switch (line.mode) {
    case CommandLine::Mode::Help:
      std::printf("%s", helpText().c_str());
      return kDone;
    case CommandLine::Mode::Version:
      std::printf("wsbridge-launcher %s\n", WSBRIDGE_VERSION);
      return kDone;
    case CommandLine::Mode::CheckConfig:
      return checkConfig(line);
    case CommandLine::Mode::PrintConfig: {
      const ConfigResult result = loadConfigFile(line.configFile, line.settings);
      if (!reportFaults(result.faults)) return kFailure;
      std::printf("%s", printConfig(*result.config).c_str());
      return kDone;
    }
    case CommandLine::Mode::Run:
    case CommandLine::Mode::Call:
      break;
  }
  // With these, Sofia-SIP writes whole messages, with the credentials in them.
  for (const char* name :
       {"TPORT_LOG", "TPORT_DUMP", "TPORT_DUMP_MC", "MSG_STREAM_LOG", "MSG_DUMP", "TPORT_CAPT"})
    unsetenv(name);
  gst_init(nullptr, nullptr);
  return Program(line).run();
}

}  // namespace
}  // namespace launcher

int main(int argc, char** argv) {
  return launcher::start(argc, argv);
}
