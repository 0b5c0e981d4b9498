// SPDX-License-Identifier: LGPL-2.1-or-later
#include "base/CallEnd.hpp"

#include <glib.h>

#include "common/FailureKind.hpp"

namespace launcher {

namespace {

using enum EndReason;

constexpr const char* kCaller = "caller";
constexpr const char* kEndpoint = "endpoint";
constexpr const char* kGateway = "gateway";

constexpr CallEnd kTable[] = {
    {CallerHangup, "caller-hangup", kCaller, 487, "Request Terminated", "Caller hung up", 1000},
    {CallerCancel, "caller-cancel", kCaller, 487, "Request Terminated", "Caller cancelled", 1000},
    {CalleeHangup, "callee-hangup", kCaller, 487, "Request Terminated", "Called party hung up",
     1000},
    {EndpointClosed, "endpoint-closed", kEndpoint, 502, "Bad Gateway",
     "Endpoint closed the WebSocket", 1000},
    {EndpointHangup, "endpoint-hangup", kEndpoint, 502, "Bad Gateway", "Endpoint hung up", 1000},
    {Transferred, "transferred", kEndpoint, 502, "Bad Gateway", "Transferred", 1000},
    {UriMissing, "uri-missing", kGateway, 400, "Bad Request", "No WebSocket URI", 1000},
    {UriInvalid, "uri-invalid", kGateway, 400, "Bad Request", "WebSocket URI not valid", 1000},
    {UriForbidden, "uri-forbidden", kGateway, 403, "Forbidden", "WebSocket URI forbidden by policy",
     1000},
    {HeadersInvalid, "headers-invalid", kGateway, 400, "Bad Request", "WebSocket headers not valid",
     1000},
    {DialectUnknown, "dialect-unknown", kGateway, 400, "Bad Request", "WebSocket dialect unknown",
     1000},
    {AuthorizationInvalid, "authorization-invalid", kGateway, 400, "Bad Request",
     "WebSocket authorization not valid", 1000},
    {RequestUriTooLong, "request-uri-too-long", kGateway, 414, "Request-URI Too Long",
     "Request URI too long", 1000},
    {RouteFailed, "route-failed", kGateway, 500, "Internal Server Error",
     "Routes could not be matched", 1000},
    {ContentTypeUnsupported, "content-type-unsupported", kGateway, 415, "Unsupported Media Type",
     "WebSocket content type unsupported", 1000},
    {BodyUnsupported, "body-unsupported", kGateway, 415, "Unsupported Media Type",
     "Body is not application/sdp", 1000},
    {SdpInvalid, "sdp-invalid", kGateway, 488, "Not Acceptable Here", "SDP not valid", 1000},
    {AddressUnusable, "address-unusable", kGateway, 488, "Not Acceptable Here",
     "Media address not usable", 1000},
    {NoCommonCodec, "no-common-codec", kGateway, 488, "Not Acceptable Here", "No common codec",
     1000},
    {EndpointRefused, "endpoint-refused", kEndpoint, 502, "Bad Gateway",
     "Endpoint refused the connection", 1000},
    {EndpointUnresolved, "endpoint-unresolved", kEndpoint, 502, "Bad Gateway",
     "Endpoint name does not resolve", 1000},
    {EndpointTls, "endpoint-tls", kEndpoint, 502, "Bad Gateway", "Endpoint TLS failed", 1000},
    {EndpointHandshake, "endpoint-handshake", kEndpoint, 502, "Bad Gateway",
     "Endpoint refused the WebSocket", 1000},
    {EndpointTimeout, "endpoint-timeout", kEndpoint, 504, "Gateway Time-out",
     "Endpoint did not answer in time", 1000},
    {EndpointProtocol, "endpoint-protocol", kEndpoint, 502, "Bad Gateway",
     "Endpoint broke the protocol", 1002},
    {EndpointError, "endpoint-error", kEndpoint, 502, "Bad Gateway",
     "Endpoint closed with an error", 1000},
    {EndpointLost, "endpoint-lost", kEndpoint, 502, "Bad Gateway", "Connection to endpoint lost",
     1000},
    {EndpointSettings, "endpoint-settings", kGateway, 500, "Internal Server Error",
     "WebSocket settings not valid", 1000},
    {TooManyCalls, "too-many-calls", kGateway, 503, "Service Unavailable", "Too many calls", 1000},
    {TooFewDescriptors, "too-few-descriptors", kGateway, 503, "Service Unavailable",
     "Too few file descriptors", 1000},
    {LoopsLate, "loops-late", kGateway, 503, "Service Unavailable", "Media loops are late", 1000},
    {LoopsBusy, "loops-busy", kGateway, 503, "Service Unavailable", "Media loops are busy", 1000},
    {SourceLookups, "source-lookups", kGateway, 503, "Service Unavailable",
     "Too many name look-ups of one source", 1000},
    {TooManyLookups, "too-many-lookups", kGateway, 503, "Service Unavailable",
     "Too many name look-ups", 1000},
    {Draining, "draining", kGateway, 503, "Service Unavailable", "Going out of service", 1000},
    {NoRtpPorts, "no-rtp-ports", kGateway, 503, "Service Unavailable", "No free RTP port", 1000},
    {MediaTimeout, "media-timeout", kGateway, 408, "Request Timeout", "No RTP received", 1000},
    {MaxDuration, "max-duration", kGateway, 408, "Request Timeout", "Longest duration reached",
     1000},
    {AckTimeout, "ack-timeout", kGateway, 408, "Request Timeout", "No ACK received", 1000},
    {SessionExpired, "session-expired", kGateway, 408, "Request Timeout", "Session expired", 1000},
    {DialFailed, "dial-failed", kCaller, 480, "Temporarily Unavailable",
     "Called party did not answer", 1000},
    {SipError, "sip-error", kGateway, 500, "Internal Server Error", "SIP failure", 1001},
    {PipelineError, "pipeline-error", kGateway, 500, "Internal Server Error", "Media failure",
     1011},
    {Shutdown, "shutdown", kGateway, 503, "Service Unavailable", "Gateway is shutting down", 1001},
};

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out.push_back('\\');
    out.push_back(static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? ' ' : c);
  }
  return out + "\"";
}

}  // namespace

std::span<const CallEnd> callEndTable() {
  return kTable;
}

const CallEnd& callEnd(EndReason reason) {
  for (const CallEnd& row : kTable) {
    if (row.reason == reason) return row;
  }
  g_assert_not_reached();
}

bool tellsOfNetwork(EndReason reason, bool open) {
  switch (reason) {
    case EndpointRefused:
    case EndpointUnresolved:
    case EndpointTls:
    case EndpointHandshake:
    case EndpointTimeout:
      return true;
    case EndpointProtocol:
    case EndpointError:
    case EndpointLost:
      return !open;
    default:
      return false;
  }
}

EndReason endReasonOfFailure(std::string_view word) {
  using enum wsbridge::common::FailureKind;
  switch (wsbridge::common::failureKind(word).value_or(Closed)) {
    case Settings:
      return EndpointSettings;
    case Resolve:
      return EndpointUnresolved;
    case Refused:
      return EndpointRefused;
    case Timeout:
      return EndpointTimeout;
    case Tls:
      return EndpointTls;
    case Handshake:
      return EndpointHandshake;
    case Protocol:
      return EndpointProtocol;
    case Lost:
    case PongTimeout:
      return EndpointLost;
    case Closed:
      break;
  }
  return EndpointError;
}

std::string reasonHeader(int status, std::string_view text) {
  return "SIP;cause=" + std::to_string(status) + ";text=" + quoted(text);
}

std::string warningHeader(int code, std::string_view text) {
  return std::to_string(code) + " wsbridge " + quoted(text);
}

}  // namespace launcher
