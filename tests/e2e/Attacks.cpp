// SPDX-License-Identifier: LGPL-2.1-or-later
#include "Attacks.hpp"

#include <atomic>
#include <functional>
#include <random>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "EndpointFloods.hpp"
#include "Phone.hpp"

namespace e2e {
namespace {

// Calls so many times a second with a number from 0; what the machine is too slow for is left out.
void paced(double perSecond, Clock::time_point until, const std::function<void(unsigned)>& send) {
  const auto begun = Clock::now();
  unsigned done = 0;
  for (auto now = begun; now < until; now = Clock::now()) {
    const auto due = static_cast<unsigned>(millisBetween(begun, now) * perSecond / 1000);
    const unsigned most = static_cast<unsigned>(perSecond / 50) + 1;
    if (due > done + most) done = due - most;
    for (; done < due; ++done)
      send(done);
    std::this_thread::sleep_for(1ms);
  }
}

std::string unique(const char* what, unsigned round, unsigned number) {
  return std::string(what) + "-" + std::to_string(round) + "-" + std::to_string(number);
}

std::string uriHeader(const std::string& uri) {
  return std::string(kUriHeader) + ": " + percentEncode(uri) + "\r\n";
}

const std::string kContact = "Contact: <sip:a@127.0.0.1:9>\r\n";

std::string anOffer() {
  return makeSdp(40'000, {"PCMU"}, 20);
}

unsigned sourceOf(unsigned attack, unsigned round, unsigned number = 0) {
  return 1000 * attack + 100 * (round % 10) + number;
}

void badContacts(Target& target, unsigned round, Clock::time_point until) {
  const Datagrams stranger(target.gateway->udpPort(), loopbackHost(sourceOf(1, round)));
  const auto& lines = badTargets().lines;
  paced(20, until, [&](unsigned i) {
    stranger.send(Strange{.id = unique("contact", round, i),
                          .headers = lines[i % lines.size()] + uriHeader(target.good.uri()),
                          .body = anOffer()}
                      .text());
    stranger.drain();
  });
}

void namesInVia(Target& target, unsigned round, Clock::time_point until) {
  const Datagrams stranger(target.gateway->udpPort(), loopbackHost(sourceOf(2, round)));
  paced(200, until, [&](unsigned i) {
    const std::string name = "nobody-" + std::to_string(i) + ".black.test";
    const std::string vias[] = {"SIP/2.0/UDP 127.0.0.1:9;maddr=" + name, "SIP/7.0/UDP " + name,
                                "SIP/2.0/TCP " + name, "SIP/2.0/UDP " + name + ";rport"};
    std::string text =
        Strange{.method = "OPTIONS", .id = unique("via", round, i), .via = vias[i % 4]}.text();
    if (i % 4 == 1) text.replace(text.find("SIP/2.0\r\n"), 7, "SIP/7.0");
    stranger.send(text);
    stranger.drain();
  });
}

void blackHoledNames(Target& target, unsigned round, Clock::time_point until) {
  const Datagrams stranger(target.gateway->udpPort(), loopbackHost(sourceOf(3, round)));
  paced(20, until, [&](unsigned i) {
    const std::string uri = "ws://" + unique("n", round, i) + ".black.test/";
    stranger.send(Strange{
        .id = unique("name", round, i), .headers = kContact + uriHeader(uri), .body = anOffer()}
                      .text());
    stranger.drain();
  });
}

void endpointFloodsAtOnce(Target& target, unsigned, Clock::time_point until) {
  std::vector<std::unique_ptr<Phone>> victims;
  for (size_t i = 0; i < 3; ++i) {
    victims.push_back(std::make_unique<Phone>(*target.gateway));
    victims.back()->dial(target.flooder->uri());
  }
  for (const auto& victim : victims)
    victim->waitAnswer(5s);
  while (Clock::now() < until)
    victims.front()->sip().waitRequest("BYE", 100ms);
}

void refusedInvites(Target& target, unsigned round, Clock::time_point until) {
  const Datagrams stranger(target.gateway->udpPort(), loopbackHost(sourceOf(4, round)));
  paced(1000, until, [&](unsigned i) {
    stranger.send(Strange{.id = unique("refused", round, i),
                          .headers = kContact + uriHeader("no-uri-at-all"),
                          .body = anOffer()}
                      .text());
    stranger.drain();
  });
}

void optionsFlood(Target& target, unsigned round, Clock::time_point until) {
  const Datagrams stranger(target.gateway->udpPort(), loopbackHost(sourceOf(5, round)));
  paced(11'000, until, [&](unsigned i) {
    stranger.send(Strange{.method = "OPTIONS", .id = unique("options", round, i)}.text());
    if (i % 16 == 0) stranger.drain();
  });
}

void invitesOfOneSource(Target& target, unsigned round, Clock::time_point until) {
  const Datagrams stranger(target.gateway->udpPort(), loopbackHost(sourceOf(6, round)));
  paced(300, until, [&](unsigned i) {
    stranger.send(Strange{.id = unique("invite", round, i),
                          .headers = kContact + uriHeader(target.good.uri()),
                          .body = anOffer()}
                      .text());
    stranger.drain();
  });
}

void connectionsThatSayNothing(Target& target, unsigned round, Clock::time_point until) {
  std::vector<std::unique_ptr<Line>> lines;
  const std::string half = "OPTIONS sip:x@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1:9\r\n";
  paced(500, until, [&](unsigned i) {
    if (i >= 500) {
      // And on every third one a header without an end.
      if (i % 3 == 0) lines[i % lines.size()]->say("Subject: " + std::string(4000, 's') + "\r\n");
      return;
    }
    lines.push_back(
        std::make_unique<Line>(target.gateway->tcpPort(), loopbackHost(sourceOf(7, round, i % 4))));
    if (i % 2 == 0) lines.back()->say(half);
  });
}

void junk(Target& target, unsigned round, Clock::time_point until) {
  const Datagrams stranger(target.gateway->udpPort(), loopbackHost(sourceOf(8, round)));
  std::mt19937 random(round);
  paced(5000, until, [&](unsigned i) {
    std::string bytes(static_cast<size_t>(random() % 200), '\0');
    for (char& byte : bytes)
      byte = static_cast<char>(random());
    if (i % 2 == 0) bytes = std::string("\x00\x01\x00\x28\x21\x12\xa4\x42", 8) + bytes;
    stranger.send(bytes);
  });
}

void rtpInjection(Target& target, unsigned round, Clock::time_point until) {
  const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  sockaddr_in from{};
  from.sin_family = AF_INET;
  inet_pton(AF_INET, loopbackHost(sourceOf(9, round)).c_str(), &from.sin_addr);
  const bool bound = bind(fd, reinterpret_cast<sockaddr*>(&from), sizeof from) == 0;
  paced(bound ? 2500 : 0, until, [&](unsigned i) {
    const size_t calls = target.rtpPorts.size();
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    // RTP and RTCP alike.
    const int port = target.rtpPorts[i % calls] + (i % 7 == 0 ? 1 : 0);
    to.sin_port = htons(static_cast<uint16_t>(port));
    const unsigned number = i / static_cast<unsigned>(calls);
    const std::string packet = rtpPacket({.payloadType = i % 7 == 0 ? 0xc8 : 0,
                                          .sequence = static_cast<uint16_t>(number),
                                          .timestamp = number * 160,
                                          .ssrc = round + 1},
                                         std::string(160, '\x55'));
    [[maybe_unused]] const auto sent = sendto(fd, packet.data(), packet.size(), MSG_DONTWAIT,
                                              reinterpret_cast<sockaddr*>(&to), sizeof to);
  });
  close(fd);
}

void silentTlsPeers(Target& target, unsigned round, Clock::time_point until) {
  std::vector<std::unique_ptr<Datagrams>> strangers;
  for (unsigned i = 0; i < 5; ++i) {
    strangers.push_back(std::make_unique<Datagrams>(target.gateway->udpPort(),
                                                    loopbackHost(sourceOf(10, round, i))));
  }
  const std::string uri = "wss://127.0.0.1:" + std::to_string(target.silent.port()) + "/";
  paced(200, until, [&](unsigned i) {
    if (i >= 200) return;
    strangers[i % 5]->send(Strange{
        .id = unique("tls", round, i), .headers = kContact + uriHeader(uri), .body = anOffer()}
                               .text());
    strangers[i % 5]->drain();
  });
}

}  // namespace

Target::Target() {
  dns.set("*.black.test", {.kind = DnsServer::Kind::Silent});
  flooder = std::make_unique<RawEndpoint>([](RawConnection& connection) {
    static std::atomic<size_t> next{0};
    if (!connection.acceptHandshake()) return;
    connection.recvFrame(5s);
    const EndpointFlood& flood = endpointFloods()[next++ % endpointFloods().size()];
    connection.write(flood.first);
    while (!connection.stopping() && connection.write(flood.bytes)) {
    }
  });
}

const std::vector<Attack>& attacks() {
  static const std::vector<Attack> all = {
      {"BadContacts", badContacts},
      {"NamesInVia", namesInVia},
      {"BlackHoledNames", blackHoledNames},
      {"EndpointFloods", endpointFloodsAtOnce},
      {"RefusedInvites", refusedInvites},
      {"OptionsFlood", optionsFlood},
      {"InvitesOfOneSource", invitesOfOneSource},
      {"ConnectionsThatSayNothing", connectionsThatSayNothing},
      {"Junk", junk},
      {"RtpInjection", rtpInjection},
      {"SilentTlsPeers", silentTlsPeers},
  };
  return all;
}

}  // namespace e2e
