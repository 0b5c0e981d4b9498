// SPDX-License-Identifier: LGPL-2.1-or-later
#include "call/CallSetup.hpp"

#include <algorithm>

#include "admission/Admission.hpp"
#include "base/Text.hpp"
#include "base/UriPolicy.hpp"
#include "log/Log.hpp"
#include "routing/CredentialScope.hpp"

namespace launcher {

namespace {

Failure<Refusal> refusalOf(SdpFault fault) {
  const bool invalid = fault == SdpFault::Invalid;
  return {{invalid ? EndReason::SdpInvalid : EndReason::NoCommonCodec, "", "Content-Type"}};
}

}  // namespace

CallSetup::CallSetup(CallServices& services, ConfigPtr config, CallTerms& terms, std::string id,
                     std::string source)
    : services_(services),
      config_(std::move(config)),
      terms_(terms),
      id_(std::move(id)),
      source_(std::move(source)) {}

void CallSetup::setBridge(BridgeRequest bridge) {
  terms_.bridge = std::move(bridge);
  if (terms_.bridge.dialect != "twilio") return;
  const std::string& account = config_->websocket.twilioAccountSid;
  terms_.twilio = {account.empty() ? ownTwilioAccountSid() : account, randomTwilioCallSid()};
}

CallSetup::Outcome CallSetup::checkPolicy() const {
  const UriPolicy policy(config_->websocket.allow);
  for (const EndpointUri& endpoint : terms_.bridge.endpoints) {
    if (policy.checkHost(endpoint.host) == UriPolicy::Verdict::Forbidden) {
      return Failure{
          Refusal{EndReason::UriForbidden, UriPolicy::explain(endpoint.host), kUriHeader}};
    }
  }
  return {};
}

void CallSetup::chooseAddress(const std::string& localAddress) {
  const std::string& configured = config_->rtp.address;
  terms_.bound = configured.empty() || configured == "auto" ? localAddress : configured;
}

CallSetup::Outcome CallSetup::agree(Result<Agreement, SdpFault> agreed) {
  if (!agreed) return refusalOf(agreed.error());
  if (!terms_.canSend(*agreed)) {
    return Failure{Refusal{EndReason::AddressUnusable,
                           "the address in c= is a name or of another family than ours: give one "
                           "that can be sent to",
                           "Content-Type"}};
  }
  terms_.agreement = *std::move(agreed);
  return {};
}

CallSetup::Outcome CallSetup::takePorts(const std::string& localAddress) {
  const std::string& bindTo = terms_.bound;
  auto sockets = services_.ports.take(bindTo);
  if (!sockets) {
    const PortFault fault = sockets.error();
    const EndReason reason =
        fault == PortFault::NoSocket ? EndReason::TooFewDescriptors : EndReason::NoRtpPorts;
    const Refusal refusal{reason, services_.ports.explain(bindTo, fault), admissionKey(reason)};
    services_.refused(refusal);
    return Failure{refusal};
  }
  terms_.sockets = *std::move(sockets);
  LocalMedia& local = terms_.local;
  local.port = terms_.sockets->port;
  const bool any = bindTo == "0.0.0.0" || bindTo == "::";
  local.address = any ? localAddress : bindTo;
  if (!config_->rtp.publicAddress.empty()) local.address = config_->rtp.publicAddress;
  return {};
}

CallSetup::Outcome CallSetup::takeAnswer(const std::string& sdp) {
  return agree(agreeToAnswer(sdp, terms_.local));
}

void CallSetup::lookUp(Done done) {
  done_ = std::move(done);
  started_at_ = g_get_monotonic_time();
  EndpointLookup::Events events;
  events.skipped = [this](const EndpointUri& endpoint, const std::string& why) {
    log::warning("endpoint-failed", {{"id", id_},
                                     {"endpoint", text::withoutCredentials(endpoint.uri)},
                                     {"kind", "resolve"},
                                     {"reason", why}});
  };
  events.done = [this](const EndpointLookup::Result& result) { found(result); };
  lookup_ = std::make_shared<EndpointLookup>(services_.sip, services_.resolver, config_, source_,
                                             std::move(events));
  lookup_->start(terms_.bridge.endpoints);
}

void CallSetup::found(const EndpointLookup::Result& result) {
  if (!result) {
    Refusal refusal = result.error();
    refusal.header = admissionKey(refusal.reason);
    if (!refusal.header.empty()) services_.refused(refusal);
    if (refusal.header.empty()) refusal.header = kUriHeader;
    return done_(Failure{refusal});
  }
  Found found;
  terms_.bridge.endpoints.clear();
  for (const EndpointLookup::Found& entry : *result) {
    if (!terms_.bridge.endpoints.empty()) found.addresses += ';';
    terms_.bridge.endpoints.push_back(entry.endpoint);
    for (std::size_t i = 0; i < entry.addresses.size(); ++i)
      found.addresses += (i > 0 ? "," : "") + entry.addresses[i];
  }
  found.lookupMs = static_cast<unsigned>(std::min<std::int64_t>(
      (g_get_monotonic_time() - started_at_) / 1000, config_->websocket.connectTimeout));
  done_(std::move(found));
}

void CallSetup::cancel() {
  if (lookup_) lookup_->cancel();
}

CallSetup::Outcome IncomingSetup::prepare(const IncomingCall& incoming) {
  auto routed = routeCall(*config_, incoming.headers);
  if (!routed) return Failure{routed.error()};
  setBridge(*std::move(routed));
  if (auto allowed = checkPolicy(); !allowed) return allowed;
  logWithheld();
  if (incoming.foreignBody) return Failure{Refusal{EndReason::BodyUnsupported, "", "Content-Type"}};
  chooseAddress(incoming.localAddress);
  const bool offered = !incoming.sdp.empty();
  if (offered) {
    // Ports are bound only for an offer that has something for us.
    if (auto agreed = agree(agreeToOffer(incoming.sdp, terms_.local)); !agreed) return agreed;
  }
  if (auto bound = takePorts(incoming.localAddress); !bound) return bound;
  terms_.sdp =
      offered ? describeAgreement(terms_.agreement, terms_.local) : makeOffer(terms_.local);
  return {};
}

void IncomingSetup::logWithheld() const {
  const BridgeRequest& bridge = terms_.bridge;
  const std::string keys = withheldCredentials(*config_, bridge);
  if (keys.empty()) return;
  const std::uint64_t calls = services_.withheld.note(g_get_monotonic_time());
  if (calls == 0) return;
  const auto missing = std::find_if(bridge.endpoints.begin(), bridge.endpoints.end(),
                                    [](const EndpointUri& uri) { return !uri.getsCredentials; });
  log::warning("credentials-withheld",
               {{"id", id_},
                {"endpoint", text::withoutCredentials(missing->uri)},
                {"keys", keys},
                {"calls", calls},
                {"reason",
                 "the INVITE names the endpoint; websocket.credentials-for would have to "
                 "name its host"}});
}

CallSetup::Outcome OutgoingSetup::prepare(BridgeRequest bridge, const std::string& localAddress) {
  setBridge(std::move(bridge));
  if (auto allowed = checkPolicy(); !allowed) return allowed;
  chooseAddress(localAddress);
  if (auto bound = takePorts(localAddress); !bound) return bound;
  terms_.sdp = makeOffer(terms_.local);
  return {};
}

}  // namespace launcher
