// SPDX-License-Identifier: LGPL-2.1-or-later
#include "names/NameResolver.hpp"

#include <utility>

#include <ares.h>

#include <glib.h>

#include "base/GPtr.hpp"
#include "names/ResolverThread.hpp"

namespace launcher {

namespace {

constexpr std::size_t kMaxName = 253;
constexpr std::size_t kMaxLabel = 63;

}  // namespace

std::string dnsName(const std::string& host) {
  // Converting a long text to ASCII takes time that grows with its square.
  if (host.size() > 4 * kMaxName) return {};
  std::string name = host;
  if (g_hostname_is_non_ascii(host.c_str())) {
    const CharPtr ascii(g_hostname_to_ascii(host.c_str()));
    if (!ascii) return {};
    name = ascii.get();
  }
  std::size_t label = 0;
  for (std::size_t i = 0; i < name.size(); ++i) {
    name[i] = g_ascii_tolower(name[i]);
    const char c = name[i];
    if (c == '.') {
      if (label == 0) return {};
      label = 0;
    } else if (!(g_ascii_isalnum(c) || c == '-' || c == '_') || ++label > kMaxLabel) {
      return {};
    }
  }
  const std::size_t dot = name.ends_with('.') ? 1 : 0;
  if (name.size() > kMaxName + dot) return {};
  return name;
}

NameLookup::NameLookup(std::shared_ptr<NameWaiter> waiter, std::weak_ptr<ResolverThread> thread)
    : waiter_(std::move(waiter)), thread_(std::move(thread)) {}

NameLookup::~NameLookup() {
  cancel();
}

NameLookup& NameLookup::operator=(NameLookup&& other) noexcept {
  if (this == &other) return *this;
  cancel();
  waiter_ = std::move(other.waiter_);
  thread_ = std::move(other.thread_);
  return *this;
}

void NameLookup::cancel() {
  if (!waiter_) return;
  waiter_->cancelled = true;
  if (const auto thread = thread_.lock()) thread->post(waiter_);
  waiter_.reset();
}

NameResolver::NameResolver(Options options) {
  static const int initialised = ares_library_init(ARES_LIB_INIT_ALL);
  static_cast<void>(initialised);
  if (!options.clock) options.clock = [] { return g_get_monotonic_time(); };
  shared_ = std::make_shared<ResolverThread>(std::move(options));
  thread_ = std::thread([thread = shared_.get()] { thread->run(); });
}

NameResolver::~NameResolver() {
  shared_->stop();
  thread_.join();
}

NameLookup NameResolver::resolve(const std::string& host, const std::string& source, Answer answer,
                                 Failures failures) {
  auto waiter = std::make_shared<NameWaiter>();
  waiter->host = host;
  waiter->source = source;
  waiter->answer = std::move(answer);
  waiter->askAgain = failures == Failures::AskAgain;
  shared_->post(waiter);
  return {std::move(waiter), shared_};
}

void NameResolver::setLimits(Limits limits) {
  shared_->setLimits(limits);
}

}  // namespace launcher
