// SPDX-License-Identifier: LGPL-2.1-or-later
#include "config/AuthorizationKeys.hpp"

#include <algorithm>
#include <cerrno>
#include <memory>
#include <variant>
#include <vector>

#include <gnutls/abstract.h>

#include <glib.h>

#include "base/GPtr.hpp"
#include "base/Text.hpp"
#include "common/json/Json.hpp"

namespace launcher {

namespace {

using Texts = std::string AuthorizationConfig::*;

constexpr int kMaxLifetime = 86400;
constexpr std::size_t kMaxClaims = 8192;
constexpr unsigned kMinRsaBits = 2048;  // RFC 7518 section 3.3

AuthorizationKey header(const char* name, const char* help, Texts field) {
  return {name,
          "text",
          "",
          help,
          true,
          [field](AuthorizationConfig& target, const std::string& value) -> std::string {
            if (value.find_first_of("\r\n") != std::string::npos) return "has a line end in it";
            target.*field = value;
            return {};
          }};
}

AuthorizationKey word(const char* name, std::vector<std::string> words, const char* help,
                      Texts field) {
  std::string type;
  for (const std::string& known : words)
    type += (type.empty() ? "" : ", ") + known;
  return {name,
          "one of " + type,
          words.front(),
          help,
          false,
          [words, type, field](AuthorizationConfig& target, const std::string& value) {
            if (std::find(words.begin(), words.end(), value) == words.end())
              return "is none of " + type;  // it may be the secret itself
            target.*field = value;
            return std::string();
          }};
}

std::string applyUsername(AuthorizationConfig& target, const std::string& value) {
  if (value.find(':') != std::string::npos) return "has a colon, which Basic cannot carry";
  target.username = value;
  return {};
}

std::string applyClaims(AuthorizationConfig& target, const std::string& value) {
  target.jwtClaims = value;
  if (value.empty()) return {};
  const auto result = wsbridge::common::Json::readObject(value, kMaxClaims);
  if (const auto* fault = std::get_if<wsbridge::common::JsonFault>(&result))
    return "is " + fault->text;
  for (const auto& claim : std::get<wsbridge::common::Json>(result).root().members()) {
    for (const char* ours : {"iat", "exp", "jti"}) {
      if (claim.isNamed(ours))
        return std::string("sets ") + ours + ", which is made for each connection";
    }
  }
  return {};
}

std::string applyLifetime(AuthorizationConfig& target, const std::string& value) {
  const auto seconds = text::parseInteger(value);
  if (!seconds) return std::string("is not a whole number");
  if (*seconds < 1 || *seconds > kMaxLifetime) return "is outside 1–86400";
  target.jwtLifetime = static_cast<int>(*seconds);
  return {};
}

std::string rsaFault(const std::string& pem) {
  gnutls_privkey_t key = nullptr;
  gnutls_privkey_init(&key);
  const std::unique_ptr<gnutls_privkey_st, decltype(&gnutls_privkey_deinit)> owned(
      key, gnutls_privkey_deinit);
  const gnutls_datum_t data{reinterpret_cast<unsigned char*>(const_cast<char*>(pem.data())),
                            static_cast<unsigned>(pem.size())};
  if (gnutls_privkey_import_x509_raw(key, &data, GNUTLS_X509_FMT_PEM, nullptr, 0) < 0)
    return "is no private key in PEM without a password";
  unsigned bits = 0;
  if (gnutls_privkey_get_pk_algorithm(key, &bits) != GNUTLS_PK_RSA)
    return "is not an RSA key, which RS256 needs";
  return bits < kMinRsaBits ? "is an RSA key of fewer than 2048 bits, which RS256 forbids" : "";
}

std::string keyFault(const AuthorizationConfig& authorization) {
  const std::string& path = authorization.jwtKeyFile;
  if (path.empty()) return "jwt-key-file is not set: authorization-type jwt needs it";
  char* contents = nullptr;
  gsize size = 0;
  GError* error = nullptr;
  if (!g_file_get_contents(path.c_str(), &contents, &size, &error)) {
    const ErrorPtr owned(error);
    return "jwt-key-file '" + path + "' cannot be read: " + g_strerror(errno);
  }
  const CharPtr owned(contents);
  const std::string key(contents, size);
  std::string fault;
  if (authorization.jwtAlgorithm != "HS256") {
    fault = rsaFault(key);
  } else if (key.empty()) {
    fault = "is empty";
  } else if (key.starts_with("-----BEGIN")) {
    fault = "is a PEM key: set jwt-algorithm to RS256, HS256 takes a secret";
  }
  return fault.empty() ? fault : "jwt-key-file '" + path + "' " + fault;
}

}  // namespace

std::span<const AuthorizationKey> authorizationKeys() {
  using A = AuthorizationConfig;
  static const std::vector<AuthorizationKey> keys = {
      header("authorization", "value of the Authorization header of the handshake; never logged",
             &A::value),
      word("authorization-type", {"fixed", "basic", "bearer", "jwt"},
           "what that header is made of: the value of authorization, username and password, "
           "bearer-token, or a token signed for each connection",
           &A::type),
      {"username", "text", "", "of authorization-type basic", false, applyUsername},
      header("password", "of authorization-type basic; never logged", &A::password),
      header("bearer-token", "of authorization-type bearer; never logged", &A::bearerToken),
      {"jwt-key-file", "path", "",
       "what signs the token: for RS256 a private key in PEM, for HS256 a file with the secret",
       false,
       [](A& target, const std::string& value) {
         target.jwtKeyFile = value;
         return std::string();
       }},
      word("jwt-algorithm", {"RS256", "HS256"}, "what the token is signed with", &A::jwtAlgorithm),
      {"jwt-claims", "JSON object, at most 8 KiB", "",
       "claims of the token, such as iss, aud and sub; iat, exp and jti are added", false,
       applyClaims, true},
      {"jwt-lifetime", "number, s, 1–86400", "300", "from the token's iat to its exp", false,
       applyLifetime},
  };
  return keys;
}

AuthorizationConfig inherited(const AuthorizationConfig& route,
                              const AuthorizationConfig& general) {
  using A = AuthorizationConfig;
  AuthorizationConfig result = general;
  for (const Texts field : {&A::type, &A::value, &A::username, &A::password, &A::bearerToken,
                            &A::jwtKeyFile, &A::jwtAlgorithm, &A::jwtClaims}) {
    if (!(route.*field).empty()) result.*field = route.*field;
  }
  if (route.jwtLifetime != 0) result.jwtLifetime = route.jwtLifetime;
  if (route.type.empty() && !route.value.empty()) result.type = "fixed";
  return result;
}

std::string authorizationFault(const AuthorizationConfig& authorization) {
  if (authorization.type == "basic" && authorization.username.empty())
    return "username is not set: authorization-type basic needs it";
  if (authorization.type == "bearer" && authorization.bearerToken.empty())
    return "bearer-token is not set: authorization-type bearer needs it";
  return authorization.type == "jwt" ? keyFault(authorization) : std::string();
}

}  // namespace launcher
