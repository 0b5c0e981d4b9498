// SPDX-License-Identifier: LGPL-2.1-or-later
#include "routing/Routing.hpp"

#include <algorithm>
#include <array>

#include <glib.h>

#include "base/GPtr.hpp"
#include "base/Text.hpp"
#include "common/ContentType.hpp"
#include "common/CustomHeaders.hpp"
#include "common/DialectInfo.hpp"
#include "config/AuthorizationKeys.hpp"
#include "routing/CredentialScope.hpp"
#include "sip/stack/RequestUri.hpp"

namespace launcher {

using wsbridge::common::ContentType;
namespace {

constexpr const char* kRequestUri = "Request-URI";

Failure<Refusal> faultOf(EndReason reason, const char* header, std::string text) {
  return {{reason, std::move(text), header}};
}

/// The first route that fits, null when none does. One that could not be tried refuses the call: it
/// might be the one that is forced.
Result<const Route*, Refusal> findRoute(const Config& config, const std::string& requestUri) {
  if (requestUri.size() > kMaxRequestUri) {
    return faultOf(EndReason::RequestUriTooLong, kRequestUri,
                   "is longer than " + std::to_string(kMaxRequestUri) + " bytes");
  }
  if (config.routes.empty()) return nullptr;
  const std::vector<std::string> forms = requestUriForms(requestUri);
  for (const Route& route : config.routes) {
    for (const std::string& form : forms) {
      GError* error = nullptr;
      if (g_regex_match_full(route.regex.get(), form.c_str(), -1, 0,
                             static_cast<GRegexMatchFlags>(0), nullptr, &error)) {
        return &route;
      }
      const ErrorPtr owned(error);
      if (!error) continue;
      return faultOf(EndReason::RouteFailed, kRequestUri,
                     "cannot be matched against route " + route.name);
    }
  }
  return nullptr;
}

/// The value that counts: header, route and default weighed against each other. A header counts as
/// given even when it is empty, so that a broken one is told to the caller and not papered over.
struct Chosen {
  std::string value;
  bool fromHeader = false;
};

Chosen choose(const std::optional<std::string>& header, const Route* route,
              std::string Route::*field, const std::string& fallback) {
  const std::string routed = route ? route->*field : std::string();
  if (route && route->force && !routed.empty()) return {routed, false};
  if (header) return {*header, true};
  return {routed.empty() ? fallback : routed, false};
}

/// Quotes may stand inside the encoding or around it.
std::optional<std::string> decode(const std::string& raw) {
  const auto decoded = text::percentDecode(text::stripQuotes(text::trim(raw)));
  if (!decoded) return std::nullopt;
  return text::stripQuotes(text::trim(*decoded));
}

}  // namespace

bool isTransferTarget(const std::string& uri) {
  constexpr std::size_t kMaxTarget = 512;
  const std::string lower = text::lower(uri);
  const bool known =
      lower.starts_with("sip:") || lower.starts_with("sips:") || lower.starts_with("tel:");
  if (!known || uri.size() > kMaxTarget || uri.size() == uri.find(':') + 1) return false;
  return std::all_of(uri.begin(), uri.end(), [](char c) {
    return g_ascii_isgraph(c) && c != '<' && c != '>' && c != '"' && c != '\\';
  });
}

bool mayTransferTo(const Config::Sip& sip, const std::string& uri) {
  if (!sip.transfer) return false;
  if (sip.transferAllow.empty()) return true;
  const std::string target = text::lower(uri);
  const auto allows = [&sip](const auto& test) {
    return std::any_of(sip.transferAllow.begin(), sip.transferAllow.end(), test);
  };
  if (target.starts_with("tel:"))
    return allows([](const std::string& pattern) { return text::lower(pattern) == "tel:"; });
  // With two of them, others might take another part for the host than we do.
  if (std::count(target.begin(), target.end(), '@') > 1) return false;
  const std::size_t at = target.find('@');
  const std::size_t begin = (at != std::string::npos ? at : target.find(':')) + 1;
  std::size_t end = target.find_first_of(":;?/#", begin);
  if (target[begin] == '[') end = target.find(']', begin) + 1;
  const std::string host = target.substr(begin, end - begin);
  return allows([&](const std::string& pattern) { return text::matchesWildcard(pattern, host); });
}

Result<BridgeRequest, Refusal> routeCall(const Config& config, const InviteHeaders& invite) {
  const auto found = findRoute(config, invite.requestUri);
  if (!found) return Failure{found.error()};
  const Route* route = *found;
  BridgeRequest request;
  if (route) request.route = route->name;

  const Chosen uri = choose(invite.uri, route, &Route::uri, config.websocket.uri);
  if (!uri.fromHeader && uri.value.empty()) {
    return faultOf(EndReason::UriMissing, kUriHeader, "is missing and no route supplies it");
  }
  const auto decodedUri = uri.fromHeader ? decode(uri.value) : uri.value;
  if (!decodedUri) return faultOf(EndReason::UriInvalid, kUriHeader, "is not percent-encoded text");
  auto parsed = parseEndpointUris(text::withoutWhiteSpace(*decodedUri));
  if (!parsed) return faultOf(EndReason::UriInvalid, kUriHeader, parsed.error());
  request.endpoints = *std::move(parsed);
  request.uriFromInvite = uri.fromHeader;
  for (EndpointUri& endpoint : request.endpoints) {
    endpoint.getsCredentials =
        !uri.fromHeader || namesHost(config.websocket.credentialsFor, endpoint.host);
  }

  const Chosen headers = choose(invite.headers, route, &Route::headers, config.websocket.headers);
  const auto decodedHeaders = headers.fromHeader ? decode(headers.value) : headers.value;
  if (!decodedHeaders) {
    return faultOf(EndReason::HeadersInvalid, kHeadersHeader, "is not percent-encoded text");
  }
  if (headers.fromHeader || !decodedHeaders->empty()) {
    if (const auto wrong = wsbridge::common::faultInCustomHeaders(*decodedHeaders)) {
      return faultOf(EndReason::HeadersInvalid, kHeadersHeader, "is " + *wrong);
    }
  }
  request.headers = *decodedHeaders;

  const Chosen type =
      choose(invite.contentType, route, &Route::contentType, config.websocket.contentType);
  const auto decodedType = type.fromHeader ? decode(type.value) : type.value;
  const auto format = decodedType ? ContentType::parse(*decodedType) : std::nullopt;
  if (!format) {
    return faultOf(EndReason::ContentTypeUnsupported, kContentTypeHeader,
                   std::string("is not ") + ContentType::kSupported);
  }
  request.contentType = format->text();
  request.rate = format->rate;

  const Chosen dialect = choose(invite.dialect, route, &Route::dialect, config.websocket.dialect);
  const auto decodedDialect = dialect.fromHeader ? decode(dialect.value) : dialect.value;
  request.dialect = decodedDialect ? text::lower(*decodedDialect) : "";
  const auto row = wsbridge::common::findDialect(request.dialect);
  if (!row) {
    return faultOf(EndReason::DialectUnknown, kDialectHeader,
                   "is none of " + wsbridge::common::dialectNames());
  }
  if (!wsbridge::common::kDialects[*row].knows(*format)) {
    return faultOf(EndReason::ContentTypeUnsupported, kContentTypeHeader,
                   request.contentType + " is not known to the dialect " + request.dialect +
                       ": give audio/l16;rate= or the dialect asterisk");
  }

  const AuthorizationConfig& general = config.websocket.authorization;
  const bool routed = route && route->authorization != AuthorizationConfig{};
  if (invite.authorization && !(routed && route->force)) {
    const auto decoded = decode(*invite.authorization);
    if (!decoded) {
      return faultOf(EndReason::AuthorizationInvalid, kAuthorizationHeader,
                     "is not percent-encoded text");
    }
    request.authorization.type = "fixed";
    request.authorization.value = *decoded;
    request.ownAuthorization = true;
  } else {
    request.authorization = routed ? inherited(route->authorization, general) : general;
  }
  return request;
}

}  // namespace launcher
