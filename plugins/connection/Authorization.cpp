// SPDX-License-Identifier: LGPL-2.1-or-later
#include "connection/Authorization.hpp"

#include <glib.h>

#include "connection/Endpoint.hpp"

namespace wsbridge {

namespace {

std::string basic(const std::string& username, const std::string& password) {
  const std::string pair = username + ":" + password;
  g_autofree char* encoded =
      g_base64_encode(reinterpret_cast<const guchar*>(pair.data()), pair.size());
  return std::string("Basic ") + encoded;
}

}  // namespace

std::variant<std::shared_ptr<const Authorization>, std::string> Authorization::make(
    const AuthorizationSettings& settings) {
  const std::shared_ptr<Authorization> made(new Authorization());
  switch (settings.type) {
    case AuthorizationType::Fixed:
      made->fixed_ = settings.value;
      break;
    case AuthorizationType::Basic:
      if (settings.username.empty())
        return std::string("username is not set: authorization-type basic needs it");
      if (settings.username.find(':') != std::string::npos)
        return std::string("username has a colon, which Basic authorization cannot carry");
      made->fixed_ = basic(settings.username, settings.password);
      break;
    case AuthorizationType::Bearer:
      if (settings.bearer_token.empty())
        return std::string("bearer-token is not set: authorization-type bearer needs it");
      made->fixed_ = "Bearer " + settings.bearer_token;
      break;
    case AuthorizationType::Jwt: {
      auto signer = JwtSigner::make(settings.jwt);
      if (auto* fault = std::get_if<std::string>(&signer)) return std::move(*fault);
      made->jwt_ = std::get<std::shared_ptr<const JwtSigner>>(std::move(signer));
      break;
    }
  }
  if (auto fault = faultInHeader("Authorization", made->fixed_)) return *fault;
  return made;
}

std::string Authorization::header(int64_t now_s) const {
  return jwt_ ? "Bearer " + jwt_->token(now_s) : fixed_;
}

}  // namespace wsbridge
