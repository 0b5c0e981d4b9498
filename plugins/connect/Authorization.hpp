// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Authorization: the value of the handshake's Authorization header: fixed, Basic (RFC 7617), Bearer
// (RFC 6750), or a JWT that is signed anew for each connection. Checked once; header() may be
// called from any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "common/Result.hpp"
#include "connect/Jwt.hpp"

namespace wsbridge {

enum class AuthorizationType { Fixed, Basic, Bearer, Jwt };

struct AuthorizationSettings {
  AuthorizationType type = AuthorizationType::Fixed;
  std::string value;  // Fixed
  std::string username;
  std::string password;
  std::string bearer_token;
  JwtSettings jwt;
  bool operator==(const AuthorizationSettings&) const = default;
};

class Authorization {
 public:
  /// The fault names the setting and never what is in it.
  static common::Result<std::shared_ptr<const Authorization>> make(
      const AuthorizationSettings& settings);
  Authorization(const Authorization&) = delete;
  Authorization& operator=(const Authorization&) = delete;

  /// For one attempt; an empty text sends no header. Nothing: the key cannot sign.
  [[nodiscard]] std::optional<std::string> header(int64_t now_s) const;
  /// Not for a thread that others wait for.
  [[nodiscard]] bool takesLong() const { return jwt_ && jwt_->takesLong(); }

 private:
  Authorization() = default;

  std::string fixed_;
  std::shared_ptr<const JwtSigner> jwt_;
};

}  // namespace wsbridge
