// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Failure: why a connection could not be opened or broke. A value.
#pragma once

#include <string>

namespace wsbridge {

enum class FailureKind {
  Settings,
  Resolve,
  Refused,
  Timeout,
  Tls,
  Handshake,
  Protocol,
  Closed,
  Lost,
  PongTimeout,
};

struct Failure {
  FailureKind kind = FailureKind::Lost;
  std::string text;
  unsigned http_status = 0;
  unsigned close_code = 0;
  std::string close_reason;
  bool temporary = false;  ///< of a connect: the same endpoint may answer better in a moment
};

/// The word used in messages and details: "settings", "resolve", ….
inline const char* nameOf(FailureKind kind) {
  switch (kind) {
    case FailureKind::Settings:
      return "settings";
    case FailureKind::Resolve:
      return "resolve";
    case FailureKind::Refused:
      return "refused";
    case FailureKind::Timeout:
      return "timeout";
    case FailureKind::Tls:
      return "tls";
    case FailureKind::Handshake:
      return "handshake";
    case FailureKind::Protocol:
      return "protocol";
    case FailureKind::Closed:
      return "closed";
    case FailureKind::Lost:
      return "lost";
    case FailureKind::PongTimeout:
      return "pong-timeout";
  }
  return "lost";
}

}  // namespace wsbridge
