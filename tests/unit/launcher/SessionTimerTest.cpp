// SPDX-License-Identifier: LGPL-2.1-or-later
#include <gtest/gtest.h>

#include "sip/dialog/SessionTimer.hpp"

namespace launcher {
namespace {

using Role = SessionTimer::Role;
using Verdict = SessionTimer::Verdict;

TEST(SessionExpires, ReadsSecondsAndRefresher) {
  EXPECT_EQ(parseSessionExpires("1800")->seconds, 1800U);
  EXPECT_EQ(parseSessionExpires(" 90 ; refresher=uac")->refresher, "uac");
  EXPECT_EQ(parseSessionExpires("90;x=y;Refresher=UAS;lr")->refresher, "uas");
  EXPECT_EQ(parseSessionExpires("4294967295")->seconds, 86400U) << "longer than a day is a day";
}

TEST(SessionExpires, RefusesWhatIsNone) {
  for (const char* text : {"", "0", "-1", "abc", "1.5", "4294967296", "99999999999999999999",
                           "90;refresher=me", "90;refresher=", ";refresher=uac"}) {
    EXPECT_FALSE(parseSessionExpires(text)) << text;
  }
}

TEST(SessionTimer, WithoutTheHeaderThereIsNone) {
  SessionTimer timer;
  EXPECT_EQ(timer.request({{}, {}, true}), Verdict::Fine);
  EXPECT_TRUE(timer.answer().sessionExpires.empty());
  timer.agreed();
  EXPECT_EQ(timer.role(), Role::None);
}

TEST(SessionTimer, TheCallerRefreshesUnlessItWantsUsTo) {
  SessionTimer timer;
  EXPECT_EQ(timer.request({"1800", {}, true}), Verdict::Fine);
  EXPECT_EQ(timer.answer().sessionExpires, "1800;refresher=uac");
  EXPECT_TRUE(timer.answer().require);
  timer.agreed();
  EXPECT_EQ(timer.role(), Role::Theirs);
  EXPECT_EQ(timer.expiresAfter(), std::chrono::seconds(1800 - 32));

  EXPECT_EQ(timer.request({"1800;refresher=uas", {}, true}), Verdict::Fine);
  EXPECT_EQ(timer.answer().sessionExpires, "1800;refresher=uas");
  EXPECT_FALSE(timer.answer().require);
  timer.agreed();
  EXPECT_EQ(timer.role(), Role::Ours);
  EXPECT_EQ(timer.refreshAfter(), std::chrono::seconds(900));
  EXPECT_EQ(timer.expiresAfter(), std::chrono::seconds(1800));
  EXPECT_EQ(timer.refresh().sessionExpires, "1800;refresher=uac");
}

TEST(SessionTimer, WhoDoesNotKnowTheExtensionIsRefreshedByUs) {
  SessionTimer timer;  // a proxy has put the header in
  EXPECT_EQ(timer.request({"60", {}, false}), Verdict::Fine);
  EXPECT_EQ(timer.answer().sessionExpires, "60;refresher=uas");
  EXPECT_FALSE(timer.answer().require);
}

TEST(SessionTimer, TheShortestIsNinetySeconds) {
  SessionTimer timer;
  EXPECT_EQ(timer.request({"89", {}, true}), Verdict::TooBrief);
  EXPECT_EQ(timer.request({"90", {}, true}), Verdict::Fine);
  timer.agreed();
  EXPECT_EQ(timer.expiresAfter(), std::chrono::seconds(60)) << "a third ahead of the end";
}

TEST(SessionTimer, TheLongestIsADay) {
  for (const char* asked : {"86400", "86401", "4294967295"}) {
    SessionTimer timer;
    EXPECT_EQ(timer.request({asked, {}, true}), Verdict::Fine);
    timer.agreed();
    EXPECT_EQ(timer.expiresAfter(), std::chrono::seconds(86400 - 32)) << asked;
    EXPECT_EQ(timer.refreshAfter(), std::chrono::seconds(43200)) << asked;
  }
}

TEST(SessionTimer, BrokenHeadersAreRefusedAndChangeNothing) {
  SessionTimer timer;
  static_cast<void>(timer.request({"1800", {}, true}));
  timer.agreed();
  EXPECT_EQ(timer.request({"soon", {}, true}), Verdict::Malformed);
  EXPECT_EQ(timer.request({"1800", "x", true}), Verdict::Malformed);
  EXPECT_EQ(timer.interval(), 1800U);
}

TEST(SessionTimer, ARequestWithoutTheHeaderEndsTheTimer) {
  SessionTimer timer;
  static_cast<void>(timer.request({"1800", {}, true}));
  timer.agreed();
  static_cast<void>(timer.request({{}, {}, true}));
  timer.agreed();
  EXPECT_EQ(timer.role(), Role::None);
  EXPECT_EQ(timer.interval(), 0U);
}

TEST(SessionTimer, TheAnswerToOurInviteDecides) {
  SessionTimer timer;
  timer.accepted({"600;refresher=uas", {}, true}, false);
  EXPECT_EQ(timer.role(), Role::Theirs);
  timer.accepted({"600", {}, true}, false);
  EXPECT_EQ(timer.role(), Role::Ours);
  timer.accepted({{}, {}, true}, false);
  EXPECT_EQ(timer.role(), Role::None);
}

TEST(SessionTimer, ARefreshAnsweredWithoutTheHeaderIsOneAllTheSame) {
  SessionTimer timer;
  static_cast<void>(timer.request({"90;refresher=uas", {}, true}));
  timer.agreed();
  timer.accepted({{}, {}, false}, true);
  EXPECT_EQ(timer.role(), Role::Ours);
  EXPECT_EQ(timer.interval(), 90U);
}

TEST(SessionTimer, A422RaisesTheIntervalOnce) {
  SessionTimer timer;
  static_cast<void>(timer.request({"90;refresher=uas", {}, true}));
  timer.agreed();
  EXPECT_FALSE(timer.tooBrief({{}, {}, true})) << "no Min-SE";
  EXPECT_FALSE(timer.tooBrief({{}, "90", true})) << "no longer than ours: no use in asking again";
  EXPECT_TRUE(timer.tooBrief({{}, "200", true}));
  EXPECT_EQ(timer.refresh().sessionExpires, "200;refresher=uac");
  EXPECT_EQ(timer.refresh().minSe, "200");
  EXPECT_FALSE(timer.tooBrief({{}, "200", true}));
}

}  // namespace
}  // namespace launcher
