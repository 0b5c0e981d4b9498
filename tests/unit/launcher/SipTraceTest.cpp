// SPDX-License-Identifier: LGPL-2.1-or-later
#include <string>

#include <gtest/gtest.h>

#include "sip/stack/SipTrace.hpp"

namespace launcher {
namespace {

TEST(SipTrace, CredentialsAreBlankedWhereverTheyStand) {
  const std::string shown = shownSip(
      "INVITE sip:bridge:s3cret1@h;x=1?a=s3cret2 SIP/2.0\r\n"
      "From: <sip:alice:s3cret3@h>;tag=1\r\n"
      "authorization: Digest username=\"alice\",\r\n response=\"s3cret4\"\r\n"
      "Proxy-Authorization:Digest s3cret5\r\n"
      "P-wsbridge-websocket-uri: wss%3A%2F%2Fu:s3cret6%40h%2Fp%3Ftoken%3Ds3cret7\r\n"
      "P-Wsbridge-Websocket-Headers: %7B%22a%22%3A%22s3cret8%22%7D\r\n"
      "P-wsbridge-websocket-authorization: Bearer%20s3cret9\r\n"
      "Content-Type: application/sdp\r\n"
      "\r\n"
      "v=0\r\nm=audio 4000 RTP/SAVP 0\r\n"
      "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:s3cretA\r\n"
      "a=ice-pwd:s3cretB\r\nk=clear:s3cretC\r\n");
  EXPECT_EQ(shown.find("s3cret"), std::string::npos) << shown;
  for (const char* kept : {"INVITE sip:bridge@h", "From: <sip:alice@h>;tag=1", "authorization: ***",
                           "P-wsbridge-websocket-uri: wss://***@h/p?***", "m=audio 4000 RTP/SAVP 0",
                           "a=crypto:***", "a=ice-pwd:***"}) {
    EXPECT_NE(shown.find(kept), std::string::npos) << kept << " in " << shown;
  }
}

TEST(SipTrace, DigitsAreNobodysBusiness) {
  const std::string relay = shownSip(
      "INFO sip:a@h SIP/2.0\r\nContent-Type: application/dtmf-relay\r\n\r\n"
      "Signal=7\r\nDuration=160\r\n");
  EXPECT_EQ(relay.find("=7"), std::string::npos) << relay;
  EXPECT_NE(relay.find("Duration=160"), std::string::npos);
  const std::string plain = shownSip("INFO sip:a@h SIP/2.0\r\nc : application/dtmf\r\n\r\n7\r\n");
  EXPECT_EQ(plain.find("\n7"), std::string::npos) << plain;
}

TEST(SipTrace, IsBounded) {
  const std::string shown = shownSip("MESSAGE sip:a@h SIP/2.0\r\n\r\n" + std::string(100000, 'x'));
  EXPECT_LT(shown.size(), kMaxShownSip + 100);
  EXPECT_NE(shown.find("bytes)"), std::string::npos);
  EXPECT_EQ(shownSip(""), "");
}

}  // namespace
}  // namespace launcher
