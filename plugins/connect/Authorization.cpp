// SPDX-License-Identifier: LGPL-2.1-or-later
#include "connect/Authorization.hpp"

#include "connect/Endpoint.hpp"
#include "connect/Http.hpp"

namespace wsbridge {

common::Result<std::shared_ptr<const Authorization>> Authorization::make(
    const AuthorizationSettings& settings) {
  const std::shared_ptr<Authorization> made(new Authorization());
  switch (settings.type) {
    case AuthorizationType::Fixed:
      made->fixed_ = settings.value;
      break;
    case AuthorizationType::Basic:
      if (settings.username.empty())
        return common::Failure{"username is not set: authorization-type basic needs it"};
      if (settings.username.find(':') != std::string::npos)
        return common::Failure{"username has a colon, which Basic authorization cannot carry"};
      made->fixed_ = basicAuthorization(settings.username, settings.password);
      break;
    case AuthorizationType::Bearer:
      if (settings.bearer_token.empty())
        return common::Failure{"bearer-token is not set: authorization-type bearer needs it"};
      made->fixed_ = "Bearer " + settings.bearer_token;
      break;
    case AuthorizationType::Jwt: {
      auto signer = JwtSigner::make(settings.jwt);
      if (!signer) return common::Failure{signer.error()};
      made->jwt_ = *signer;
      break;
    }
  }
  if (auto fault = faultInHeader("Authorization", made->fixed_))
    return common::Failure{*std::move(fault)};
  return made;
}

std::optional<std::string> Authorization::header(int64_t now_s) const {
  if (!jwt_) return fixed_;
  const auto token = jwt_->token(now_s);
  return token ? std::optional("Bearer " + *token) : std::nullopt;
}

}  // namespace wsbridge
