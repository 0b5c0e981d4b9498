// SPDX-License-Identifier: LGPL-2.1-or-later
// From the INVITE's headers and the configured routes to one checked request for a bridge. Pure.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "call/CallEnd.hpp"
#include "call/EndpointUri.hpp"
#include "config/Config.hpp"

namespace launcher {

inline constexpr const char* kUriHeader = "P-wsbridge-websocket-uri";
inline constexpr const char* kHeadersHeader = "P-wsbridge-websocket-headers";
inline constexpr const char* kContentTypeHeader = "P-wsbridge-websocket-content-type";
inline constexpr const char* kDialectHeader = "P-wsbridge-websocket-dialect";
inline constexpr const char* kAuthorizationHeader = "P-wsbridge-websocket-authorization";

/// The raw header values, as they stood in the INVITE.
struct InviteHeaders {
  std::string requestUri;
  std::optional<std::string> uri;
  std::optional<std::string> headers;
  std::optional<std::string> contentType;
  std::optional<std::string> dialect;
  std::optional<std::string> authorization;

  bool any() const { return uri || headers || contentType || dialect || authorization; }
  /// Of the INVITE only who is called is left.
  void clear() { uri = headers = contentType = dialect = authorization = std::nullopt; }
};

struct BridgeRequest {
  std::vector<EndpointUri> endpoints;  ///< at least one, in the order in which they are tried
  std::string headers;                 ///< JSON object or empty
  std::string contentType;
  int rate = 0;  ///< Hz
  std::string dialect;
  AuthorizationConfig authorization;
  bool ownAuthorization = false;  ///< the INVITE's: goes to all endpoints of the call
  std::string route;              ///< name of the route taken, or empty
  bool uriFromInvite = false;     ///< the caller names the endpoints: what he learns is bounded
};

struct RoutingFault {
  EndReason reason;
  std::string header;  ///< the header at fault
  std::string text;
};

std::variant<BridgeRequest, RoutingFault> routeCall(const Config& config,
                                                    const InviteHeaders& invite);

/// What a caller may be transferred to: one sip:, sips: or tel: URI without anything around it.
bool isTransferTarget(const std::string& uri);
/// Whether the configuration lets callers be transferred to such a target.
bool mayTransferTo(const Config::Sip& sip, const std::string& uri);
/// What is wrong with the custom keys, if anything.
std::optional<std::string> headersFault(const std::string& json);
/// `audio/l16;rate=N`, `audio/pcmu;rate=8000` or `audio/pcma;rate=8000` in its normal form, or
/// nothing when unsupported.
std::optional<std::string> normalContentType(const std::string& value);
/// As of the element's `dialect` property; an end-to-end test compares the two.
#define LAUNCHER_DIALECTS "wsbridge, vonage, twilio, asterisk, jambonz"
bool isDialect(const std::string& value);

}  // namespace launcher
