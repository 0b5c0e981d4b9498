// SPDX-License-Identifier: LGPL-2.1-or-later
#include <string>

#include <gtest/gtest.h>

#include "call/DialogRequests.hpp"
#include "sip/dialog/DtmfRelay.hpp"
#include "sip/stack/MessageBody.hpp"

namespace launcher {
namespace {

using namespace std::string_literals;

TEST(MessageBody, WhatACallerMaySend) {
  EXPECT_EQ(messageStatus("text/plain", "hello"), 200);
  EXPECT_EQ(messageStatus("Text/Plain ; Charset = \"UTF-8\"", "gr\xc3\xbc"), 200);
  EXPECT_EQ(messageStatus("application/json", "{}"), 200);
  EXPECT_EQ(messageStatus("text/plain", ""), 200);
  EXPECT_EQ(messageStatus("text/plain", std::string(kMaxMessageBytes, 'x')), 200);
  EXPECT_EQ(messageStatus("text/plain", std::string(kMaxMessageBytes + 1, 'x')), 413);
  EXPECT_EQ(messageStatus("text/plain", "\xff"), 400);
  EXPECT_EQ(messageStatus("text/plain", "a\0b"s), 400);
  EXPECT_EQ(messageStatus("text/plain;charset=latin1", "a"), 415);
  EXPECT_EQ(messageStatus("text/html", "a"), 415);
  EXPECT_EQ(messageStatus("", "a"), 415);
}

TEST(MessageBody, TypesThatMayStandInAHeader) {
  for (const std::string type : {"text/plain", "application/vnd.a-b+json"})
    EXPECT_TRUE(isPlainMediaType(type)) << type;
  for (const std::string type :
       {"", "/", "a/", "/b", "text", "a/b/c", "a/b;c=d", "a/b c", "a/b\r\nX: y", "a/\xc3\xbc"})
    EXPECT_FALSE(isPlainMediaType(type)) << type;
  EXPECT_FALSE(isPlainMediaType("a/" + std::string(65, 'b')));
}

TEST(DtmfRelay, WhatIsWrittenIsRead) {
  EXPECT_EQ(makeDtmfBody({'#', 200}), "Signal=#\r\nDuration=200\r\n");
  EXPECT_EQ(parseDtmfBody(kDtmfRelayType, makeDtmfBody({'D', 70})), (Digit{'D', 70}));
}

TEST(DialogRequests, GoOneByOneInTheirOrder) {
  DialogRequests requests;
  EXPECT_EQ(requests.next(), nullptr);
  EXPECT_FALSE(requests.answered());
  ASSERT_TRUE(requests.add({"", "text/plain", "a"}));
  ASSERT_TRUE(requests.add({"5", "t", "key"}));
  EXPECT_EQ(requests.next()->body, "a");
  EXPECT_EQ(requests.next(), nullptr) << "one at a time";
  EXPECT_EQ(requests.answered()->body, "a");
  EXPECT_EQ(requests.next()->key, "5");
}

TEST(DialogRequests, AreBoundedByKind) {
  DialogRequests requests;
  for (std::size_t i = 0; i < DialogRequests::kMaxMessages; ++i)
    EXPECT_TRUE(requests.add({"", "t", "b"}));
  EXPECT_FALSE(requests.add({"", "t", "b"}));
  for (std::size_t i = 0; i < DialogRequests::kMaxKeys; ++i)
    EXPECT_TRUE(requests.add({"1", "t", "b"}));
  EXPECT_FALSE(requests.add({"1", "t", "b"}));
  ASSERT_NE(requests.next(), nullptr);
  EXPECT_TRUE(requests.add({"", "t", "b"})) << "the one on its way waits no more";
  EXPECT_EQ(requests.dropKeys(), DialogRequests::kMaxKeys);
  EXPECT_TRUE(requests.add({"1", "t", "b"}));
}

}  // namespace
}  // namespace launcher
