// SPDX-License-Identifier: LGPL-2.1-or-later
// Call: from the endpoints' names to the pipeline that connects to one of them.
#include <algorithm>

#include "base/Text.hpp"
#include "base/UriPolicy.hpp"
#include "call/Call.hpp"
#include "log/Log.hpp"

namespace launcher {

bool Call::checkPolicy() {
  const UriPolicy policy(config_->websocket.allow);
  for (const EndpointUri& endpoint : bridge_.endpoints) {
    if (policy.checkHost(endpoint.host) != UriPolicy::Verdict::Forbidden) continue;
    finish(EndReason::UriForbidden, UriPolicy::explain(endpoint.host), kUriHeader);
    return false;
  }
  return true;
}

void Call::connect() {
  if (!move(CallStep::Resolve)) return;
  connect_started_at_ = g_get_monotonic_time();
  EndpointLookup::Events events;
  events.skipped = [this](const EndpointUri& endpoint, const std::string& why) {
    log::warning("endpoint-failed", {{"id", id_},
                                     {"endpoint", text::withoutCredentials(endpoint.uri)},
                                     {"kind", "resolve"},
                                     {"reason", why}});
  };
  events.done = [this](EndpointLookup::Result result) { resolved(std::move(result)); };
  lookup_ = std::make_shared<EndpointLookup>(services_.sip, services_.resolver, config_, source_,
                                             std::move(events));
  for (const EndpointUri& endpoint : bridge_.endpoints)
    step("resolve", endpoint.host);
  lookup_->start(bridge_.endpoints);
}

void Call::resolved(EndpointLookup::Result result) {
  if (state_ != State::Resolving) return;
  if (const auto* fault = std::get_if<EndpointLookup::Fault>(&result)) {
    const std::string limit = admissionKey(fault->reason);
    if (!limit.empty()) services_.refused({fault->reason, fault->text});
    return finish(fault->reason, fault->text, limit.empty() ? kUriHeader : limit);
  }
  bridge_.endpoints.clear();
  for (const EndpointLookup::Found& found : std::get<std::vector<EndpointLookup::Found>>(result)) {
    if (!bridge_.endpoints.empty()) addresses_ += ';';
    bridge_.endpoints.push_back(found.endpoint);
    for (std::size_t i = 0; i < found.addresses.size(); ++i)
      addresses_ += (i > 0 ? "," : "") + found.addresses[i];
  }
  startPipeline();
}

CallPipeline::Emit Call::emitter() {
  return [sip = &services_.sip, weak = weak_from_this(), inbox = inbox_](PipelineEvent event) {
    using Added = PipelineInbox::Added;
    const Added added = inbox->add(std::move(event));
    if (added == Added::First) {
      sip->post([weak, inbox] {
        const auto call = weak.lock();
        for (const PipelineInbox::Counted& waiting : inbox->take())
          if (call) call->onPipelineEvent(waiting);
      });
    }
    return added != Added::Refused;
  };
}

void Call::startPipeline() {
  if (!move(CallStep::Connect)) return;
  // Now it costs us something; before, whoever calls may be refused as often as he likes.
  if (!start_logged_) logStart();
  PipelineSpec spec;
  spec.connection = id_;
  spec.callId = twilio_.call.empty() ? leg_->callId() : twilio_.call;
  spec.accountId = twilio_.account;
  loop_ = services_.loops->take();
  spec.loop = LoopTable::name(*loop_);
  spec.config = config_;
  spec.bridge = bridge_;
  spec.resolvedAddresses = addresses_;
  spec.connectTimeUsedMs = static_cast<unsigned>(std::min<std::int64_t>(
      (g_get_monotonic_time() - connect_started_at_) / 1000, config_->websocket.connectTimeout));
  spec.agreement = agreement_;
  spec.target = mediaTarget();
  spec.acknowledged = outgoing();  // we have sent the ACK
  spec.sockets = *sockets_;
  const auto emit = emitter();
  pipeline_ = std::make_shared<CallPipeline>(std::move(spec), emit);
  step("pipeline");
  const auto build = [pipeline = pipeline_, launch = &services_.launch, emit] {
    std::string fault = pipeline->build(*launch);
    if (fault.empty() && !pipeline->play()) fault = "pipeline does not start";
    if (!fault.empty()) emit(PipelineFailed{fault});
  };
  services_.workers.post(number_, PipelineWorkers::Kind::SetUp, build);
}

}  // namespace launcher
