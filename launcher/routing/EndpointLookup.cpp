// SPDX-License-Identifier: LGPL-2.1-or-later
#include "routing/EndpointLookup.hpp"

#include <algorithm>
#include <utility>

#include "base/Text.hpp"
#include "base/UriPolicy.hpp"

namespace launcher {

namespace {

constexpr std::chrono::milliseconds kFirstPause{100};

}  // namespace

EndpointLookup::EndpointLookup(SipThread& sip, NameResolver& resolver, ConfigPtr config,
                               std::string source, Events events)
    : sip_(sip),
      resolver_(resolver),
      config_(std::move(config)),
      source_(std::move(source)),
      events_(std::move(events)),
      deadline_(sip) {}

void EndpointLookup::start(const std::vector<EndpointUri>& endpoints) {
  sip_.assertOn();
  const UriPolicy policy(config_->websocket.allow);
  for (const EndpointUri& endpoint : endpoints) {
    Entry entry;
    entry.endpoint = endpoint;
    if (const auto literal = UriPolicy::literalAddress(endpoint.host)) {
      entry.addresses = {*literal};
    } else {
      // A name that is allowed whatever it stands for need not be known here.
      entry.byProxy = !config_->websocket.proxy.empty() &&
                      policy.checkHost(endpoint.host) == UriPolicy::Verdict::Allowed;
      entry.pending = !entry.byProxy;
    }
    entries_.push_back(std::move(entry));
  }
  using std::chrono::milliseconds;
  const milliseconds budget(config_->websocket.connectTimeout);
  if (!anyPending()) return finish();
  // One name that nobody answers for must leave time for the endpoints that are known.
  deadline_.start(endpoints.size() > 1 ? std::max(budget / 2, milliseconds(1)) : budget, [this] {
    late_ = true;
    finish();
  });
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    if (entries_[i].pending) resolve(i);
  }
}

void EndpointLookup::resolve(std::size_t index) {
  auto answer = [sip = &sip_, weak = weak_from_this(), index](NameAnswer found) {
    sip->post([weak, index, found = std::move(found)] {
      if (const auto self = weak.lock()) self->answered(index, found);
    });
  };
  Entry& entry = entries_[index];
  using Failures = NameResolver::Failures;
  entry.lookup = resolver_.resolve(entry.endpoint.host, source_, std::move(answer),
                                   entry.retries > 0 ? Failures::AskAgain : Failures::FromCache);
}

bool EndpointLookup::retry(std::size_t index) {
  Entry& entry = entries_[index];
  if (entry.retries >= config_->websocket.connectRetries) return false;
  const auto pause = kFirstPause * (1 << std::min(entry.retries++, 4));
  pauses_.push_back(std::make_unique<SipTimer>(sip_));
  pauses_.back()->start(pause, [this, index] {
    if (!over_) resolve(index);
  });
  return true;
}

void EndpointLookup::answered(std::size_t index, const NameAnswer& answer) {
  if (over_) return;
  if (answer.kind == NameAnswer::Kind::Temporary && retry(index)) return;
  Entry& entry = entries_[index];
  entry.pending = false;
  entry.addresses = answer.addresses;
  entry.fault = answer.fault;
  entry.kind = answer.kind;
  if (!anyPending()) finish();
}

bool EndpointLookup::anyPending() const {
  return std::any_of(entries_.begin(), entries_.end(), [](const Entry& e) { return e.pending; });
}

void EndpointLookup::cancel() {
  over_ = true;
  for (Entry& entry : entries_)
    entry.lookup = {};
}

EndReason EndpointLookup::reasonOf(const Entry& entry) const {
  switch (entry.kind) {
    case NameAnswer::Kind::SourceBusy:
      return EndReason::SourceLookups;
    case NameAnswer::Kind::AllBusy:
      return EndReason::TooManyLookups;
    default:
      return late_ ? EndReason::EndpointTimeout : EndReason::EndpointUnresolved;
  }
}

void EndpointLookup::finish() {
  if (over_) return;
  const auto keep = shared_from_this();
  cancel();
  const UriPolicy policy(config_->websocket.allow);
  std::vector<Found> found;
  std::vector<const Entry*> lost;
  for (const Entry& entry : entries_) {
    const std::string& host = entry.endpoint.host;
    const bool named = policy.checkHost(host) == UriPolicy::Verdict::Allowed;
    for (const std::string& address : entry.addresses) {
      // One forbidden address is enough: which one a connection takes is not ours to decide.
      if (named || policy.allowsAddress(address)) continue;
      return events_.done(Failure{
          Refusal{EndReason::UriForbidden, host + " resolves to " + UriPolicy::explain(address)}});
    }
    if (entry.addresses.empty() && !entry.byProxy) {
      lost.push_back(&entry);
    } else {
      found.push_back({entry.endpoint, entry.addresses});
    }
  }
  const auto why = [](const Entry& entry) {
    return entry.pending ? "no answer to the look-up of " + entry.endpoint.host +
                               " within its share of websocket.connect-timeout"
                         : entry.fault;
  };
  if (found.empty()) {
    return events_.done(Failure{Refusal{reasonOf(*lost.back()), why(*lost.back())}});
  }
  for (const Entry* entry : lost)
    events_.skipped(entry->endpoint, why(*entry));
  events_.done(std::move(found));
}

}  // namespace launcher
