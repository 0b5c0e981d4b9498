// SPDX-License-Identifier: LGPL-2.1-or-later
#include <gtest/gtest.h>

#include "base/Text.hpp"
#include "config/ConfigLoader.hpp"
#include "routing/CredentialScope.hpp"
#include "routing/Routing.hpp"

namespace launcher {

namespace {

ConfigPtr config(const std::string& text = "") {
  const ConfigResult result = parseConfig(text, "test", {});
  for (const ConfigFault& fault : result.faults)
    ADD_FAILURE() << fault.describe();
  return result.config;
}

InviteHeaders invite(const std::string& uri) {
  InviteHeaders headers;
  headers.requestUri = "sip:bot@gateway";
  headers.uri = uri;
  return headers;
}

BridgeRequest accepted(const Config& c, const InviteHeaders& headers) {
  const auto result = routeCall(c, headers);
  if (result) return *result;
  ADD_FAILURE() << result.error().header << " " << result.error().detail;
  return {};
}

EndReason refused(const Config& c, const InviteHeaders& headers) {
  const auto result = routeCall(c, headers);
  if (!result) return result.error().reason;
  ADD_FAILURE() << "was accepted";
  return EndReason::Shutdown;
}

}  // namespace

TEST(Routing, DecodesTheUriHeader) {
  const BridgeRequest request =
      accepted(*config(), invite("\"wss%3A%2F%2Fhost.example%3A8443%2Fpath%3Fa%3Db \""));
  EXPECT_EQ(request.endpoints[0].uri, "wss://host.example:8443/path?a=b");
  EXPECT_EQ(request.endpoints[0].host, "host.example");
  EXPECT_EQ(request.endpoints[0].port, 8443);
  EXPECT_EQ(request.contentType, "audio/l16;rate=16000");
  EXPECT_EQ(request.rate, 16000);
  EXPECT_EQ(request.dialect, "wsbridge");
}

TEST(Routing, HttpIsASynonymAndPortsHaveDefaults) {
  EXPECT_EQ(accepted(*config(), invite("http://h/")).endpoints.at(0).uri, "ws://h/");
  EXPECT_EQ(accepted(*config(), invite("HTTPS://h")).endpoints.at(0).uri, "wss://h");
  EXPECT_EQ(accepted(*config(), invite("ws://h")).endpoints.at(0).port, 80);
  EXPECT_EQ(accepted(*config(), invite("wss://[2001:db8::1]/")).endpoints.at(0).host,
            "2001:db8::1");
}

TEST(Routing, BadUrisAreRefused) {
  for (const char* uri :
       {"", "nonsense", "ftp://h/", "ws://", "ws:///p", "ws://h:99999/", "ws%3", "ws%3A%2F%2Fh%00",
        "ws%3A%2F%2Fh%0d%0aX", "ws://h:0/", "ws://a%253a31/"}) {
    EXPECT_EQ(refused(*config(), invite(uri)), EndReason::UriInvalid) << uri;
  }
  EXPECT_EQ(refused(*config(), invite("ws://h/" + std::string(2048, 'a'))), EndReason::UriInvalid);
  EXPECT_EQ(accepted(*config(), invite("ws://h/" + std::string(2041, 'a'))).endpoints.at(0).host,
            "h");
}

TEST(Routing, WithoutAnyUriTheHeaderIsNamed) {
  InviteHeaders headers;
  headers.requestUri = "sip:x@y";
  const auto result = routeCall(*config(), headers);
  const Refusal& fault = result.error();
  EXPECT_EQ(fault.reason, EndReason::UriMissing);
  EXPECT_EQ(fault.header, kUriHeader);
  EXPECT_EQ(accepted(*config("[websocket]\nuri=ws://d/"), headers).endpoints.at(0).uri, "ws://d/");
}

TEST(Routing, CustomHeadersMustBeAnObject) {
  InviteHeaders headers = invite("ws://h/");
  headers.headers = "%7B%22a%22%3A%22b%22%7D";
  EXPECT_EQ(accepted(*config(), headers).headers, "{\"a\":\"b\"}");
  for (const char* bad : {"", "[1]", "\"x\"", "{", "nonsense", "%7B%22a%22"}) {
    headers.headers = bad;
    EXPECT_EQ(refused(*config(), headers), EndReason::HeadersInvalid) << bad;
  }
  headers.headers = "{\"a\":\"" + std::string(9000, 'x') + "\"}";
  EXPECT_EQ(refused(*config(), headers), EndReason::HeadersInvalid);
  headers.headers = "{\"a\":" + std::string(3000, '[') + std::string(3000, ']') + "}";
  EXPECT_EQ(refused(*config(), headers), EndReason::HeadersInvalid);
}

TEST(Routing, CustomHeadersAreStrictJsonAndTheFaultSaysWhere) {
  InviteHeaders headers = invite("ws://h/");
  for (const char* fine : {R"({"n":0.1,"e":1e999})", R"({"z":"x\u0000y"})", " { } "}) {
    headers.headers = fine;
    EXPECT_EQ(accepted(*config(), headers).headers, text::trim(fine));
  }
  for (const char* bad : {R"({"a":"\ud800x"})", "{'a':1}", "{\"a\":0x10}", "{\"a\":$ff}",
                          "{\"a\":1}//", "{\"a\":'\"',\"b\":1}"}) {
    headers.headers = bad;
    const auto result = routeCall(*config(), headers);
    ASSERT_FALSE(result) << bad;
    EXPECT_EQ(result.error().reason, EndReason::HeadersInvalid);
    EXPECT_EQ(result.error().header, kHeadersHeader);
    EXPECT_TRUE(result.error().detail.starts_with("is not JSON at byte ")) << result.error().detail;
  }
  for (const char* bad : {"{\"a\":\"\xFF\"}", "%7B%22a%22%3A%22%00%22%7D"}) {
    headers.headers = bad;
    EXPECT_EQ(refused(*config(), headers), EndReason::HeadersInvalid) << bad;
  }
}

TEST(Routing, ContentTypes) {
  InviteHeaders headers = invite("ws://h/");
  headers.contentType = "Audio%2FL16%3B%20rate%3D8000";
  EXPECT_EQ(accepted(*config(), headers).contentType, "audio/l16;rate=8000");
  for (const char* bad : {"audio/l16", "audio/l16;rate=11025", "audio/pcmu;rate=16000", ""}) {
    headers.contentType = bad;
    EXPECT_EQ(refused(*config(), headers), EndReason::ContentTypeUnsupported) << bad;
  }
  headers.contentType = "audio/l16;rate=8000" + std::string(40, ' ') + "x";
  EXPECT_EQ(refused(*config(), headers), EndReason::ContentTypeUnsupported);
}

TEST(Routing, G711IsForTheDialectsThatKnowIt) {
  InviteHeaders headers = invite("ws://h/");
  headers.dialect = "asterisk";
  for (const char* type : {"Audio%2FPCMU%3Brate%3D8000", "audio/basic", "audio/x-mulaw"}) {
    headers.contentType = type;
    EXPECT_EQ(accepted(*config(), headers).contentType, "audio/pcmu;rate=8000") << type;
  }
  for (const char* type : {"audio/pcma;rate=8000", "audio/x-alaw"}) {
    headers.contentType = type;
    EXPECT_EQ(accepted(*config(), headers).contentType, "audio/pcma;rate=8000") << type;
  }
  headers.dialect = "twilio";
  EXPECT_EQ(refused(*config(), headers), EndReason::ContentTypeUnsupported);
  headers.contentType = "audio/pcmu";
  EXPECT_EQ(accepted(*config(), headers).contentType, "audio/pcmu;rate=8000");
  for (const char* dialect : {"wsbridge", "vonage", "jambonz"}) {
    headers.dialect = dialect;
    EXPECT_EQ(refused(*config(), headers), EndReason::ContentTypeUnsupported) << dialect;
  }
}

TEST(Routing, Dialects) {
  InviteHeaders headers = invite("ws://h/");
  headers.dialect = "Vonage";
  EXPECT_EQ(accepted(*config(), headers).dialect, "vonage");
  headers.dialect = "klingon";
  EXPECT_EQ(refused(*config(), headers), EndReason::DialectUnknown);
}

TEST(Routing, TransferTargets) {
  for (const char* uri : {"sip:a@b", "SIPS:a@b:5061;transport=tls", "tel:+4930123"})
    EXPECT_TRUE(isTransferTarget(uri)) << uri;
  for (const char* uri : {"", "sip:", "http://h", "sip:a@b>", "sip:a b", "sip:a@b\r\nX: y", "a@b"})
    EXPECT_FALSE(isTransferTarget(uri)) << uri;
  EXPECT_FALSE(isTransferTarget("sip:" + std::string(600, 'a')));
}

TEST(Routing, TransfersThatAreAllowed) {
  Config::Sip sip;
  EXPECT_TRUE(mayTransferTo(sip, "sip:a@b"));
  sip.transferAllow = {"*.example.org", "192.0.2.1", "[2001:db8::1]"};
  for (const char* uri :
       {"sip:a@pbx.example.org", "SIPS:a@PBX.Example.org:5061;transport=tls", "sip:192.0.2.1",
        "sip:a@[2001:db8::1]:5060", "sip:a@x.example.org?Subject=y"})
    EXPECT_TRUE(mayTransferTo(sip, uri)) << uri;
  for (const char* uri :
       {"sip:a@example.com", "sip:x.example.org@example.com", "sip:a@example.com;x=.example.org",
        "sip:a@b;y=@x.example.org", "sip:x.example.org:y@b", "sip:a@[2001:db8::2]", "sip:a@[",
        "tel:+4930123"})
    EXPECT_FALSE(mayTransferTo(sip, uri)) << uri;
  sip.transferAllow = {"tel:"};
  EXPECT_TRUE(mayTransferTo(sip, "TEL:+4930123"));
  EXPECT_FALSE(mayTransferTo(sip, "sip:a@b"));
  sip.transferAllow = {"*"};
  EXPECT_TRUE(mayTransferTo(sip, "sip:a@b"));
  sip.transfer = false;
  EXPECT_FALSE(mayTransferTo(sip, "sip:a@b"));
}

// Reckoned with `printf %s URI | openssl dgst -sha1 -hmac TOKEN -binary | base64`.
TEST(Routing, ARouteFillsInOrForces) {
  const ConfigPtr c = config(
      "[route soft]\nmatch=^sip:soft@\nuri=ws://soft/\ncontent-type=audio/l16;rate=8000\n"
      "[route hard]\nmatch=^sip:hard@\nuri=ws://hard/\nforce=true\nheaders={\"r\":1}\n"
      "[route late]\nmatch=.\nuri=ws://late/\n");
  InviteHeaders headers = invite("ws://own/");
  headers.requestUri = "sip:soft@gw";
  EXPECT_EQ(accepted(*c, headers).endpoints.at(0).uri, "ws://own/");
  EXPECT_TRUE(accepted(*c, headers).uriFromInvite);
  EXPECT_EQ(accepted(*c, headers).contentType, "audio/l16;rate=8000");
  EXPECT_EQ(accepted(*c, headers).route, "soft");
  headers.uri.reset();
  EXPECT_EQ(accepted(*c, headers).endpoints.at(0).uri, "ws://soft/");
  EXPECT_FALSE(accepted(*c, headers).uriFromInvite);
  headers = invite("ws://own/");
  headers.requestUri = "sip:hard@gw";
  headers.headers = "broken";
  EXPECT_EQ(accepted(*c, headers).endpoints.at(0).uri, "ws://hard/");
  EXPECT_FALSE(accepted(*c, headers).uriFromInvite);
  EXPECT_EQ(accepted(*c, headers).headers, "{\"r\":1}");
  headers.requestUri = "sip:other@gw";
  headers.uri.reset();
  headers.headers.reset();
  EXPECT_EQ(accepted(*c, headers).route, "late");
}

TEST(Routing, SeveralUrisAreTriedInTheirOrder) {
  const auto uris = [](const std::string& value) {
    std::vector<std::string> list;
    for (const EndpointUri& endpoint : accepted(*config(), invite(value)).endpoints)
      list.push_back(endpoint.uri);
    return list;
  };
  using List = std::vector<std::string>;
  EXPECT_EQ(uris("ws://a/, WSS://b:1/x ,http://c"), (List{"ws://a/", "wss://b:1/x", "ws://c"}));
  EXPECT_EQ(uris("ws%3A%2F%2Fa%2F%2Cws%3A%2F%2Fb%2F"), (List{"ws://a/", "ws://b/"}));
  EXPECT_EQ(uris("ws://a/x,y?q=1,2"), (List{"ws://a/x,y?q=1,2"})) << "commas of the URI itself";
  EXPECT_EQ(uris("ws://a/?q=1,2,ws://b/"), (List{"ws://a/?q=1,2", "ws://b/"}));
  EXPECT_EQ(uris("ws://a/?back=https%253A//c/,wss://b"),
            (List{"ws://a/?back=https%3A//c/", "wss://b"}));
}

TEST(Routing, OneBadUriOfSeveralRefusesTheCall) {
  for (const char* value : {"ws://a/,ws://", "ws://a/,ws://h:0/,ws://b/", "ftp://x/,ws://a/"})
    EXPECT_EQ(refused(*config(), invite(value)), EndReason::UriInvalid) << value;
  std::string nine = "ws://h/";
  for (int i = 0; i < 8; ++i)
    nine += ",ws://h/";
  EXPECT_EQ(refused(*config(), invite(nine)), EndReason::UriInvalid);
}

TEST(Routing, TheAuthorizationOfARouteInheritsWhatItLacks) {
  const auto c = config(
      "[websocket]\nauthorization-type=basic\nusername=general\npassword=p\n"
      "[route own]\nmatch=^sip:own\nusername=own\n"
      "[route fixed]\nmatch=^sip:fixed\nauthorization=Token x\n"
      "[route hard]\nmatch=^sip:hard\nauthorization-type=bearer\nbearer-token=t\nforce=true\n");
  const auto of = [&](const char* requestUri, std::optional<std::string> header = {}) {
    InviteHeaders headers = invite("ws://h/");
    headers.requestUri = requestUri;
    headers.authorization = std::move(header);
    return accepted(*c, headers).authorization;
  };
  EXPECT_EQ(of("sip:any").type, "basic");
  EXPECT_EQ(of("sip:any").username, "general");
  EXPECT_EQ(of("sip:own").username, "own");
  EXPECT_EQ(of("sip:own").password, "p");
  EXPECT_EQ(of("sip:fixed").type, "fixed");
  EXPECT_EQ(of("sip:fixed").value, "Token x");
  EXPECT_EQ(of("sip:own", "Bearer%20z").type, "fixed");
  EXPECT_EQ(of("sip:own", "Bearer%20z").value, "Bearer z");
  EXPECT_EQ(of("sip:own", "Bearer%20z").password, "") << "nothing that is not needed goes along";
  EXPECT_EQ(of("sip:hard", "Bearer%20z").type, "bearer");
}

TEST(Routing, CredentialsGoToUrisOfTheConfiguration) {
  const auto c = config(
      "[websocket]\nuri=ws://general/,wss://second/\nsignature-key=k\n"
      "[route r]\nmatch=^sip:routed@\nuri=ws://routed/\n"
      "[route own]\nmatch=^sip:own@\nbearer-token=t\nauthorization-type=bearer\n");
  InviteHeaders bare;
  bare.requestUri = "sip:x@gateway";
  EXPECT_EQ(credentialScope(accepted(*c, bare).endpoints), "all");
  EXPECT_EQ(withheldCredentials(*c, accepted(*c, bare)), "");
  bare.requestUri = "sip:routed@gateway";
  EXPECT_EQ(credentialScope(accepted(*c, bare).endpoints), "all");
  // Not even where it is the very URI of the configuration: the caller has named it.
  for (const char* uri : {"ws://stranger/", "ws://general/", "ws://general/,wss://second/"}) {
    EXPECT_EQ(credentialScope(accepted(*c, invite(uri)).endpoints), "none") << uri;
    EXPECT_EQ(withheldCredentials(*c, accepted(*c, invite(uri))), "signature-key") << uri;
  }
  InviteHeaders routed = invite("ws://stranger/");
  routed.requestUri = "sip:own@gateway";
  EXPECT_EQ(withheldCredentials(*c, accepted(*c, routed)), "authorization, signature-key");
}

TEST(Routing, CredentialsForNamesHostsOfTheInvite) {
  const auto c = config(
      "[websocket]\nsignature-key=k\n"
      "credentials-for=Bot.example;*.trusted.example,192.0.2.7;[2001:db8::1]\n");
  const auto scope = [&](const char* uri) {
    return credentialScope(accepted(*c, invite(uri)).endpoints);
  };
  for (const char* uri :
       {"ws://bot.example/", "wss://BOT.example.:9/x?y", "ws://a.trusted.example/",
        "ws://192.0.2.7/", "ws://[2001:db8::1]:80/", "ws://other.example@bot.example/"})
    EXPECT_EQ(scope(uri), "all") << uri;
  for (const char* uri :
       {"ws://bot.example.evil/", "ws://evilbot.example/", "ws://trusted.example/",
        "ws://bot.example@evil/", "ws://evil/?bot.example", "ws://evil/#@bot.example",
        "ws://evil%2f.trusted.example/", "ws://evil%23.trusted.example/", "ws://192.0.2.70/"})
    EXPECT_NE(scope(uri), "all") << uri;
  EXPECT_EQ(scope("ws://evil/,ws://bot.example/,ws://x.trusted.example/"), "1,2");
}

TEST(Routing, TheAuthorizationOfAnInviteIsItsOwn) {
  const auto c = config("[websocket]\nuri=ws://general/\nauthorization=secret\n");
  InviteHeaders headers = invite("ws://stranger/");
  headers.authorization = "mine";
  EXPECT_TRUE(accepted(*c, headers).ownAuthorization);
  EXPECT_EQ(withheldCredentials(*c, accepted(*c, headers)), "");
  headers.uri.reset();
  const BridgeRequest request = accepted(*c, headers);
  EXPECT_EQ(request.authorization.value, "mine") << "the caller's wish, at the operator's endpoint";
  EXPECT_EQ(request.endpoints.at(0).uri, "ws://general/");
}

TEST(Routing, AForcedRouteHasNoOtherSpelling) {
  const auto c = config(
      "[route support]\nmatch=^sip:support@gateway\nuri=ws://forced/\nforce=true\n"
      "[route number]\nmatch=^sip:\\\\+4930@\nuri=ws://forced/\nforce=true\n"
      "[route all]\nmatch=^sip:.*@gateway\nuri=ws://rest/\nforce=true\n");
  const auto of = [&](const std::string& requestUri) {
    InviteHeaders headers = invite("ws://own/");
    headers.requestUri = requestUri;
    return accepted(*c, headers).endpoints.at(0).host;
  };
  for (const char* uri :
       {"sip:support@gateway", "SIP:support@gateway", "sips:support@gateway:5061;transport=tls",
        "sip:support@GATEWAY", "sip:%73upport@gateway", "SiPs:suppor%74@%47ateway", "tel:+4930",
        "sip:support:@gateway", "sips:support:x@gateway", "tel:+49-30",
        "TEL:+49.(30);phone-context=x", "sip:%2b4930@anywhere"})
    EXPECT_EQ(of(uri), "forced") << uri;
  for (const char* uri : {"sip:gateway", "sips:GATEWAY", "sip:Support@gateway", "sip:@gateway"})
    EXPECT_EQ(of(uri), "rest") << uri;
  EXPECT_EQ(of("sip:support@elsewhere"), "own");
}

TEST(Routing, ARequestUriIsAtMost1023BytesLong) {
  const auto c = config("[route r]\nmatch=^sip:x\nuri=ws://forced/\nforce=true\n");
  InviteHeaders headers = invite("ws://own/");
  headers.requestUri = "sip:" + std::string(1023 - 6, 'x') + "@h";
  EXPECT_EQ(accepted(*c, headers).endpoints.at(0).host, "forced");
  headers.requestUri = "sip:" + std::string(1024 - 6, 'x') + "@h";
  EXPECT_EQ(refused(*c, headers), EndReason::RequestUriTooLong);
  EXPECT_EQ(refused(*config(), headers), EndReason::RequestUriTooLong) << "without routes too";
}

TEST(Routing, AnExpressionThatTakesTooLongRefusesTheCall) {
  const auto c = config(
      "[route slow]\nmatch=^sip:(a|aa|a?)+(b|bb)+c@\nuri=ws://forced/\nforce=true\n"
      "[route next]\nmatch=^sip:\nuri=ws://next/\n");
  InviteHeaders headers = invite("ws://own/");
  headers.requestUri = "sip:aaaabc@h";
  EXPECT_EQ(accepted(*c, headers).route, "slow");
  headers.requestUri = "sip:bot@h";
  EXPECT_EQ(accepted(*c, headers).route, "next");
  headers.requestUri = "sip:" + std::string(900, 'a') + "@h";
  EXPECT_EQ(refused(*c, headers), EndReason::RouteFailed);
}

}  // namespace launcher
