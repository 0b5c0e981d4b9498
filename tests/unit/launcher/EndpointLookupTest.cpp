// SPDX-License-Identifier: LGPL-2.1-or-later
#include <future>
#include <memory>

#include <gtest/gtest.h>

#include "DnsServer.hpp"
#include "routing/EndpointLookup.hpp"

namespace launcher {

namespace {

using namespace testsupport;
using Result = EndpointLookup::Result;

ConfigPtr configOf(const std::vector<std::string>& allow, int retries = 0) {
  auto config = std::make_shared<Config>();
  config->websocket.allow = allow;
  config->websocket.connectTimeout = 6000;
  config->websocket.connectRetries = retries;
  return config;
}

class Lookup : public ::testing::Test {
 protected:
  Lookup() {
    NameResolver::Options options;
    options.servers = server_.address();
    options.limits = {.perSource = 2, .inAll = 8};
    resolver_ = std::make_unique<NameResolver>(std::move(options));
    EXPECT_TRUE(sip_.start());
  }
  ~Lookup() override { sip_.stop(); }

  /// Runs on the SIP thread and waits for it.
  template <class Task>
  void onSip(Task task) {
    std::promise<void> done;
    sip_.post([&] {
      task();
      done.set_value();
    });
    done.get_future().wait();
  }

  std::shared_ptr<EndpointLookup> start(const ConfigPtr& config,
                                        const std::vector<std::string>& hosts,
                                        std::function<void(Result)> done) {
    std::shared_ptr<EndpointLookup> lookup;
    onSip([&] {
      EndpointLookup::Events events;
      events.skipped = [](const EndpointUri&, const std::string&) {};
      events.done = std::move(done);
      lookup = std::make_shared<EndpointLookup>(sip_, *resolver_, config, "source", events);
      std::vector<EndpointUri> endpoints;
      for (const std::string& host : hosts)
        endpoints.push_back({"ws://" + host + "/", host, 80});
      lookup->start(endpoints);
    });
    return lookup;
  }
  void drop(std::shared_ptr<EndpointLookup>& lookup) {
    onSip([&] { lookup.reset(); });
  }

  Result look(const ConfigPtr& config, const std::vector<std::string>& hosts) {
    auto promise = std::make_shared<std::promise<Result>>();
    auto result = promise->get_future();
    auto lookup = start(config, hosts, [promise](Result r) { promise->set_value(std::move(r)); });
    const bool came = result.wait_for(stretched(Millis(8000))) == std::future_status::ready;
    drop(lookup);
    if (!came) return wsbridge::common::Failure{Refusal{EndReason::Shutdown, "nothing was told"}};
    return result.get();
  }

  static EndReason reasonOf(const Result& result) {
    return result ? EndReason::CallerHangup : result.error().reason;
  }
  static bool found(const Result& result) { return static_cast<bool>(result); }

  DnsServer server_;
  SipThread sip_;
  std::unique_ptr<NameResolver> resolver_;
};

TEST_F(Lookup, CachedAddressesAreHeldAgainstThePolicyOfEachCall) {
  server_.set("bot.test", {.addresses = {"10.0.0.7"}});
  EXPECT_EQ(reasonOf(look(configOf({}), {"bot.test"})), EndReason::UriForbidden);
  EXPECT_TRUE(found(look(configOf({"10.0.0.0/8"}), {"bot.test"})));
  EXPECT_EQ(reasonOf(look(configOf({"10.1.0.0/16"}), {"bot.test"})), EndReason::UriForbidden);
  EXPECT_TRUE(found(look(configOf({"*.test"}), {"bot.test"})));
  EXPECT_EQ(reasonOf(look(configOf({}), {"bot.test"})), EndReason::UriForbidden);
  EXPECT_EQ(server_.asked("bot.test"), 1U) << "all of them from one look-up";
}

TEST_F(Lookup, EveryAddressOfAnAnswerCounts) {
  server_.set("bot.test", {.addresses = {"93.184.216.34", "10.0.0.7"}});
  EXPECT_EQ(reasonOf(look(configOf({}), {"bot.test"})), EndReason::UriForbidden);
}

TEST_F(Lookup, TooManyLookUpsAreAReasonOfTheirOwn) {
  server_.set("*.slow.test", {.kind = DnsServer::Kind::Silent});
  server_.set("bot.test", {.addresses = {"93.184.216.34"}});
  const auto ignore = [](Result) {};
  auto first = start(configOf({}), {"a.slow.test", "b.slow.test"}, ignore);
  ASSERT_TRUE(server_.waitAsked("b.slow.test", 1, 2s));
  EXPECT_EQ(reasonOf(look(configOf({}), {"bot.test"})), EndReason::SourceLookups);
  drop(first);
  EXPECT_TRUE(found(look(configOf({}), {"bot.test"}))) << "its look-ups went with it";
}

TEST_F(Lookup, CancellingLeavesNothingToBeTold) {
  server_.set("bot.test", {.addresses = {"93.184.216.34"}, .delay = 100ms});
  std::atomic<int> told{0};
  auto cancelled = start(configOf({}), {"bot.test"}, [&](Result) { ++told; });
  ASSERT_TRUE(server_.waitAsked("bot.test", 1, 2s));
  onSip([&] { cancelled->cancel(); });
  EXPECT_TRUE(found(look(configOf({}), {"bot.test"})));
  EXPECT_GE(server_.asked("bot.test"), 2U) << "the first question was given up";
  EXPECT_EQ(told, 0);
  drop(cancelled);
}

TEST_F(Lookup, ATemporaryFailureIsTriedAgain) {
  server_.set("bot.test", {.kind = DnsServer::Kind::ServerFailure});
  EXPECT_EQ(reasonOf(look(configOf({}), {"bot.test"})), EndReason::EndpointUnresolved);
  const std::size_t asked = server_.asked("bot.test");
  auto promise = std::make_shared<std::promise<Result>>();
  auto result = promise->get_future();
  auto lookup = start(configOf({}, 5), {"bot.test"},
                      [promise](Result r) { promise->set_value(std::move(r)); });
  ASSERT_TRUE(server_.waitAsked("bot.test", asked + 1, 3s)) << "in spite of the cache";
  server_.set("bot.test", {.addresses = {"93.184.216.34"}});
  ASSERT_EQ(result.wait_for(stretched(Millis(8000))), std::future_status::ready);
  EXPECT_TRUE(found(result.get()));
  drop(lookup);
}

}  // namespace

}  // namespace launcher
