// SPDX-License-Identifier: LGPL-2.1-or-later
// Spoilt INVITEs and spoilt requests of dialogs that stand, from many sources over UDP and TCP,
// with the limits of today and with none. WSBRIDGE_MUTATIONS_SEED changes the seed.
#include <cstdlib>
#include <memory>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "Mutator.hpp"
#include "Phone.hpp"
#include "SoupEndpoint.hpp"
#include "Stranger.hpp"
#include "TimeScale.hpp"

namespace e2e {
namespace {

// A sanitized run looks for faults of memory, which do not take as many to show.
constexpr unsigned kInvites = kSanitized ? 4'000 : 20'000;
constexpr unsigned kDialogs = kSanitized ? 20 : 100;
constexpr unsigned kRequestsEach = 50;
constexpr unsigned kSources = 200;
constexpr unsigned kBatch = 40;  // as many as the kernel surely keeps for the gateway
constexpr auto kForgotten = 35s;
/// What the transactions of 32 s took at the most stays with the allocator; a second wave takes
/// no more.
constexpr long kMaxGrowthKb = 160 * 1024;
constexpr int kFirstPort = 17'000;
constexpr int kLastPort = 17'999;

uint64_t seed() {
  const char* asked = std::getenv("WSBRIDGE_MUTATIONS_SEED");
  return asked ? std::strtoull(asked, nullptr, 10) : 4475;
}

/// Ports of the range that nobody has on 127.0.0.1.
int freePorts() {
  int number = 0;
  for (int port = kFirstPort; port <= kLastPort; ++port) {
    const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) ++number;
    close(fd);
  }
  return number;
}

/// One party with a way of its own to the gateway.
class Party {
 public:
  Party(const Gateway& gateway, unsigned number, bool tcp)
      : gateway_(gateway), host_(loopbackHost(number)), tcp_(tcp) {
    open();
  }

  void send(const std::string& text) {
    if (!tcp_) return datagrams_->send(text);
    // What is spoilt may have taken the stream with it.
    if (closed_ || ++said_ % 8 == 0) open();
    line_->say(text);
  }
  /// The next message; empty at the limit.
  std::optional<SipMessage> receive(Millis limit) {
    const auto end = Clock::now() + limit;
    do {
      if (!tcp_) {
        stream_ = datagrams_->receive(limit).value_or("");
      } else {
        stream_ += line_->hearSome(limit, &closed_);
      }
      if (auto message = takeSipMessage(stream_)) return message;
    } while (tcp_ && !closed_ && Clock::now() < end);
    return std::nullopt;
  }
  /// Acknowledges what refuses INVITEs, all but every fourth, as a phone does. How many came.
  unsigned answer() {
    unsigned number = 0;
    while (const auto message = receive(0ms)) {
      ++number;
      if (message->status < 300 || message->method != "INVITE" || number % 4 == 0) continue;
      std::string ack =
          "ACK sip:x@127.0.0.1 SIP/2.0\r\nVia: " + message->header("Via") +
          "\r\nFrom: " + message->header("From") + "\r\nTo: " + message->header("To") +
          "\r\nCall-ID: " + message->header("Call-ID") +
          "\r\nCSeq: " + std::to_string(message->cseq()) + " ACK\r\n" + "Content-Length: 0\r\n\r\n";
      send(ack);
    }
    return number;
  }
  std::string via() const {
    return tcp_ ? "SIP/2.0/TCP 127.0.0.1:9" : "SIP/2.0/UDP 127.0.0.1:9;rport";
  }

 private:
  void open() {
    if (tcp_) {
      line_ = std::make_unique<Line>(gateway_.tcpPort(), host_);
    } else {
      datagrams_ = std::make_unique<Datagrams>(gateway_.udpPort(), host_);
    }
    stream_.clear();
    closed_ = false;
  }

  const Gateway& gateway_;
  std::string host_;
  bool tcp_;
  bool closed_ = false;
  unsigned said_ = 0;
  std::string stream_;
  std::unique_ptr<Datagrams> datagrams_;
  std::unique_ptr<Line> line_;
};

class Mutations : public ::testing::TestWithParam<bool> {
 protected:
  static Gateway::Options options(bool raised) {
    std::map<std::string, std::string> set = {
        {"rtp.port-range", std::to_string(kFirstPort) + "-" + std::to_string(kLastPort)},
        // Where a spoilt CSeq was higher than that of the BYE, nothing else ends the call.
        {"limits.media-timeout", "5"}};
    if (raised) {
      for (const char* key : {"max-calls", "max-loop-delay", "max-loop-load", "peer-requests",
                              "stranger-requests", "all-requests", "peer-setups", "connections",
                              "peer-connections", "stranger-connections"})
        set[std::string("limits.") + key] = "0";
    }
    return {.set = set};
  }

  /// Whatever was sent before this is dealt with when it returns.
  void catchUp(Gateway& gateway) {
    for (int attempt = 0; attempt < 20; ++attempt) {
      const std::string id = "probe-" + std::to_string(probes_++);
      if (!probe_) probe_ = std::make_unique<Datagrams>(gateway.udpPort(), loopbackHost(60'000));
      probe_->send(Strange{.method = "OPTIONS", .id = id}.text());
      const auto end = Clock::now() + stretched(1s);
      while (Clock::now() < end) {
        std::string bytes = probe_->receive(100ms).value_or("");
        const auto answer = takeSipMessage(bytes);
        if (answer && answer->header("Call-ID") == id) return;
      }
      ASSERT_TRUE(gateway.process().running()) << gateway.log();
    }
    FAIL() << "SIP is not answered any more";
  }

  std::string invite(const Party& party, const std::string& id, const std::string& uri) {
    return Strange{.id = id,
                   .headers =
                       "Contact: <sip:a@127.0.0.1:9>\r\nAllow: INVITE, ACK, BYE, UPDATE\r\n"
                       "Supported: timer\r\nSession-Expires: 1800\r\nRecord-Route: "
                       "<sip:127.0.0.1:9;lr>\r\n" +
                       std::string(kUriHeader) + ": " + percentEncode(uri) + "\r\n" +
                       kHeadersHeader + ": " + percentEncode(R"({"a":1})") + "\r\n",
                   .body = makeSdp(40'000, {"PCMU", "L16/16000", "telephone-event"}, 20),
                   .via = party.via()}
        .text();
  }

  void spoiltInvites(Gateway& gateway, const std::string& good) {
    std::vector<std::unique_ptr<Party>> parties;
    for (unsigned i = 0; i < kSources; ++i)
      parties.push_back(std::make_unique<Party>(gateway, i, i % 10 == 9));
    for (unsigned i = 0; i < kInvites; ++i) {
      Party& party = *parties[i % kSources];
      // A few would be calls, some fail at the endpoint, most are refused before.
      const std::string uri = i % 300 == 0  ? good
                              : i % 20 == 0 ? "ws://127.0.0.1:9/"
                                            : "ws://192.168.7.7/";
      answers_ += party.answer();
      party.send(mutator_.spoil(invite(party, "spoilt-" + std::to_string(i), uri)));
      if (i % kBatch == kBatch - 1) catchUp(gateway);
      if (HasFatalFailure()) return;
    }
    for (const auto& party : parties)
      answers_ += party->answer();
  }

  void spoiltDialogs(Gateway& gateway, const std::string& good) {
    static const char* const kMethods[] = {"BYE",     "INFO",  "UPDATE", "INVITE", "OPTIONS",
                                           "MESSAGE", "REFER", "NOTIFY", "PRACK",  "CANCEL",
                                           "ACK",     "INFO",  "UPDATE", "INVITE", "SUBSCRIBE"};
    for (unsigned d = 0; d < kDialogs; ++d) {
      Party party(gateway, 5000 + d, d % 2 == 1);
      const std::string id = "dialog-" + std::to_string(d);
      party.send(invite(party, id, good));
      std::optional<SipMessage> final;
      const auto end = Clock::now() + stretched(5s);
      while ((!final || final->status < 200) && Clock::now() < end)
        final = party.receive(500ms);
      ASSERT_TRUE(final.has_value()) << id;
      ASSERT_EQ(final->status, 200) << id;
      const Strange base{.method = "",
                         .id = id,
                         .uri = addressUri(final->header("Contact")),
                         .via = party.via(),
                         .toTag = final->toTag()};
      const auto inDialog = [&](const char* method, unsigned cseq) {
        Strange request = base;
        request.method = method;
        if (cseq % 3 == 0) request.headers = "Contact: <sip:a@127.0.0.1:9>\r\n";
        if (request.method == "INVITE" || cseq % 7 == 0)
          request.body = makeSdp(40'000 + static_cast<int>(cseq % 3), {"PCMU"}, 20);
        std::string text = request.text();
        const std::string first = "CSeq: 1 ";
        text.replace(text.find(first), first.size(), "CSeq: " + std::to_string(cseq) + " ");
        const size_t branch = text.find("branch=z9hG4bK") + 14;
        return text.insert(branch, std::to_string(cseq) + "x");
      };
      party.send(inDialog("ACK", 1));
      for (unsigned i = 0; i < kRequestsEach; ++i) {
        // The first ends it, so that it comes late.
        const size_t method = i + 5 < kRequestsEach ? 1 + mutator_.below(14) : mutator_.below(15);
        party.send(mutator_.spoil(inDialog(kMethods[method], 2 + i)));
        if (i % 10 == 9) {
          catchUp(gateway);
          if (HasFatalFailure()) return;
          answers_ += party.answer();
        }
      }
      party.send(inDialog("BYE", 1000));
    }
  }

  Mutator mutator_{seed()};
  SoupEndpoint endpoint_{SoupEndpoint::Options{.echo = true, .record = false}};
  std::unique_ptr<Datagrams> probe_;
  unsigned probes_ = 0;
  unsigned long answers_ = 0;
};

TEST_P(Mutations, LeaveNothingBehind) {
  const int ports = freePorts();
  std::printf("seed %lu\n", static_cast<unsigned long>(seed()));
  Gateway gateway(options(GetParam()));
  {
    // What is made once is made now.
    Phone phone(gateway);
    ASSERT_EQ(phone.call(endpoint_.uri()), 200);
    ASSERT_TRUE(phone.hangUp());
    ASSERT_TRUE(gateway.waitEnd(phone.callId()).has_value());
  }
  const ProcessUsage before = gateway.process().usage();
  const auto begun = Clock::now();
  ASSERT_NO_FATAL_FAILURE(spoiltDialogs(gateway, endpoint_.uri()));
  ASSERT_NO_FATAL_FAILURE(spoiltInvites(gateway, endpoint_.uri()));
  const auto sent = Clock::now();
  const ProcessUsage most = gateway.process().usage();
  // Whatever was not acknowledged ends 32 s later; until then nothing may go wrong.
  EXPECT_FALSE(gateway.process().waitExit(kForgotten / kTimeScale).has_value()) << gateway.log();
  ProcessUsage after;
  EXPECT_TRUE(eventually(
      [&] {
        after = gateway.process().usage();
        return after.descriptors <= before.descriptors + 2;
      },
      45s))
      << before.descriptors << " -> " << after.descriptors;
  EXPECT_TRUE(eventually([&] { return freePorts() >= ports; }, 5s)) << "RTP ports are kept";
  after = gateway.process().usage();
  std::printf(
      "%lu answers, sent within %.1f s, memory %ld -> %ld -> %ld kB, descriptors %d -> %d "
      "-> %d\n",
      answers_, millisBetween(begun, sent) / 1000, before.rssKb, most.rssKb, after.rssKb,
      before.descriptors, most.descriptors, after.descriptors);
  EXPECT_GT(answers_, kInvites / 4) << "most were not understood at all";
  if (!kSanitized) {
    EXPECT_LT(after.rssKb - before.rssKb, kMaxGrowthKb);
  }
  Phone phone(gateway);
  EXPECT_EQ(phone.call(endpoint_.uri()), 200);
  EXPECT_TRUE(phone.hangUp());
}

INSTANTIATE_TEST_SUITE_P(Limits, Mutations, ::testing::Bool(),
                         [](const auto& one) { return one.param ? "Raised" : "AsTheyAre"; });

}  // namespace
}  // namespace e2e
