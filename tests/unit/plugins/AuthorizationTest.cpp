// SPDX-License-Identifier: LGPL-2.1-or-later
//
// What is signed here is verified by the openssl command, which shares no code with it.
#include <fstream>
#include <set>

#include <gtest/gtest.h>
#include <json-glib/json-glib.h>

#include "TempDir.hpp"
#include "connect/Authorization.hpp"

namespace wsbridge {
namespace {

using testsupport::TempDir;

std::string written(const TempDir& dir, const std::string& name, const std::string& contents) {
  const std::string path = dir.path() + "/" + name;
  std::ofstream(path, std::ios::binary) << contents;
  return path;
}

bool openssl(const std::string& arguments) {
  const std::string line = "openssl " + arguments;
  g_autoptr(GError) error = nullptr;
  int status = -1;
  g_autofree char* out = nullptr;
  g_autofree char* err = nullptr;
  const bool ran = g_spawn_command_line_sync(line.c_str(), &out, &err, &status, &error) != FALSE;
  return ran && status == 0;
}

std::string fromBase64Url(std::string text) {
  for (char& c : text)
    c = c == '-' ? '+' : c == '_' ? '/' : c;
  text.append((4 - text.size() % 4) % 4, '=');
  gsize size = 0;
  g_autofree guchar* bytes = g_base64_decode(text.c_str(), &size);
  return {reinterpret_cast<char*>(bytes), size};
}

struct Token {
  std::string signed_part;
  std::string header;
  std::string claims;
  std::string signature;
};

Token split(const std::string& header) {
  EXPECT_EQ(header.substr(0, 7), "Bearer ");
  const std::string token = header.substr(7);
  const size_t first = token.find('.');
  const size_t second = token.rfind('.');
  EXPECT_EQ(token.find_first_of("+/="), std::string::npos) << "base64url without padding";
  return {token.substr(0, second), fromBase64Url(token.substr(0, first)),
          fromBase64Url(token.substr(first + 1, second - first - 1)),
          fromBase64Url(token.substr(second + 1))};
}

std::string headerOf(const AuthorizationSettings& settings, int64_t now_s = 1000) {
  const auto made = Authorization::make(settings);
  if (!made) {
    ADD_FAILURE() << made.error();
    return {};
  }
  return (*made)->header(now_s).value();
}

std::string faultOf(const AuthorizationSettings& settings) {
  const auto made = Authorization::make(settings);
  return made ? "" : made.error();
}

AuthorizationSettings jwt(const std::string& key_file, JwtAlgorithm algorithm,
                          const std::string& claims = R"({"iss":"me","aud":["a","b"]})") {
  return {AuthorizationType::Jwt, "", "", "", "", {key_file, algorithm, claims, 60}};
}

TEST(Authorization, FixedBasicAndBearer) {
  EXPECT_EQ(headerOf({}), "");
  EXPECT_EQ(headerOf({AuthorizationType::Fixed, "Token x", "user"}), "Token x");
  EXPECT_EQ(headerOf({AuthorizationType::Basic, "unused", "Aladdin", "open sesame"}),
            "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
  EXPECT_EQ(headerOf({AuthorizationType::Bearer, "unused", "", "", "abc.def"}), "Bearer abc.def");
}

TEST(Authorization, FaultsNameTheSettingAndNotTheSecret) {
  const auto expect = [](const AuthorizationSettings& settings, const char* word) {
    const std::string fault = faultOf(settings);
    EXPECT_NE(fault.find(word), std::string::npos) << fault;
    EXPECT_EQ(fault.find("s3cret"), std::string::npos) << fault;
  };
  expect({AuthorizationType::Basic, "", "", "s3cret"}, "username");
  expect({AuthorizationType::Basic, "", "a:b", "s3cret"}, "username");
  expect({AuthorizationType::Bearer}, "bearer-token");
  expect({AuthorizationType::Bearer, "", "", "", "s3cret\r\nX: y"}, "control character");
  expect({AuthorizationType::Fixed, "s3cret\n"}, "control character");
  expect({AuthorizationType::Jwt}, "jwt-key-file");
}

TEST(Jwt, Hs256) {
  const TempDir dir("wsbridge-jwt");
  const std::string key = written(dir, "secret", std::string("s3cret\0\xff", 8));
  const Token token = split(headerOf(jwt(key, JwtAlgorithm::Hs256)));
  EXPECT_EQ(token.header, R"({"alg":"HS256","typ":"JWT"})");
  const std::string text = written(dir, "text", token.signed_part);
  ASSERT_TRUE(openssl("dgst -sha256 -mac HMAC -macopt hexkey:73336372657400ff -binary -out " +
                      dir.path() + "/mac " + text));
  std::ifstream mac(dir.path() + "/mac", std::ios::binary);
  const std::string expected((std::istreambuf_iterator<char>(mac)), {});
  EXPECT_EQ(token.signature, expected);
}

TEST(Jwt, Rs256) {
  const TempDir dir("wsbridge-jwt");
  for (const char* form : {"", " -traditional"}) {
    const std::string key = dir.path() + "/key.pem";
    const std::string pub = dir.path() + "/pub.pem";
    ASSERT_TRUE(openssl("genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out " + key));
    ASSERT_TRUE(openssl(std::string("rsa") + form + " -in " + key + " -out " + key));
    ASSERT_TRUE(openssl("rsa -in " + key + " -pubout -out " + pub));
    const Token token = split(headerOf(jwt(key, JwtAlgorithm::Rs256)));
    EXPECT_EQ(token.header, R"({"alg":"RS256","typ":"JWT"})");
    const std::string text = written(dir, "text", token.signed_part);
    const std::string signature = written(dir, "signature", token.signature);
    EXPECT_TRUE(openssl("dgst -sha256 -verify " + pub + " -signature " + signature + " " + text));
    const std::string other = written(dir, "other", token.signed_part + "x");
    EXPECT_FALSE(openssl("dgst -sha256 -verify " + pub + " -signature " + signature + " " + other));
  }
}

TEST(Jwt, ClaimsAreThoseGivenAndOurs) {
  const TempDir dir("wsbridge-jwt");
  const std::string key = written(dir, "secret", "0123456789abcdef");
  const auto made = Authorization::make(jwt(key, JwtAlgorithm::Hs256));
  ASSERT_TRUE(made);
  const auto& authorization = *made;
  std::set<std::string> ids;
  for (int64_t now_s = 1'700'000'000; now_s < 1'700'000'003; ++now_s) {
    const Token token = split(authorization->header(now_s).value());
    g_autoptr(JsonParser) parser = json_parser_new();
    ASSERT_TRUE(json_parser_load_from_data(parser, token.claims.c_str(), -1, nullptr))
        << token.claims;
    JsonObject* claims = json_node_get_object(json_parser_get_root(parser));
    EXPECT_STREQ(json_object_get_string_member(claims, "iss"), "me");
    EXPECT_EQ(json_array_get_length(json_object_get_array_member(claims, "aud")), 2U);
    EXPECT_EQ(json_object_get_int_member(claims, "iat"), now_s);
    EXPECT_EQ(json_object_get_int_member(claims, "exp"), now_s + 60);
    ids.insert(json_object_get_string_member(claims, "jti"));
  }
  EXPECT_EQ(ids.size(), 3U) << "each token has an id of its own";
  EXPECT_EQ(split(headerOf(jwt(key, JwtAlgorithm::Hs256, ""))).claims.substr(0, 12),
            R"({"iat":1000,)");
}

TEST(Jwt, ClaimsAreSignedAsTheyWereWritten) {
  const TempDir dir("wsbridge-jwt");
  const std::string key = written(dir, "secret", "0123456789abcdef");
  const std::string claims =
      headerOf(jwt(key, JwtAlgorithm::Hs256,
                   R"({ "n" : 0.1, "l":12345678901234567890123,"iss":"a","iss":"\u00fc" })"));
  EXPECT_TRUE(split(claims).claims.starts_with(
      R"({"n":0.1,"l":12345678901234567890123,"iss":"\u00fc","iat":1000,)"))
      << split(claims).claims;
}

TEST(Jwt, FaultsOfKeyAndClaims) {
  const TempDir dir("wsbridge-jwt");
  const std::string secret = written(dir, "secret", "s3cret");
  const std::string small = dir.path() + "/small.pem";
  const std::string curve = dir.path() + "/curve.pem";
  ASSERT_TRUE(openssl("genrsa -out " + small + " 1024"));
  ASSERT_TRUE(openssl("ecparam -name prime256v1 -genkey -noout -out " + curve));
  const std::pair<AuthorizationSettings, const char*> faults[] = {
      {jwt("/nonexistent", JwtAlgorithm::Rs256), "jwt-key-file cannot be read"},
      {jwt(secret, JwtAlgorithm::Rs256), "no private key in PEM"},
      {jwt(small, JwtAlgorithm::Rs256), "2048"},
      {jwt(curve, JwtAlgorithm::Rs256), "not an RSA key"},
      {jwt(small, JwtAlgorithm::Hs256), "jwt-algorithm"},
      {jwt(written(dir, "empty", ""), JwtAlgorithm::Hs256), "empty"},
      {jwt(secret, JwtAlgorithm::Hs256, "nonsense"), "jwt-claims"},
      {jwt(secret, JwtAlgorithm::Hs256, "[1]"), "jwt-claims"},
      {jwt(secret, JwtAlgorithm::Hs256, R"({"exp":1})"), "jwt-claims sets exp"},
      {jwt(secret, JwtAlgorithm::Hs256, R"({"\u0065xp":1})"), "jwt-claims sets exp"},
      {jwt(secret, JwtAlgorithm::Hs256, R"({"jti\u0000":1})"), "jwt-claims sets jti"},
      {jwt(secret, JwtAlgorithm::Hs256, "{'iss':1}"), "jwt-claims is not JSON at byte 2"},
  };
  for (const auto& [settings, word] : faults)
    EXPECT_NE(faultOf(settings).find(word), std::string::npos) << faultOf(settings);
}

}  // namespace
}  // namespace wsbridge
