// SPDX-License-Identifier: LGPL-2.1-or-later
#include "connect/Jwt.hpp"

#include <algorithm>
#include <optional>

#include <gnutls/abstract.h>

#include <glib.h>

#include "common/json/Json.hpp"
#include "common/json/JsonWriter.hpp"
#include "connect/Encoding.hpp"

namespace wsbridge {

namespace {

constexpr unsigned kMinRsaBits = 2048;  // RFC 7518 section 3.3
constexpr size_t kMaxClaimsBytes = 8192;

/// Of RFC 7515 section 2.
std::string base64Url(std::span<const uint8_t> bytes) {
  std::string text = base64(bytes);
  std::replace(text.begin(), text.end(), '+', '-');
  std::replace(text.begin(), text.end(), '/', '_');
  text.erase(std::find(text.begin(), text.end(), '='), text.end());
  return text;
}

/// The members of the object as text, or what is wrong with it.
std::optional<std::string> readClaims(const std::string& claims, std::string& members) {
  if (claims.empty()) return std::nullopt;
  const auto result = common::Json::readObject(claims, kMaxClaimsBytes);
  if (const auto* fault = std::get_if<common::JsonFault>(&result))
    return "jwt-claims is " + fault->text;
  common::JsonWriter ours;
  for (const common::JsonMember& member : std::get<common::Json>(result).root().members()) {
    for (const char* made : {"iat", "exp", "jti"}) {
      if (member.isNamed(made))
        return std::string("jwt-claims sets ") + made + ", which is made for each connection";
    }
    ours.add(member);
  }
  const std::string object = ours.text();
  members = object.substr(1, object.size() - 2);
  return std::nullopt;
}

/// The key, or null and what is wrong with it.
gnutls_privkey_t readRsaKey(const std::string& pem, std::string& fault) {
  gnutls_privkey_t key = nullptr;
  gnutls_privkey_init(&key);
  const gnutls_datum_t data{reinterpret_cast<unsigned char*>(const_cast<char*>(pem.data())),
                            static_cast<unsigned>(pem.size())};
  unsigned bits = 0;
  if (const int result =
          gnutls_privkey_import_x509_raw(key, &data, GNUTLS_X509_FMT_PEM, nullptr, 0);
      result < 0) {
    fault = std::string("is no private key in PEM without a password (") + gnutls_strerror(result) +
            ")";
  } else if (gnutls_privkey_get_pk_algorithm(key, &bits) != GNUTLS_PK_RSA) {
    fault = "is not an RSA key, which RS256 needs";
  } else if (bits < kMinRsaBits) {
    fault = "is an RSA key of fewer than 2048 bits, which RS256 forbids";
  } else {
    return key;
  }
  gnutls_privkey_deinit(key);
  return nullptr;
}

}  // namespace

void JwtSigner::KeyFree::operator()(gnutls_privkey_st* key) const {
  gnutls_privkey_deinit(key);
}

common::Result<std::shared_ptr<const JwtSigner>> JwtSigner::make(const JwtSettings& settings) {
  if (settings.key_file.empty())
    return common::Failure{"jwt-key-file is not set: authorization-type jwt needs it"};
  g_autofree char* contents = nullptr;
  gsize size = 0;
  g_autoptr(GError) error = nullptr;
  if (g_file_get_contents(settings.key_file.c_str(), &contents, &size, &error) == FALSE)
    return common::Failure{std::string("jwt-key-file cannot be read: ") + error->message};
  std::string key(contents, size);
  const std::shared_ptr<JwtSigner> signer(new JwtSigner());
  signer->algorithm_ = settings.algorithm;
  signer->lifetime_s_ = settings.lifetime_s;
  if (auto fault = readClaims(settings.claims, signer->claims_))
    return common::Failure{*std::move(fault)};
  if (settings.algorithm == JwtAlgorithm::Rs256) {
    std::string fault;
    signer->private_key_.reset(readRsaKey(key, fault));
    if (!fault.empty()) return common::Failure{"jwt-key-file " + fault};
  } else if (key.empty()) {
    return common::Failure{"jwt-key-file is empty"};
  } else if (key.starts_with("-----BEGIN")) {
    return common::Failure{
        "jwt-key-file is a PEM key: set jwt-algorithm to RS256, HS256 takes a secret"};
  } else {
    signer->secret_ = std::move(key);
  }
  return signer;
}

std::optional<std::string> JwtSigner::token(int64_t now_s) const {
  const char* header = algorithm_ == JwtAlgorithm::Rs256 ? R"({"alg":"RS256","typ":"JWT"})"
                                                         : R"({"alg":"HS256","typ":"JWT"})";
  g_autofree char* id = g_uuid_string_random();
  const std::string claims =
      "{" + claims_ + (claims_.empty() ? "" : ",") + "\"iat\":" + std::to_string(now_s) +
      ",\"exp\":" + std::to_string(now_s + lifetime_s_) + ",\"jti\":\"" + id + "\"}";
  const std::string text = base64Url(bytesOf(header)) + "." + base64Url(bytesOf(claims));
  const auto made = signature(text);
  return made ? std::optional(text + "." + *made) : std::nullopt;
}

std::optional<std::string> JwtSigner::signature(const std::string& text) const {
  if (algorithm_ == JwtAlgorithm::Hs256) return base64Url(hmac(G_CHECKSUM_SHA256, secret_, text));
  const gnutls_datum_t data{reinterpret_cast<unsigned char*>(const_cast<char*>(text.data())),
                            static_cast<unsigned>(text.size())};
  gnutls_datum_t made{};
  if (gnutls_privkey_sign_data2(private_key_.get(), GNUTLS_SIGN_RSA_SHA256, 0, &data, &made) < 0)
    return std::nullopt;
  std::string encoded = base64Url({made.data, made.size});
  gnutls_free(made.data);
  return encoded;
}

}  // namespace wsbridge
