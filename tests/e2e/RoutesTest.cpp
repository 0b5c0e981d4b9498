// SPDX-License-Identifier: LGPL-2.1-or-later
//
// A forced route is taken however the caller writes the request URI.
#include <gtest/gtest.h>

#include "Phone.hpp"
#include "SoupEndpoint.hpp"

namespace e2e {
namespace {

using namespace std::chrono_literals;

class Routes : public ::testing::Test {
 public:
  static void SetUpTestSuite() {
    endpoint = std::make_unique<SoupEndpoint>();
    gateway = std::make_unique<Gateway>(Gateway::Options{
        .sections =
            "[route bot]\nmatch=^sip:bot@127.0.0.1\nuri=" + endpoint->uri("/bot") +
            "\nforce=true\n[route number]\nmatch=^sip:[+]49\nuri=" + endpoint->uri("/number") +
            "\nforce=true\n[route slow]\nmatch=^sip:(a|aa|a?)+(b|bb)+c@\nuri=" +
            endpoint->uri("/slow") + "\nforce=true\n[route all]\nmatch=^sip:.*@\nuri=" +
            endpoint->uri("/all") + "\nforce=true\n"});
  }
  static void TearDownTestSuite() {
    gateway.reset();
    endpoint.reset();
  }

  /// The reason and the endpoint of a call that names one of its own.
  static std::pair<int, std::string> call(const std::string& requestUri) {
    Phone phone(*gateway);
    phone.sip().invite({.headers = {{kUriHeader, percentEncode(endpoint->uri("/own"))}},
                        .sdp = phone.offer(),
                        .requestUri = requestUri});
    const int status = phone.waitAnswer();
    if (status == 200) phone.hangUp();
    const auto end = gateway->waitEnd(phone.callId());
    const std::string route = end ? (*end)["reason"] : "";
    const auto start = gateway->waitRecord("call-start", phone.callId(), 5s);
    return {status, status == 200 && start ? (*start)["route"] : route};
  }

  inline static std::unique_ptr<SoupEndpoint> endpoint;
  inline static std::unique_ptr<Gateway> gateway;
};

TEST_F(Routes, EverySpellingOfTheUriTakesTheForcedRoute) {
  const std::string port = std::to_string(gateway->udpPort());
  const std::pair<std::string, std::string> spellings[] = {
      {"sip:bot@127.0.0.1:" + port, "bot"},
      {"SIP:bot@127.0.0.1:" + port, "bot"},
      {"sip:%62%6Ft@127.0.0.1:" + port + ";user=phone", "bot"},
      {"sips:bot@127.0.0.1:" + port, "bot"},
      {"tel:+49-30-123", "number"},
      {"sip:%2b4930@127.0.0.1:" + port, "number"},
      {"sip:127.0.0.1:" + port, "all"},
      {"sip:BOT@127.0.0.1:" + port, "all"},
  };
  for (const auto& [uri, route] : spellings) {
    const auto [status, taken] = call(uri);
    if (uri.starts_with("sips:") && status == 416) continue;  // no TLS here: not taken at all
    EXPECT_EQ(status, 200) << uri;
    EXPECT_EQ(taken, route) << uri;
  }
  EXPECT_FALSE(endpoint->waitPath("/own", 0ms).has_value());
  EXPECT_TRUE(endpoint->waitPath("/bot", 5s).has_value());
}

TEST_F(Routes, AUriOverTheLimitIs414) {
  const std::string tail = "@127.0.0.1:" + std::to_string(gateway->udpPort());
  const auto ofSize = [&](std::size_t size) {
    return "sip:" + std::string(size - 4 - tail.size(), 'u') + tail;
  };
  EXPECT_EQ(call(ofSize(1023)), (std::pair<int, std::string>(200, "all")));
  for (const std::size_t size : {1024U, 1100U, 4000U}) {
    EXPECT_EQ(call(ofSize(size)), (std::pair<int, std::string>(414, "request-uri-too-long")))
        << size;
  }
  EXPECT_FALSE(endpoint->waitPath("/own", 0ms).has_value());
}

TEST_F(Routes, AnExpressionThatTakesTooLongRefusesTheCall) {
  const std::string uri = "sip:" + std::string(900, 'a') + "@127.0.0.1";
  EXPECT_EQ(call(uri), (std::pair<int, std::string>(500, "route-failed")));
  EXPECT_FALSE(endpoint->waitPath("/own", 0ms).has_value());
}

}  // namespace
}  // namespace e2e
