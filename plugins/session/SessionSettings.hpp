// SPDX-License-Identifier: LGPL-2.1-or-later
//
// SessionSettings: what the user set on a sink and a source that share a connection. The
// defaults are those of the element properties. Values only.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "audio/PlayoutQueue.hpp"
#include "connect/Failure.hpp"
#include "dialects/Dialect.hpp"
#include "websocket/WebSocketClient.hpp"

namespace wsbridge {

struct SessionSettings {
  std::string uri;
  std::vector<std::string> fallback_uris;  // tried in order when `uri` fails
  std::string name;
  size_t dialect = 0;   // row of common::kDialects
  std::string call_id;  // may be empty
  std::string account_id;
  std::string content_type;
  std::string headers;
  std::vector<std::pair<std::string, std::string>> extra_headers;
  std::string subprotocols = "WSBRIDGE";  // left at this: what the dialect offers
  AuthorizationSettings authorization;
  std::string twilio_auth_token;
  std::string signature_key;
  std::string proxy;
  std::string credentials_for;    // all (also when empty), none, or positions of URIs
  std::string authorization_for;  // the same for authorization; empty: as credentials_for
  bool tls_verify = true;
  bool tls_only_1_3 = false;
  std::string tls_ca_file;
  std::string tls_cert_file;
  std::string tls_key_file;
  std::string resolved_addresses;  // those of the fallback URIs behind semicolons
  unsigned connect_timeout_ms = 6000;
  unsigned connect_time_used_ms = 0;  // of the first connect
  unsigned connect_retries = 0;
  unsigned ping_interval_s = 20;
  unsigned pong_timeout_s = 10;
  unsigned max_control_rate = ControlBudget::kDefaultRate;  // 0: not limited
  unsigned reconnect_time_ms = 0;                           // after a break; 0: a break is the end
  std::string context;
  unsigned context_wait_ms = 0;

  // Of the source.
  Fallback fallback = Fallback::ComfortNoise;
  int noise_level_dbov = -65;
  unsigned max_playout_ms = 60'000;
  uint64_t max_total_playout_bytes = 256ULL * 1024 * 1024;
  unsigned prebuffer_ms = 0;

  // Of the sink.
  unsigned max_queue_ms = 1000;
  bool leaky = false;
  bool close_on_eos = true;
  bool mute = false;  // at the start; Session::setMuted() changes it

  /// Takes over what `other` has set and this has not. Returns the fault when both name different
  /// URIs.
  std::optional<std::string> merge(const SessionSettings& other);

  /// The rate that both directions must have; 0 when the caps decide. A dialect that knows one rate
  /// only comes before the content type.
  [[nodiscard]] int forcedRate() const;
  /// How audio is written on the wire.
  [[nodiscard]] AudioEncoding encoding() const;

  [[nodiscard]] std::optional<std::string> faultInContentType() const;
  /// Everything needed to connect, or what is wrong and how to mend it.
  [[nodiscard]] common::Result<ClientSettings, Failure> clientSettings() const;
  [[nodiscard]] PlayoutSettings playoutSettings(int rate) const;

 private:
  std::optional<std::string> addCandidates(ConnectList& list, const ConnectSettings& common) const;
};

}  // namespace wsbridge
