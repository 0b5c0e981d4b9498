// SPDX-License-Identifier: LGPL-2.1-or-later
//
// JSON Web Tokens (RFC 7519) that a key of ours signs (RFC 7515: HS256, RS256). The key is read
// once; token() may be called from any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "common/Result.hpp"

struct gnutls_privkey_st;

namespace wsbridge {

enum class JwtAlgorithm { Rs256, Hs256 };

struct JwtSettings {
  std::string key_file;  // RS256: PEM; HS256: the secret, byte for byte
  JwtAlgorithm algorithm = JwtAlgorithm::Rs256;
  std::string claims;         // JSON object
  unsigned lifetime_s = 300;  // from iat to exp
  bool operator==(const JwtSettings&) const = default;
};

class JwtSigner {
 public:
  /// The fault names the setting.
  static common::Result<std::shared_ptr<const JwtSigner>> make(const JwtSettings& settings);
  JwtSigner(const JwtSigner&) = delete;
  JwtSigner& operator=(const JwtSigner&) = delete;

  /// A fresh token: iat, exp and a jti of its own are added to the claims. Nothing: the key cannot
  /// sign.
  [[nodiscard]] std::optional<std::string> token(int64_t now_s) const;
  /// That takes milliseconds: RSA with 2048 bits one, with 4096 bits six and more.
  [[nodiscard]] bool takesLong() const { return private_key_ != nullptr; }

 private:
  struct KeyFree {
    void operator()(gnutls_privkey_st* key) const;
  };

  JwtSigner() = default;
  [[nodiscard]] std::optional<std::string> signature(const std::string& text) const;

  JwtAlgorithm algorithm_ = JwtAlgorithm::Rs256;
  std::unique_ptr<gnutls_privkey_st, KeyFree> private_key_;
  std::string secret_;
  std::string claims_;  // members of the object, as text
  unsigned lifetime_s_ = 0;
};

}  // namespace wsbridge
