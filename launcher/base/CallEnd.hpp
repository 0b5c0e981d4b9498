// SPDX-License-Identifier: LGPL-2.1-or-later
// Every reason a call ends, in one table: SIP status and phrase, label in the log, who ended it,
// and the close code that the endpoint gets. Pure.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace launcher {

enum class EndReason {
  CallerHangup,
  CallerCancel,
  CalleeHangup,
  EndpointClosed,
  EndpointHangup,
  Transferred,
  UriMissing,
  UriInvalid,
  UriForbidden,
  HeadersInvalid,
  DialectUnknown,
  AuthorizationInvalid,
  RequestUriTooLong,
  RouteFailed,
  ContentTypeUnsupported,
  BodyUnsupported,
  SdpInvalid,
  AddressUnusable,
  NoCommonCodec,
  EndpointRefused,
  EndpointUnresolved,
  EndpointTls,
  EndpointHandshake,
  EndpointTimeout,
  EndpointProtocol,
  EndpointError,
  EndpointLost,
  EndpointSettings,
  TooManyCalls,
  TooFewDescriptors,
  LoopsLate,
  LoopsBusy,
  SourceLookups,
  TooManyLookups,
  Draining,
  NoRtpPorts,
  MediaTimeout,
  MaxDuration,
  AckTimeout,
  SessionExpired,
  DialFailed,
  SipError,
  PipelineError,
  Shutdown,
};

/// Why a call cannot be had.
struct Refusal {
  EndReason reason;
  std::string detail = {};  ///< behind the header's name: "is missing"; may be empty
  std::string header = {};  ///< the header or the configuration's key at fault; may be empty
};

struct CallEnd {
  EndReason reason;
  const char* label;        ///< in log records; a closed list
  const char* who;          ///< caller, endpoint or gateway
  int status;               ///< SIP final response while the call is not answered
  const char* phrase;       ///< a literal: Sofia-SIP keeps the pointer
  const char* text;         ///< in Reason and in the close frame
  std::uint16_t closeCode;  ///< WebSocket close code for the endpoint
};

[[nodiscard]] const CallEnd& callEnd(EndReason reason);
std::span<const CallEnd> callEndTable();

/// What `Retry-After` of a 503 says, to an INVITE as to an OPTIONS, s.
inline constexpr int kRetryAfter = 10;

/// Whether the reason tells what an address does with a connection: the difference between them is
/// a map of the network for whoever may choose the address. `open`: the WebSocket was open before.
[[nodiscard]] bool tellsOfNetwork(EndReason reason, bool open);
/// All that a caller learns of them, then.
inline constexpr const char* kNotReached = "Endpoint could not be reached";

/// From `kind` of the element message `wsbridge-failed`; what is unknown is an endpoint error.
[[nodiscard]] EndReason endReasonOfFailure(std::string_view word);

/// `SIP;cause=503;text="…"`; the text is quoted and escaped.
[[nodiscard]] std::string reasonHeader(int status, std::string_view text);
/// `399 wsbridge "P-wsbridge-websocket-uri: …"` for the failure responses.
[[nodiscard]] std::string warningHeader(int code, std::string_view text);

}  // namespace launcher
