// SPDX-License-Identifier: LGPL-2.1-or-later
// The torture messages of RFC 4475, each with its answer or silence. Their texts are in torture/:
// lines end with LF, @LENGTH is the length of what @SDP stands for, @xNN@ one octet, @LONG 250 of
// them. An `rport` was added where an answer is to come to us, and TCP has become UDP.
#include <algorithm>
#include <cstdlib>

#include <gtest/gtest.h>

#include "Phone.hpp"
#include "SoupEndpoint.hpp"
#include "Stranger.hpp"
#include "TempDir.hpp"

namespace e2e {
namespace {

struct TortureMessage {
  std::string name;           // as the RFC's appendix has it
  std::vector<int> statuses;  // any of these; none: silence
};

// Where the RFC lets an element be liberal, the stack is: lwsstart, trws, escruri, baddate,
// badaspec. RFC 4475 would have an answer to three more: the stack finds no Via to answer by in
// badinv01, no request line in lwsruri and, behind its U+0000, no To in intmeth. An answer would
// have to be made of unread text in front of the parser, to whoever the datagram names as its
// sender: such a message is dropped.
const std::vector<TortureMessage> kMessages = {
    // 3.1.1
    {"wsinv", {481}},
    {"intmeth", {}},
    {"esc01", {200}},
    {"escnull", {405}},
    {"esc02", {501}},
    {"lwsdisp", {200}},
    {"longreq", {200}},
    {"dblreq", {405}},
    {"semiuri", {200}},
    {"transports", {200}},
    {"mpart01", {405}},
    {"unreason", {}},
    {"noreason", {}},
    // 3.1.2 to 3.4
    {"badinv01", {}},
    {"clerr", {400}},
    {"ncl", {400}},
    {"scalar02", {400}},
    {"scalarlg", {}},
    {"quotbal", {400}},
    {"ltgtruri", {400}},
    {"lwsruri", {}},
    {"lwsstart", {200}},
    {"trws", {200}},
    {"escruri", {200}},
    {"baddate", {200}},
    {"regbadct", {400}},
    {"badaspec", {200}},
    {"baddn", {400}},
    {"badvers", {505}},
    {"mismatch01", {400}},
    {"mismatch02", {400}},
    {"bigcode", {}},
    {"badbranch", {200}},
    {"insuf", {400}},
    {"unkscm", {416}},
    {"novelsc", {416}},
    {"unksm2", {405}},
    {"bext01", {420}},
    {"invut", {415}},
    {"regaut01", {405}},
    {"multi01", {400}},
    {"mcl01", {400}},
    {"bcast", {}},
    {"zeromf", {200, 483}},
    {"cparam01", {405}},
    {"cparam02", {405}},
    {"regescrt", {405}},
    {"sdp01", {406, 200}},
    {"inv2543", {200}},
};

constexpr const char* kSdp =
    "v=0\r\no=mhandley 29739 7272939 IN IP4 192.0.2.3\r\ns=-\r\nc=IN IP4 192.0.2.4\r\nt=0 0\r\n"
    "m=audio 49217 RTP/AVP 0 12\r\nm=video 3227 RTP/AVP 31\r\na=rtpmap:31 LPC\r\n";

void replaceAll(std::string& text, const std::string& what, const std::string& with) {
  for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + with.size()))
    text.replace(at, what.size(), with);
}

std::string textOf(const std::string& name) {
  std::string text =
      readFile(std::string(std::getenv("WSBRIDGE_TORTURE_DIR")) + "/" + name + ".sip");
  const std::string sdp = kSdp;
  replaceAll(text, "\n", "\r\n");
  replaceAll(text, "@LENGTH", std::to_string(sdp.size()));
  replaceAll(text, "@SDP\r\n", "\r\n" + sdp);
  replaceAll(text, "@LONG", std::string(250, 'l'));
  for (size_t at = text.find("@x"); at != std::string::npos; at = text.find("@x", at + 1)) {
    if (text.size() <= at + 4 || text[at + 4] != '@') continue;
    const auto octet = std::strtoul(text.substr(at + 2, 2).c_str(), nullptr, 16);
    text.replace(at, 5, 1, static_cast<char>(octet));
  }
  return text;
}

/// Those of a datagram's final answers, until the answer to an OPTIONS behind it.
std::vector<int> answersTo(const Gateway& gateway, const TortureMessage& message) {
  const Datagrams caller(gateway.udpPort());
  const std::string probe = "behind-" + message.name;
  const std::string text = textOf(message.name);
  EXPECT_FALSE(text.empty()) << message.name;
  caller.send(text);
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
  for (const TortureMessage& message : kMessages) {
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
