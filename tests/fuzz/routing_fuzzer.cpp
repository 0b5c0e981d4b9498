// SPDX-License-Identifier: LGPL-2.1-or-later
//
// What an INVITE asks for: lines "r Request-URI", "u uri", "h headers", "t content type",
// "d dialect", "a authorization", each as in the header. What is accepted makes first messages that
// are JSON, in UTF-8, with the dialect's own keys; what is refused is told in a header.
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "FuzzCheck.hpp"
#include "FuzzInput.hpp"
#include "Opening.hpp"
#include "base/CallEnd.hpp"
#include "common/CustomHeaders.hpp"
#include "config/ConfigLoader.hpp"
#include "dialects/Dialect.hpp"
#include "routing/CredentialScope.hpp"
#include "routing/Routing.hpp"
#include "sip/stack/RequestUri.hpp"

namespace {

using fuzz::require;
using namespace launcher;

constexpr const char* kConfig =
    "[websocket]\nuri=ws://default.example/\nheaders={\"from\":\"default\"}\n"
    "bearer-token=secret\nauthorization-type=bearer\ncredentials-for=*.example\n"
    "[route forced]\nmatch=^sips?:forced@\nforce=true\nuri=wss://forced.example/\n"
    "dialect=twilio\nheaders={\"from\":\"forced\"}\n"
    "[route usual]\nmatch=^sip:usual\nuri=ws://usual.example/\ndialect=vonage\n";

ConfigPtr makeConfig(const char* text) {
  const ConfigResult result = parseConfig(text, "fuzz", {});
  require(result.config != nullptr, "the configuration is one");
  return result.config;
}

InviteHeaders headersOf(const std::vector<std::string>& lines) {
  InviteHeaders headers;
  headers.requestUri = fuzz::lineOf(lines, 'r').value_or("");
  headers.uri = fuzz::lineOf(lines, 'u');
  headers.headers = fuzz::lineOf(lines, 'h');
  headers.contentType = fuzz::lineOf(lines, 't');
  headers.dialect = fuzz::lineOf(lines, 'd');
  headers.authorization = fuzz::lineOf(lines, 'a');
  return headers;
}

const wsbridge::DialectInfo& rowOf(const std::string& name) {
  const auto row = wsbridge::common::findDialect(name);
  require(row.has_value(), "a dialect that is accepted is in the plugin's table");
  return wsbridge::kDialects[*row];
}

void checkAccepted(const Config& config, const InviteHeaders& invite,
                   const BridgeRequest& request) {
  require(!request.endpoints.empty(), "a call has an endpoint");
  const auto& row = rowOf(request.dialect);
  const auto type = wsbridge::ContentType::parse(request.contentType);
  require(type && type->text() == request.contentType && type->rate == request.rate,
          "the plugin takes the content type");
  require(request.headers.empty() || !wsbridge::common::faultInCustomHeaders(request.headers),
          "the plugin takes the headers");
  wsbridge::CallFacts conversation;
  conversation.custom = request.headers;
  conversation.type = row.only ? *row.only : *type;
  conversation.call_id = "4711@h";
  fuzz::checkOpening(row, conversation);
  require(request.uriFromInvite == (invite.uri && request.route != "forced"),
          "who named the endpoints is known");
  if (request.route == "forced") {
    require(request.endpoints[0].uri == "wss://forced.example/", "a forced route is forced");
    require(request.dialect == "twilio", "a forced route is forced");
  }
  if (request.uriFromInvite) {
    for (const EndpointUri& endpoint : request.endpoints)
      require(!endpoint.getsCredentials || endpoint.host.ends_with(".example") ||
                  endpoint.host.ends_with(".EXAMPLE") ||
                  namesHost(config.websocket.credentialsFor, endpoint.host),
              "credentials go to their own endpoints");
  }
  require(wsbridge::common::isUtf8(request.authorization.value), "an authorization is UTF-8");
  (void)credentialScope(request.endpoints);
  (void)withheldCredentials(config, request);
}

void checkRefused(const Refusal& fault) {
  const std::string text = fault.header + ": " + fault.detail;
  require(!fault.header.empty() && !fault.detail.empty(), "a fault says what it is");
  require(!fuzz::hasControl(warningHeader(399, text)), "a header is one line");
  require(callEnd(fault.reason).status >= 400, "a call that is refused has a status");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const ConfigPtr configs[] = {makeConfig(""), makeConfig(kConfig)};
  const InviteHeaders invite = headersOf(fuzz::Input(data, size).fields('\n'));
  for (const ConfigPtr& config : configs) {
    const auto result = routeCall(*config, invite);
    if (result) {
      checkAccepted(*config, invite, *result);
    } else {
      checkRefused(result.error());
    }
  }
  const auto target = invite.requestUri;
  if (isTransferTarget(target)) {
    require(!fuzz::hasControl(target) && target.find(' ') == std::string::npos &&
                target.find('>') == std::string::npos,
            "a target stays between its brackets");
    (void)mayTransferTo(configs[1]->sip, target);
  }
  return 0;
}
