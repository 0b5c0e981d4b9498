// SPDX-License-Identifier: LGPL-2.1-or-later
#include "Gateway.hpp"

#include <chrono>
#include <future>

#include "base/Descriptors.hpp"
#include "base/SocketFault.hpp"
#include "config/ConfigLoader.hpp"
#include "log/Log.hpp"
#include "log/PluginOutput.hpp"
#include "sip/stack/SofiaGuards.hpp"
#include "sip/stack/SofiaLog.hpp"

namespace launcher {

namespace {

constexpr auto kShutdownWait = std::chrono::seconds(4);
// Counting descriptors reads a line for each; below this share of the limit the reckoning will do.
constexpr std::size_t kCountAbove = 4;

std::string hostOfSipUri(const std::string& uri) {
  std::string rest = uri.substr(uri.find(':') + 1);
  rest = rest.substr(0, rest.find_first_of(";?>"));
  if (const std::size_t at = rest.rfind('@'); at != std::string::npos) rest.erase(0, at + 1);
  if (rest.starts_with("[")) return rest.substr(1, rest.find(']') - 1);
  return rest.substr(0, rest.find(':'));
}

/// Sofia-SIP does not say why it cannot bind.
std::string listenFault(const ListenGroup& group) {
  for (const Transport transport : {Transport::Udp, Transport::Tcp}) {
    const bool udp = transport == Transport::Udp;
    if (!(udp ? group.udp : group.tcp)) continue;
    const std::string why = socketFault(group.host, group.port, transport);
    if (why.empty()) continue;
    return cannotListen(group.host, group.port, (udp ? "UDP, " : "TCP, ") + why);
  }
  return cannotListen(group.host, group.port, {});
}

NameResolver::Limits lookupLimits(const Config& config) {
  return {static_cast<std::size_t>(config.limits.lookupsPerSource),
          static_cast<std::size_t>(config.limits.maxLookups)};
}

/// An address of the peer, for choosing ours. The one look-up that may block: a dialling launcher
/// has nothing else to do yet.
std::string addressOf(const std::string& host) {
  if (g_hostname_is_ip_address(host.c_str())) return host;
  GObjectPtr<GResolver> resolver(g_resolver_get_default());
  GList* found = g_resolver_lookup_by_name(resolver.get(), host.c_str(), nullptr, nullptr);
  std::string address;
  if (found) {
    CharPtr text(g_inet_address_to_string(G_INET_ADDRESS(found->data)));
    address = text.get();
    g_resolver_free_addresses(found);
  }
  return address;
}

}  // namespace

void postToMain(std::function<void()> task) {
  g_idle_add_full(
      G_PRIORITY_DEFAULT,
      [](gpointer data) noexcept -> gboolean {
        (*static_cast<std::function<void()>*>(data))();
        return G_SOURCE_REMOVE;
      },
      new std::function<void()>(std::move(task)),
      [](gpointer data) noexcept { delete static_cast<std::function<void()>*>(data); });
}

Gateway::Gateway(ConfigPtr config, std::size_t descriptorLimit)
    : config_(std::move(config)), descriptor_limit_(descriptorLimit) {}

Gateway::~Gateway() {
  stop();
}

Result<void> Gateway::start(const std::string& pipelineDirectory) {
  const std::string& own = config_->media.templateFile;
  auto loaded = PipelineTemplate::load(own.empty() ? pipelineDirectory + "/call.launch" : own);
  if (!loaded) return Failure{"pipeline template: " + loaded.error()};
  launch_ = *std::move(loaded);
  if (const auto tried = launch_->tryOut(config_->rtp.codecs); !tried)
    return Failure{"pipeline template" + (own.empty() ? "" : " " + own) + ": " + tried.error()};
  if (!config_->echo.listen.empty()) {
    echo_ = std::make_unique<EchoEndpoint>();
    if (const auto done = echo_->listen(config_->echo.listen.front()); !done)
      return Failure{"echo.listen: " + done.error()};
  }
  if (auto done = startHttp(); !done) return done;
  ports_ = std::make_unique<RtpPorts>(config_->rtp.portRange);
  warnOfRtpPorts();
  NameResolver::Options resolving;
  resolving.servers = config_->websocket.nameServers;
  resolving.limits = lookupLimits(*config_);
  resolver_ = std::make_unique<NameResolver>(std::move(resolving));
  workers_ = std::make_unique<PipelineWorkers>(config_->media.workers);
  loop_count_ = config_->media.loops > 0 ? static_cast<std::size_t>(config_->media.loops)
                                         : g_get_num_processors();
  loops_ = std::make_unique<LoopMonitor>();
  if (auto done = loops_->start(loop_count_, config_->media.loopWait); !done) return done;
  redirectSofiaLog();
  if (!sip_.start()) return Failure{"the SIP thread does not start"};
  started_ = true;
  std::promise<Result<void>> ready;
  auto result = ready.get_future();
  const Admission::House house{loop_count_, descriptor_limit_, countDescriptors(), ports_->pairs()};
  sip_.post([this, house, &ready] { ready.set_value(startOnSipThread(house)); });
  auto done = result.get();
  if (done) {
    const auto repeat = [](gpointer data) noexcept -> gboolean {
      static_cast<Gateway*>(data)->monitor();
      return G_SOURCE_CONTINUE;
    };
    monitor_source_ = g_timeout_add(LoopTable::kSampleMs, repeat, this);
  }
  return done;
}

Result<void> Gateway::startHttp() {
  if (config_->http.listen.empty()) return {};
  http_ = std::make_unique<HttpServer>(static_cast<std::size_t>(config_->limits.httpConnections));
  // Requests are heard by the main loop, which runs when all is started.
  auto look = [this](const TwilioSids& sids, CallManager::EndWhich end, TwilioCalls::Found found) {
    sip_.post([this, sids, end, found = std::move(found)] {
      auto call = manager_->twilioCall(sids, end);
      postToMain([found, call = std::move(call)] { found(call); });
    });
  };
  auto calls = std::make_shared<TwilioCalls>(std::move(look));
  http_->add(TwilioCalls::kPrefix, [this, calls](const HttpRequest& request, auto answer) {
    calls->handle(request, config_->websocket.twilioAuthToken, std::move(answer));
  });
  const Config::Http& http = config_->http;
  auto done =
      http_->listen(http.listen.front(), http.tlsCertFile, http.tlsKeyFile, http.tlsClientCaFile);
  if (!done) return Failure{"http." + done.error()};
  return done;
}

void Gateway::warnOfRtpPorts() {
  const std::string& configured = config_->rtp.address;
  const bool own = !configured.empty() && configured != "auto";
  const std::string& address = own ? configured : config_->sip.listen.front().host;
  const auto sockets = ports_->take(address);
  if (sockets) return ports_->giveBack(*sockets);
  log::warning("config", {{"key", own ? "rtp.address, rtp.port-range" : "rtp.port-range"},
                          {"text", ports_->explain(address, sockets.error()) + "; calls get 503"}});
}

Result<void> Gateway::startOnSipThread(const Admission::House& house) {
  if (auto proven = proveSofiaGuards(sip_.root()); !proven) return proven;
  door_ = std::make_unique<SipDoor>(sip_, config_, descriptor_limit_);
  CallServices services{sip_, *workers_, *ports_, *resolver_, *launch_, nullptr, {}, {}};
  manager_ = std::make_unique<CallManager>(std::move(services), config_, house);
  const auto full = [this] {
    return manager_ ? manager_->full() : std::optional(EndReason::Draining);
  };
  door_->setFull(full);
  for (const ListenGroup& group : groupAddresses(config_->sip.listen)) {
    UserAgent::Callbacks callbacks;
    auto agent = std::make_unique<UserAgent>(sip_, *door_, group, config_->sip.publicAddress,
                                             UserAgent::Callbacks{});
    UserAgent* self = agent.get();
    callbacks.incoming = [this, self](IncomingCall call) {
      manager_->incoming(std::move(call), *self);
    };
    callbacks.full = full;
    agent->setCallbacks(std::move(callbacks));
    if (!agent->open()) return Failure{"sip.listen: " + listenFault(agent->group())};
    const ListenGroup& bound = agent->group();
    if (bound.udp) ports_->addOwn(bound.host, bound.port);
    const std::string where =
        (bound.host.find(':') == std::string::npos ? bound.host : "[" + bound.host + "]") + ":" +
        std::to_string(bound.port);
    if (bound.udp) listening_ += (listening_.empty() ? "udp:" : ",udp:") + where;
    if (bound.tcp) listening_ += (listening_.empty() ? "tcp:" : ",tcp:") + where;
    agents_.push_back(std::move(agent));
  }
  logCapacity(manager_->capacity());
  return {};
}

void Gateway::logCapacity(const Capacity& capacity) const {
  const auto text = [](const std::optional<std::size_t>& value) {
    return value ? std::to_string(*value) : std::string("unlimited");
  };
  log::info("capacity", {{"calls", text(capacity.calls())},
                         {"limited-by", capacity.limitedBy()},
                         {"loops", loop_count_},
                         {"descriptors", descriptor_limit_ > 0 ? std::to_string(descriptor_limit_)
                                                               : std::string("unlimited")},
                         {"by-descriptors", text(capacity.byDescriptors)},
                         {"by-ports", text(capacity.byPorts)},
                         {"by-max-calls", text(capacity.byMaxCalls)}});
}

void Gateway::monitor() {
  HouseSample sample{loops_->sample(), {}};
  if (descriptor_limit_ > 0 && reckoned_ * kCountAbove > descriptor_limit_) {
    sample.descriptors = countDescriptors();
  }
  sip_.post([this, sample = std::move(sample)] {
    manager_->sample(sample);
    reckoned_ = manager_->descriptors();
  });
}

void Gateway::reload(const ConfigPtr& config) {
  for (const std::string& key : keysNeedingRestart(*config_, *config)) {
    log::warning("config", {{"key", key}, {"text", "the change is taken up at the next start"}});
  }
  config_ = config;
  log::setLevel(config->log.level);
  log::takePluginOutput();
  log::setFormat(config->log.format);
  resolver_->setLimits(lookupLimits(*config));
  sip_.post([this, config] {
    door_->setConfig(config);
    manager_->setConfig(config);
  });
  log::info("config", {{"text", "read again"}});
}

void Gateway::drain(std::function<void(bool)> done) {
  sip_.post([this, done = std::move(done)] {
    manager_->drain([done](bool forced) { postToMain([done, forced] { done(forced); }); });
  });
}

void Gateway::hangUp(const std::function<void(bool)>& done) {
  drain(done);
  drain(done);
}

void Gateway::dial(const std::string& sipUri, BridgeRequest bridge,
                   std::function<void(DialResult)> over) {
  const std::string peer = addressOf(hostOfSipUri(sipUri));
  sip_.post([this, sipUri, bridge = std::move(bridge), peer, over = std::move(over)]() mutable {
    manager_->onOver = [over](const Call& call) {
      DialResult result{call.wasBridged(), callEnd(call.reason()).label};
      postToMain([over, result] { over(result); });
    };
    UserAgent& agent = *agents_.front();
    if (peer.empty() ||
        !manager_->dial(agent, sipUri, std::move(bridge), agent.localAddressTowards(peer))) {
      log::error("dial-failed", {{"uri", sipUri}, {"text", "cannot be resolved or is no SIP URI"}});
      postToMain([over] { over({false, "dial-failed"}); });
    }
  });
}

void Gateway::stop() {
  if (!started_) return;
  started_ = false;
  if (monitor_source_ != 0) g_source_remove(monitor_source_);
  monitor_source_ = 0;
  http_.reset();
  // What the workers still take down posts to the SIP thread, so they go first.
  workers_.reset();
  auto allClosed = std::make_shared<std::promise<void>>();
  auto closed = allClosed->get_future();
  sip_.post([this, allClosed] {
    auto left = std::make_shared<std::size_t>(agents_.size());
    if (*left == 0) allClosed->set_value();
    for (const auto& agent : agents_) {
      agent->close([left, allClosed] {
        if (--*left == 0) allClosed->set_value();
      });
    }
  });
  const bool clean = closed.wait_for(kShutdownWait) == std::future_status::ready;
  std::promise<void> freed;
  auto done = freed.get_future();
  sip_.post([this, clean, &freed] {
    manager_.reset();
    // Sofia-SIP refuses to free an agent whose shutdown has not come to its end: a far end that
    // does not answer our BYE holds it for half a minute. Kept until the process ends, as is the
    // door, which its legs know.
    static auto* const kept = new std::vector<std::pair<decltype(agents_), decltype(door_)>>;
    if (!clean) kept->emplace_back(std::move(agents_), std::move(door_));
    agents_.clear();
    door_.reset();
    freed.set_value();
  });
  done.wait();
  // No call is left to ask it, and what it still answers goes to a thread that is there.
  resolver_.reset();
  if (clean) sip_.stop();
  loops_->logEnd();
  loops_.reset();
}

}  // namespace launcher
