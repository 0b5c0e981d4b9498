// SPDX-License-Identifier: LGPL-2.1-or-later
#include <fstream>
#include <set>
#include <sstream>
#include <string>

#include <gtest/gtest.h>

#include "base/CallEnd.hpp"

namespace launcher {

TEST(CallEnd, EveryReasonHasOneRowAndOneLabel) {
  std::set<std::string> labels;
  int index = 0;
  for (const CallEnd& row : callEndTable()) {
    EXPECT_EQ(static_cast<int>(row.reason), index++) << row.label;
    EXPECT_TRUE(labels.insert(row.label).second) << row.label;
    EXPECT_GE(row.status, 400);
    EXPECT_LT(row.status, 600);
    EXPECT_LE(std::string(row.text).size(), 123u) << "has to fit into a close frame";
  }
  EXPECT_EQ(index, static_cast<int>(EndReason::Shutdown) + 1);
}

TEST(CallEnd, StatusTableOfTheWireProtocol) {
  EXPECT_EQ(callEnd(EndReason::UriMissing).status, 400);
  EXPECT_EQ(callEnd(EndReason::UriInvalid).status, 400);
  EXPECT_EQ(callEnd(EndReason::UriForbidden).status, 403);
  EXPECT_EQ(callEnd(EndReason::HeadersInvalid).status, 400);
  EXPECT_EQ(callEnd(EndReason::ContentTypeUnsupported).status, 415);
  EXPECT_EQ(callEnd(EndReason::NoCommonCodec).status, 488);
  EXPECT_EQ(callEnd(EndReason::TooManyCalls).status, 503);
  EXPECT_EQ(callEnd(EndReason::Draining).status, 503);
  EXPECT_EQ(callEnd(EndReason::NoRtpPorts).status, 503);
  EXPECT_EQ(callEnd(endReasonOfFailure("timeout")).status, 504);
  for (const char* kind :
       {"resolve", "refused", "tls", "handshake", "protocol", "closed", "lost"}) {
    EXPECT_EQ(callEnd(endReasonOfFailure(kind)).status, 502) << kind;
  }
}

TEST(CallEnd, EveryFailureToConnectTellsOfTheNetwork) {
  for (const char* kind : {"resolve", "refused", "tls", "handshake", "timeout", "protocol",
                           "closed", "lost", "pong-timeout"}) {
    EXPECT_TRUE(tellsOfNetwork(endReasonOfFailure(kind), false)) << kind;
  }
  EXPECT_TRUE(tellsOfNetwork(EndReason::EndpointRefused, true)) << "when it was to be resumed";
  EXPECT_FALSE(tellsOfNetwork(EndReason::EndpointLost, true)) << "the caller has heard it";
  EXPECT_FALSE(tellsOfNetwork(EndReason::EndpointHangup, false));
  EXPECT_FALSE(tellsOfNetwork(EndReason::UriForbidden, false));
  EXPECT_FALSE(tellsOfNetwork(EndReason::TooManyCalls, false));
}

TEST(CallEnd, HeaderTextsCannotBeBrokenOutOf) {
  EXPECT_EQ(reasonHeader(502, "a\"b\\c\r\nVia: x"), "SIP;cause=502;text=\"a\\\"b\\\\c  Via: x\"");
  EXPECT_EQ(warningHeader(399, "x"), "399 wsbridge \"x\"");
}

TEST(CallEnd, DocumentationListsEveryReason) {
  std::ifstream file(LAUNCHER_SOURCE_ROOT "/docs/sip.md");
  std::stringstream text;
  text << file.rdbuf();
  ASSERT_FALSE(text.str().empty());
  for (const CallEnd& row : callEndTable()) {
    EXPECT_NE(text.str().find("`" + std::string(row.label) + "`"), std::string::npos) << row.label;
  }
}

}  // namespace launcher
