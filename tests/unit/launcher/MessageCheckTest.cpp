// SPDX-License-Identifier: LGPL-2.1-or-later
#include <memory>
#include <string>

#include <gtest/gtest.h>
#include <sofia-sip/msg.h>
#include <sofia-sip/msg_addr.h>
#include <sofia-sip/sip.h>
#include <sofia-sip/sip_header.h>
#include <sofia-sip/sip_parser.h>

#include "sip/stack/MessageCheck.hpp"
#include "sip/stack/SofiaGuards.hpp"

namespace launcher {
namespace {

TEST(MessageCheck, SipBeginsWithATokenOrAnEmptyLine) {
  for (const char good : {'I', 'o', 'S', '\r', '\n', '-', '7', '~'})
    EXPECT_TRUE(mayBeSip(static_cast<unsigned char>(good))) << good;
  // STUN is 0 to 3, DTLS 20 to 63, RTP 128 to 191, SigComp from 248 on.
  for (const unsigned bad : {0U, 1U, 2U, 22U, 127U, 128U, 191U, 248U, 255U})
    EXPECT_FALSE(mayBeSip(static_cast<unsigned char>(bad))) << bad;
}

struct Message {
  explicit Message(const std::string& text)
      : whole(msg_make(sipMessageClass(), 0, text.data(), static_cast<ssize_t>(text.size()))) {}
  ~Message() { msg_destroy(whole); }
  Message(const Message&) = delete;
  Message& operator=(const Message&) = delete;
  sip_t* sip() const { return sip_object(whole); }
  msg_t* whole;
};

std::string rest(const std::string& method, const std::string& headers, bool inDialog) {
  return "Via: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:b@b>" +
         std::string(inDialog ? ";tag=2" : "") + "\r\nCSeq: 1 " + method + "\r\n" + headers +
         "Content-Length: 0\r\n\r\n";
}

bool acceptable(const std::string& method, const std::string& headers, bool inDialog = false) {
  const Message message(method + " sip:b@b SIP/2.0\r\n" +
                        rest(method, "Call-ID: c\r\n" + headers, inDialog));
  // What the parser could not read is left out of the message and kept in sip_error.
  return message.sip()->sip_error == nullptr && isAcceptableRequest(message.sip());
}

TEST(MessageCheck, TargetsOfADialogAreSipUrisWithAHost) {
  for (const char* good :
       {"sip:a@127.0.0.1", "sip:127.0.0.1:5060", "sips:a@example.com", "sip:a@[::1]:5061",
        "sip:a@host_1.example;transport=tcp", "sip:+49%2030@1.2.3.4:65535;ob"}) {
    EXPECT_TRUE(acceptable("INVITE", std::string("Contact: <") + good + ">\r\n")) << good;
    EXPECT_TRUE(acceptable(
        "INVITE", std::string("Contact: <sip:a@b>\r\nRecord-Route: <") + good + ";lr>\r\n"))
        << good;
  }
  for (const char* bad : {"tel:+49301", "mailto:a@b", "urn:a:b", "http://a/", "im:a@b", "pres:a@b",
                          "sip:a@127.0.0.1:0", "sip:a@127.0.0.1:65536", "sip:a@[::1", "sip:a@[x]",
                          "x:y", "sip:a@h%00st"}) {
    const std::string one = std::string("<") + bad + ">\r\n";
    for (const char* method : {"INVITE", "UPDATE", "OPTIONS", "NOTIFY", "SUBSCRIBE", "REFER"}) {
      EXPECT_FALSE(acceptable(method, "Contact: " + one, true)) << method << ' ' << bad;
      EXPECT_FALSE(acceptable(method, "m: " + one, true)) << method << ' ' << bad;
      EXPECT_FALSE(acceptable(method, "Contact: <sip:a@b>\r\nRecord-Route: " + one)) << bad;
      EXPECT_FALSE(acceptable(method,
                              "Contact: <sip:a@b>\r\nRecord-Route: <sip:p;lr>\r\n"
                              "Record-Route: " +
                                  one))
          << bad;
    }
    EXPECT_FALSE(acceptable("INVITE", "Contact: <sip:a@b>, " + one)) << bad;
  }
  EXPECT_FALSE(acceptable("INVITE", "Contact: *\r\n"));
  EXPECT_FALSE(acceptable("INVITE", "Contact: <sip:a@" + std::string(256, 'h') + ">\r\n"));
}

TEST(MessageCheck, AnInviteThatBeginsADialogHasAContact) {
  EXPECT_FALSE(acceptable("INVITE", ""));
  EXPECT_TRUE(acceptable("INVITE", "", true)) << "the target stays as it is";
  EXPECT_TRUE(acceptable("OPTIONS", ""));
}

TEST(MessageCheck, WhatEndsADialogIsNeverHeldUp) {
  for (const char* method : {"ACK", "BYE", "CANCEL"})
    EXPECT_TRUE(acceptable(method, "Contact: <tel:1>\r\n", true)) << method;
}

TEST(MessageCheck, CallIdsAreBounded) {
  const auto with = [](std::size_t size) {
    const Message message("OPTIONS sip:b@b SIP/2.0\r\n" +
                          rest("OPTIONS", "Call-ID: " + std::string(size, 'c') + "\r\n", false));
    return isAcceptableRequest(message.sip());
  };
  EXPECT_FALSE(with(0)) << "it names nothing";
  EXPECT_TRUE(with(1));
  EXPECT_TRUE(with(80));
  EXPECT_TRUE(with(1024));
  EXPECT_FALSE(with(1025));
}

std::string leftContact(int status, const std::string& headers,
                        const std::vector<std::string>& redirectHosts = {}) {
  const Message message("SIP/2.0 " + std::to_string(status) + " x\r\n" +
                        rest("INVITE", "Call-ID: c\r\n" + headers, true));
  stripUnusableTargets(message.sip(), redirectHosts);
  const sip_contact_t* contact = message.sip()->sip_contact;
  return contact && contact->m_url->url_host ? contact->m_url->url_host : "";
}

TEST(MessageCheck, AnswersLoseTargetsThatCannotBeUsed) {
  EXPECT_EQ(leftContact(200, "Contact: <sip:a@good>\r\n"), "good");
  EXPECT_EQ(leftContact(180, "Contact: <sip:a@good>\r\nRecord-Route: <sip:p;lr>\r\n"), "good");
  EXPECT_EQ(leftContact(200, "Contact: <tel:1>\r\n"), "");
  EXPECT_EQ(leftContact(183, "Contact: <mailto:a@b>\r\n"), "");
  EXPECT_EQ(leftContact(200, "Contact: <sip:a@good>\r\nRecord-Route: <urn:x>\r\n"), "");
}

TEST(MessageCheck, RedirectionsLeadWhereTheConfigurationAllows) {
  const std::string other = "Contact: <sip:a@other.example>\r\n";
  EXPECT_EQ(leftContact(302, other), "");
  EXPECT_EQ(leftContact(302, other, {"*.invalid"}), "");
  EXPECT_EQ(leftContact(302, other, {"*.example"}), "other.example");
  EXPECT_EQ(leftContact(305, other, {"OTHER.example"}), "other.example");
  EXPECT_EQ(leftContact(302, "Contact: <tel:1>\r\n", {"*"}), "");
}

TEST(MessageClass, SessionTimerHeadersAreOurs) {
  const Message message("INVITE sip:b@b SIP/2.0\r\n" +
                        rest("INVITE", "Call-ID: c\r\nx: 90\r\nMin-SE: 90\r\n", false));
  EXPECT_EQ(message.sip()->sip_session_expires, nullptr);
  EXPECT_EQ(message.sip()->sip_min_se, nullptr);
  ASSERT_NE(message.sip()->sip_unknown, nullptr);
  EXPECT_NE(message.sip()->sip_from, nullptr) << "all others are parsed as ever";
}

}  // namespace
}  // namespace launcher
