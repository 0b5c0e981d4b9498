// SPDX-License-Identifier: LGPL-2.1-or-later
//
// TlsSession: the client's end of one TLS connection over a connected socket, on GnuTLS. Nothing
// here waits for the peer. GIO's TLS does its handshakes on the ten threads of GLib's pool, where
// silent peers hold up everybody else, and knows one range of versions for the whole process.
//
// handshake() may run on any thread, everything else after it belongs to the loop's; never two at a
// time.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include <gio/gio.h>

#include "common/Result.hpp"
#include "runtime/GlibPtr.hpp"

struct gnutls_session_int;
struct gnutls_certificate_credentials_st;

namespace wsbridge {

struct TlsSettings {
  bool verify = true;
  std::string ca_file;
  std::string cert_file;
  std::string key_file;
  bool only_1_3 = false;  ///< otherwise 1.2 will do as well
};

class TlsSession {
 public:
  enum class Step { Done, WantsInput, WantsOutput, Failed };
  using Made = common::Result<std::shared_ptr<TlsSession>>;

  /// Reads files the first time, so not on a loop. `host`: the name or address that the certificate
  /// has to be made out for. The socket is non-blocking. Or what is wrong with the settings.
  static Made make(GSocketConnection* connection, const std::string& host,
                   const TlsSettings& settings);
  ~TlsSession();
  TlsSession(const TlsSession&) = delete;
  TlsSession& operator=(const TlsSession&) = delete;

  /// As far as it goes with what has arrived; some milliseconds of CPU at the most.
  Step handshake();
  /// After Failed.
  [[nodiscard]] const std::string& fault() const { return fault_; }
  /// The peer went away in the middle: it may be back in a moment.
  [[nodiscard]] bool wasReset() const { return reset_; }

  /// As GPollableInputStream and GPollableOutputStream have it.
  gssize read(std::span<uint8_t> into, GError** error);
  gssize write(std::span<const uint8_t> bytes, GError** error);
  [[nodiscard]] bool hasInput() const;
  /// TLS's own farewell, if the socket takes it now, and the end of the socket.
  void close();

  [[nodiscard]] GSocketConnection* connection() const { return connection_.get(); }
  [[nodiscard]] GSocket* socket() const;

 private:
  using Credentials = std::shared_ptr<gnutls_certificate_credentials_st>;

  TlsSession(GSocketConnection* connection, Credentials credentials, const std::string& host,
             const TlsSettings& settings);
  Step fail(int code);
  [[nodiscard]] bool versionIsAllowed() const;

  GObjectPtr<GSocketConnection> connection_;
  Credentials credentials_;
  gnutls_session_int* session_ = nullptr;
  const bool only_1_3_;
  std::string host_;
  std::string fault_;
  bool reset_ = false;
  bool closed_ = false;
};

/// The session as the stream that libsoup's side reads and writes; it closes the session.
GIOStream* makeTlsStream(std::shared_ptr<TlsSession> session);

}  // namespace wsbridge
