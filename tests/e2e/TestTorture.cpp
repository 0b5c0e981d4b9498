// SPDX-License-Identifier: LGPL-2.1-or-later
// The torture messages of RFC 4475, each with its answer or silence.
#include <algorithm>

#include <gtest/gtest.h>

#include "Phone.hpp"
#include "SoupEndpoint.hpp"
#include "Stranger.hpp"
#include "TortureMessages.hpp"

namespace e2e {
namespace {

/// Those of a datagram's final answers, until the answer to an OPTIONS behind it.
std::vector<int> answersTo(const Gateway& gateway, const TortureMessage& message) {
  const Datagrams caller(gateway.udpPort());
  const std::string probe = "behind-" + message.name;
  caller.send(message.text);
  caller.send(Strange{.method = "OPTIONS", .id = probe}.text());
  std::vector<int> statuses;
  bool probed = false;
  const auto end = Clock::now() + stretched(1s);
  // What is dealt with at once is answered before the OPTIONS; a call that is set up, later.
  while (Clock::now() < end && !(probed && (message.statuses.empty() || !statuses.empty()))) {
    std::string bytes = caller.receive(100ms).value_or("");
    const auto answer = takeSipMessage(bytes);
    if (!answer || answer->status < 200) continue;
    if (answer->header("Call-ID") == probe) {
      probed = true;
    } else {
      statuses.push_back(answer->status);
    }
  }
  EXPECT_TRUE(probed) << message.name << ": nobody is answered any more";
  return statuses;
}

std::string words(const std::vector<int>& statuses) {
  std::string text;
  for (const int status : statuses)
    text += std::to_string(status) + " ";
  return text.empty() ? "silence" : text;
}

TEST(Torture, EachMessageHasItsAnswerOrNone) {
  SoupEndpoint endpoint({.echo = true, .record = false});
  Gateway gateway({.set = {{"websocket.uri", endpoint.uri()}}});
  for (const TortureMessage& message : tortureMessages()) {
    const auto statuses = answersTo(gateway, message);
    if (message.statuses.empty()) {
      EXPECT_TRUE(statuses.empty()) << message.name << ": " << words(statuses);
      continue;
    }
    if (statuses.empty()) {
      ADD_FAILURE() << message.name << ": no answer";
      continue;
    }
    EXPECT_TRUE(std::count(message.statuses.begin(), message.statuses.end(), statuses.front()))
        << message.name << ": " << words(statuses) << "for " << words(message.statuses);
    EXPECT_EQ(std::count(statuses.begin(), statuses.end(), statuses.front()),
              static_cast<long>(statuses.size()))
        << message.name << " is answered as one request: " << words(statuses);
  }
  Phone phone(gateway);
  EXPECT_EQ(phone.call(endpoint.uri()), 200);
  EXPECT_TRUE(phone.hangUp());
}

}  // namespace
}  // namespace e2e
