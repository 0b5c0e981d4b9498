// SPDX-License-Identifier: LGPL-2.1-or-later
#include "call/Routing.hpp"

#include <algorithm>
#include <array>

#include <glib.h>

#include "base/GPtr.hpp"
#include "base/Text.hpp"
#include "call/CredentialScope.hpp"
#include "call/RequestUri.hpp"
#include "common/Json.hpp"
#include "config/AuthorizationKeys.hpp"

namespace launcher {

namespace {

constexpr std::size_t kMaxHeaders = 8192;
constexpr std::size_t kMaxContentType = 50;
constexpr const char* kRequestUri = "Request-URI";
constexpr const char* kUlaw = "audio/pcmu;rate=8000";
constexpr const char* kAlaw = "audio/pcma;rate=8000";

RoutingFault faultOf(EndReason reason, const char* header, std::string text) {
  return {reason, header, std::move(text)};
}

/// The first route that fits, null when none does. One that could not be tried refuses the call: it
/// might be the one that is forced.
std::variant<const Route*, RoutingFault> findRoute(const Config& config,
                                                   const std::string& requestUri) {
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

/// As the table of dialects in the plugin has it.
bool dialectKnows(const std::string& dialect, const std::string& contentType) {
  if (contentType == kUlaw) return dialect == "asterisk" || dialect == "twilio";
  if (contentType == kAlaw) return dialect == "asterisk";
  return true;
}

/// Quotes may stand inside the encoding or around it.
std::optional<std::string> decode(const std::string& raw) {
  const auto decoded = text::percentDecode(text::stripQuotes(text::trim(raw)));
  if (!decoded) return std::nullopt;
  return text::stripQuotes(text::trim(*decoded));
}

}  // namespace

std::optional<std::string> headersFault(const std::string& json) {
  const auto result = wsbridge::common::Json::readObject(json, kMaxHeaders);
  const auto* fault = std::get_if<wsbridge::common::JsonFault>(&result);
  return fault ? std::optional("is " + fault->text) : std::nullopt;
}

std::optional<std::string> normalContentType(const std::string& value) {
  constexpr std::array kRates = {"8000", "16000", "24000", "32000", "48000"};
  if (value.size() > kMaxContentType) return std::nullopt;
  const std::string compact = text::lower(text::withoutWhiteSpace(text::stripQuotes(value)));
  constexpr std::array<std::pair<const char*, const char*>, 5> kG711 = {{{"audio/pcmu", kUlaw},
                                                                         {"audio/basic", kUlaw},
                                                                         {"audio/x-mulaw", kUlaw},
                                                                         {"audio/pcma", kAlaw},
                                                                         {"audio/x-alaw", kAlaw}}};
  for (const auto& [name, normal] : kG711) {
    if (compact == name || compact == std::string(name) + ";rate=8000") return normal;
  }
  for (const char* rate : kRates) {
    const std::string candidate = std::string("audio/l16;rate=") + rate;
    if (compact == candidate) return candidate;
  }
  return std::nullopt;
}

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

bool isDialect(const std::string& value) {
  const bool word = !value.empty() && value.find_first_of(", ") == std::string::npos;
  return word &&
         std::string(", " LAUNCHER_DIALECTS ",").find(", " + value + ",") != std::string::npos;
}

std::variant<BridgeRequest, RoutingFault> routeCall(const Config& config,
                                                    const InviteHeaders& invite) {
  auto found = findRoute(config, invite.requestUri);
  if (auto* fault = std::get_if<RoutingFault>(&found)) return std::move(*fault);
  const Route* route = std::get<const Route*>(found);
  BridgeRequest request;
  if (route) request.route = route->name;

  const Chosen uri = choose(invite.uri, route, &Route::uri, config.websocket.uri);
  if (!uri.fromHeader && uri.value.empty()) {
    return faultOf(EndReason::UriMissing, kUriHeader, "is missing and no route supplies it");
  }
  const auto decodedUri = uri.fromHeader ? decode(uri.value) : uri.value;
  if (!decodedUri) return faultOf(EndReason::UriInvalid, kUriHeader, "is not percent-encoded text");
  auto parsed = parseEndpointUris(text::withoutWhiteSpace(*decodedUri));
  if (const auto* wrong = std::get_if<std::string>(&parsed)) {
    return faultOf(EndReason::UriInvalid, kUriHeader, *wrong);
  }
  request.endpoints = std::get<std::vector<EndpointUri>>(std::move(parsed));
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
    if (const auto wrong = headersFault(*decodedHeaders)) {
      return faultOf(EndReason::HeadersInvalid, kHeadersHeader, *wrong);
    }
  }
  request.headers = *decodedHeaders;

  const Chosen type =
      choose(invite.contentType, route, &Route::contentType, config.websocket.contentType);
  const auto decodedType = type.fromHeader ? decode(type.value) : type.value;
  const auto normal = decodedType ? normalContentType(*decodedType) : std::nullopt;
  if (!normal) {
    return faultOf(
        EndReason::ContentTypeUnsupported, kContentTypeHeader,
        "is not audio/l16 with rate 8000, 16000, 24000, 32000 or 48000, nor audio/pcmu or "
        "audio/pcma");
  }
  request.contentType = *normal;
  request.rate =
      static_cast<int>(text::parseInteger(normal->substr(normal->find('=') + 1)).value_or(0));

  const Chosen dialect = choose(invite.dialect, route, &Route::dialect, config.websocket.dialect);
  const auto decodedDialect = dialect.fromHeader ? decode(dialect.value) : dialect.value;
  request.dialect = decodedDialect ? text::lower(*decodedDialect) : "";
  if (!isDialect(request.dialect)) {
    return faultOf(EndReason::DialectUnknown, kDialectHeader, "is none of " LAUNCHER_DIALECTS);
  }
  if (!dialectKnows(request.dialect, request.contentType)) {
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
