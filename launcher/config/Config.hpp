// SPDX-License-Identifier: LGPL-2.1-or-later
// The launcher's configuration: one immutable value, checked before anybody sees it. Shared between
// threads as `std::shared_ptr<const Config>`; a re-read makes a new one and leaves the old alone.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <glib.h>

#include "base/Codec.hpp"
#include "base/Networks.hpp"
#include "log/Log.hpp"

namespace launcher {

struct ListenAddress {
  bool udp = true;
  std::string host;
  std::uint16_t port = 5060;  ///< 0: any free one
  bool operator==(const ListenAddress&) const = default;
};

struct HostPort {
  std::string host;
  std::uint16_t port = 0;
};

struct PortRange {
  std::uint16_t first = 0;
  std::uint16_t last = 0;
};

enum class OnClose { Drain, Hangup };
/// How a text of the endpoint gets to the caller.
enum class MessageMethod { Message, Info };
/// Whose P-wsbridge-* headers count: nobody's, those of the sources in sip.allow, everybody's.
enum class HeadersFrom { Nobody, Allowed, All };

/// What the Authorization header of the handshake is made of. In a route, what is empty or 0 comes
/// from `[websocket]`.
struct AuthorizationConfig {
  std::string type;   ///< fixed, basic, bearer or jwt
  std::string value;  ///< of fixed
  std::string username;
  std::string password;
  std::string bearerToken;
  std::string jwtKeyFile;
  std::string jwtAlgorithm;
  std::string jwtClaims;
  int jwtLifetime = 0;  ///< s
  bool operator==(const AuthorizationConfig&) const = default;
};

/// A `[route NAME]` section: what a dialplan did.
struct Route {
  std::string name;
  std::string match;
  std::shared_ptr<GRegex> regex;
  std::string uri;
  std::string headers;
  std::string contentType;
  std::string dialect;
  AuthorizationConfig authorization;
  bool force = false;  ///< wins over the INVITE's headers; otherwise it only fills in what lacks
  std::map<std::string, std::string> values;  ///< the text of every key that was given
};

struct Config {
  struct Sip {
    std::vector<ListenAddress> listen;
    std::string publicAddress;
    Networks allow;
    HeadersFrom headersFrom = HeadersFrom::Allowed;
    std::vector<std::string> redirectAllow;  ///< host patterns; empty: nowhere
    bool transfer = true;
    std::vector<std::string> transferAllow;  ///< host patterns; empty: all
    int transferTimeout = 0;                 ///< s
    MessageMethod messageMethod = MessageMethod::Message;
  } sip;
  struct Rtp {
    std::string address;
    std::string publicAddress;
    PortRange portRange;
    std::vector<const Codec*> codecs;
    int ptime = 0;                   ///< ms
    int jitterWait = 0;              ///< ms
    std::vector<std::string> allow;  ///< networks
  } rtp;
  struct Websocket {
    std::string uri;
    std::string contentType;
    std::string headers;
    std::string dialect;
    AuthorizationConfig authorization;
    std::string twilioAuthToken;
    std::string twilioAccountSid;
    std::string signatureKey;
    std::string proxy;
    std::string nameServers;  ///< ADDR[:PORT] with commas
    std::string subprotocols;
    int connectTimeout = 0;  ///< ms
    int connectRetries = 0;
    int reconnectTime = 0;
    int maxControlRate = 200;
    std::string tlsMinVersion = "1.2";
    bool tlsVerify = true;
    std::string tlsCaFile;
    std::string tlsCertFile;
    std::string tlsKeyFile;
    int pingInterval = 0;  ///< s
    int pongTimeout = 0;   ///< s
    std::vector<std::string> allow;
    std::vector<std::string> credentialsFor;  ///< host patterns
    OnClose onClose = OnClose::Drain;
  } websocket;
  struct Audio {
    std::string fallback;
    int noiseLevel = 0;  ///< dBov
    int maxPlayout = 0;  ///< ms
    std::uint64_t maxTotalPlayoutBytes = 0;
    int prebuffer = 0;  ///< ms
    int maxQueue = 0;   ///< ms
  } audio;
  struct Media {
    int loops = 0;
    int loopWait = 0;  ///< ms
    int workers = 0;
    std::string templateFile;
  } media;
  struct Limits {
    int maxCalls = 0;
    int maxLoopDelay = 0;  ///< ms
    int maxLoopLoad = 0;   ///< percent
    int lookupsPerSource = 0;
    int maxLookups = 0;
    int maxCallDuration = 0;  ///< s
    int mediaTimeout = 0;     ///< s
    int mediaWarning = 0;     ///< s
    int drainTime = 0;        ///< s
    // At the SIP port; 0 is no limit. "Requests" are those outside a dialog.
    int peerRequests = 0;      ///< a second, of each source in sip.allow
    int strangerRequests = 0;  ///< a second, of all others together
    int allRequests = 0;       ///< a second, of all peers together
    int peerSetups = 0;        ///< INVITEs of one source that no ACK has confirmed
    int connections = 0;
    int peerConnections = 0;      ///< of each source in sip.allow
    int strangerConnections = 0;  ///< of all others together
    int httpConnections = 0;
  } limits;
  struct Logging {
    log::Level level = log::Level::Info;
    log::Format format = log::Format::Text;
    bool steps = false;
  } log;
  struct Echo {
    std::vector<HostPort> listen;  ///< none or one
  } echo;
  struct Http {
    std::vector<HostPort> listen;  ///< none or one
    std::string tlsCertFile;
    std::string tlsKeyFile;
    std::string tlsClientCaFile;
  } http;
  std::vector<Route> routes;

  /// The text of every key as it was given or by default, in the order of the table.
  std::map<std::string, std::string> values;
};

using ConfigPtr = std::shared_ptr<const Config>;

}  // namespace launcher
