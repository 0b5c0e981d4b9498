// SPDX-License-Identifier: LGPL-2.1-or-later
#include "tls/TlsSession.hpp"

#include <map>
#include <mutex>
#include <utility>

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

namespace wsbridge {

namespace {

using Credentials = std::shared_ptr<gnutls_certificate_credentials_st>;

/// The system's authorities may change while we run.
constexpr int64_t kSystemTrustUs = 600'000'000;
constexpr size_t kMaxKept = 64;

/// What a file was when it was read; empty where there is none.
std::string stampOf(const std::string& path) {
  if (path.empty()) return {};
  g_autoptr(GFile) file = g_file_new_for_path(path.c_str());
  g_autoptr(GFileInfo) info =
      g_file_query_info(file,
                        G_FILE_ATTRIBUTE_TIME_MODIFIED "," G_FILE_ATTRIBUTE_TIME_MODIFIED_USEC
                                                       "," G_FILE_ATTRIBUTE_UNIX_INODE
                                                       "," G_FILE_ATTRIBUTE_STANDARD_SIZE,
                        G_FILE_QUERY_INFO_NONE, nullptr, nullptr);
  if (info == nullptr) return path;
  const auto number = [&](const char* name) {
    return "|" + std::to_string(g_file_info_get_attribute_uint64(info, name));
  };
  const guint32 micros =
      g_file_info_get_attribute_uint32(info, G_FILE_ATTRIBUTE_TIME_MODIFIED_USEC);
  return path + number(G_FILE_ATTRIBUTE_TIME_MODIFIED) + "." + std::to_string(micros) +
         number(G_FILE_ATTRIBUTE_UNIX_INODE) + "|" + std::to_string(g_file_info_get_size(info));
}

common::Result<Credentials> readCredentials(const TlsSettings& settings) {
  gnutls_certificate_credentials_t made = nullptr;
  if (gnutls_certificate_allocate_credentials(&made) < 0) return common::Failure{"out of memory"};
  const Credentials credentials(
      made, [](gnutls_certificate_credentials_t c) { gnutls_certificate_free_credentials(c); });
  if (settings.verify && settings.ca_file.empty()) {
    gnutls_certificate_set_x509_system_trust(made);
  } else if (!settings.ca_file.empty()) {
    const int count =
        gnutls_certificate_set_x509_trust_file(made, settings.ca_file.c_str(), GNUTLS_X509_FMT_PEM);
    if (count < 0) return common::Failure{settings.ca_file + ": " + gnutls_strerror(count)};
    if (count == 0) return common::Failure{settings.ca_file + ": there is no certificate in it"};
  }
  if (!settings.cert_file.empty()) {
    const std::string& key = settings.key_file.empty() ? settings.cert_file : settings.key_file;
    const int result = gnutls_certificate_set_x509_key_file(made, settings.cert_file.c_str(),
                                                            key.c_str(), GNUTLS_X509_FMT_PEM);
    if (result < 0) return common::Failure{settings.cert_file + ": " + gnutls_strerror(result)};
  }
  return credentials;
}

/// Reading all authorities takes 10 ms and more: done once for all sessions with the same files.
common::Result<Credentials> credentialsFor(const TlsSettings& settings) {
  struct Kept {
    Credentials credentials;
    int64_t made_us;
  };
  static std::mutex mutex;
  // Outlives a thread that reads while the process ends.
  static auto& cache = *new std::map<std::string, Kept>;
  const std::string key = std::string(settings.verify ? "v" : "-") + "\n" +
                          stampOf(settings.ca_file) + "\n" + stampOf(settings.cert_file) + "\n" +
                          stampOf(settings.key_file);
  const int64_t now_us = g_get_monotonic_time();
  const std::lock_guard lock(mutex);
  const auto found = cache.find(key);
  if (found != cache.end() &&
      (!settings.ca_file.empty() || now_us - found->second.made_us < kSystemTrustUs))
    return found->second.credentials;
  auto read = readCredentials(settings);
  if (read) {
    if (cache.size() >= kMaxKept) cache.clear();
    cache[key] = {*read, now_us};
  }
  return read;
}

std::string describe(unsigned status) {
  std::string text;
  const auto add = [&](unsigned flags, const char* what) {
    if ((status & flags) == 0) return;
    text += text.empty() ? what : std::string(", ") + what;
  };
  add(GNUTLS_CERT_SIGNER_NOT_FOUND | GNUTLS_CERT_SIGNER_NOT_CA,
      "signed by an authority that is not trusted (set tls-ca-file)");
  add(GNUTLS_CERT_UNEXPECTED_OWNER, "made out for another host name");
  add(GNUTLS_CERT_NOT_ACTIVATED, "not valid yet");
  add(GNUTLS_CERT_EXPIRED, "expired");
  add(GNUTLS_CERT_REVOKED, "revoked");
  add(GNUTLS_CERT_INSECURE_ALGORITHM, "made with an insecure algorithm");
  return text.empty() ? "not acceptable" : text;
}

bool isPassing(int code) {
  return code == GNUTLS_E_INTERRUPTED || code == GNUTLS_E_WARNING_ALERT_RECEIVED ||
         code == GNUTLS_E_REHANDSHAKE;
}

bool isReset(int code) {
  return code == GNUTLS_E_PREMATURE_TERMINATION || code == GNUTLS_E_PULL_ERROR ||
         code == GNUTLS_E_PUSH_ERROR || code == GNUTLS_E_SESSION_EOF;
}

gssize reportFault(int code, GError** error) {
  if (code == GNUTLS_E_AGAIN) {
    g_set_error_literal(error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK, "would block");
  } else if (code == GNUTLS_E_PREMATURE_TERMINATION) {
    g_set_error_literal(error, G_TLS_ERROR, G_TLS_ERROR_EOF,
                        "the connection ended without TLS's farewell");
  } else if (code == GNUTLS_E_PULL_ERROR || code == GNUTLS_E_PUSH_ERROR) {
    g_set_error(error, G_IO_ERROR, G_IO_ERROR_CONNECTION_CLOSED, "%s", gnutls_strerror(code));
  } else {
    g_set_error(error, G_TLS_ERROR, G_TLS_ERROR_MISC, "%s", gnutls_strerror(code));
  }
  return -1;
}

}  // namespace

TlsSession::Made TlsSession::make(GSocketConnection* connection, const std::string& host,
                                  const TlsSettings& settings) {
  auto credentials = credentialsFor(settings);
  if (!credentials) return common::Failure{credentials.error()};
  std::shared_ptr<TlsSession> session(
      new TlsSession(connection, *std::move(credentials), host, settings));
  if (session->session_ == nullptr) return common::Failure{"GnuTLS cannot make a session"};
  return session;
}

TlsSession::TlsSession(GSocketConnection* connection, Credentials credentials,
                       const std::string& host, const TlsSettings& settings)
    : connection_(G_SOCKET_CONNECTION(g_object_ref(connection))),
      credentials_(std::move(credentials)),
      only_1_3_(settings.only_1_3),
      host_(host) {
  if (gnutls_init(&session_, GNUTLS_CLIENT | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL) < 0) {
    session_ = nullptr;
    return;
  }
  const char* priority = settings.only_1_3 ? "NORMAL:%COMPAT:-VERS-ALL:+VERS-TLS1.3"
                                           : "NORMAL:%COMPAT:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2";
  gnutls_priority_set_direct(session_, priority, nullptr);
  gnutls_credentials_set(session_, GNUTLS_CRD_CERTIFICATE, credentials_.get());
  if (g_hostname_is_ip_address(host_.c_str()) == FALSE)
    gnutls_server_name_set(session_, GNUTLS_NAME_DNS, host_.data(), host_.size());
  // RFC 7301: where several protocols are spoken on a port, WebSocket begins as HTTP/1.1.
  static const std::string kProtocol = "http/1.1";
  const gnutls_datum_t protocol = {
      reinterpret_cast<unsigned char*>(const_cast<char*>(kProtocol.data())),
      static_cast<unsigned>(kProtocol.size())};
  gnutls_alpn_set_protocols(session_, &protocol, 1, 0);
  if (settings.verify) gnutls_session_set_verify_cert(session_, host_.c_str(), 0);
  gnutls_handshake_set_timeout(session_, GNUTLS_INDEFINITE_TIMEOUT);
  gnutls_transport_set_int(session_, g_socket_get_fd(socket()));
}

TlsSession::~TlsSession() {
  if (session_ != nullptr) gnutls_deinit(session_);
}

GSocket* TlsSession::socket() const {
  return g_socket_connection_get_socket(connection_.get());
}

TlsSession::Step TlsSession::handshake() {
  int result = 0;
  do {
    result = gnutls_handshake(session_);
  } while (isPassing(result));
  if (result == GNUTLS_E_AGAIN)
    return gnutls_record_get_direction(session_) == 0 ? Step::WantsInput : Step::WantsOutput;
  if (result < 0) return fail(result);
  if (versionIsAllowed()) return Step::Done;
  fault_ = std::string("the endpoint speaks ") +
           gnutls_protocol_get_name(gnutls_protocol_get_version(session_)) +
           ", older than tls-min-version";
  return Step::Failed;
}

/// What was offered is all that there can be; looked at all the same.
bool TlsSession::versionIsAllowed() const {
  const gnutls_protocol_t version = gnutls_protocol_get_version(session_);
  return version == GNUTLS_TLS1_3 || (version == GNUTLS_TLS1_2 && !only_1_3_);
}

TlsSession::Step TlsSession::fail(int code) {
  reset_ = isReset(code);
  if (code == GNUTLS_E_CERTIFICATE_VERIFICATION_ERROR) {
    fault_ = "the endpoint's certificate is " +
             describe(gnutls_session_get_verify_cert_status(session_));
    gnutls_alert_send_appropriate(session_, code);
  } else if (code == GNUTLS_E_FATAL_ALERT_RECEIVED) {
    const char* name = gnutls_alert_get_name(gnutls_alert_get(session_));
    fault_ =
        std::string("TLS handshake: the endpoint refused it: ") + (name != nullptr ? name : "");
  } else {
    fault_ = std::string("TLS handshake: ") + gnutls_strerror(code);
  }
  return Step::Failed;
}

gssize TlsSession::read(std::span<uint8_t> into, GError** error) {
  if (closed_) return reportFault(GNUTLS_E_INVALID_SESSION, error);
  ssize_t count = 0;
  do {
    count = gnutls_record_recv(session_, into.data(), into.size());
  } while (count < 0 && isPassing(static_cast<int>(count)));
  return count >= 0 ? count : reportFault(static_cast<int>(count), error);
}

gssize TlsSession::write(std::span<const uint8_t> bytes, GError** error) {
  if (closed_) return reportFault(GNUTLS_E_INVALID_SESSION, error);
  if (bytes.empty()) return 0;
  ssize_t count = 0;
  do {
    // What it could not send the last time, it keeps and sends first: callers try the same again.
    count = gnutls_record_send(session_, bytes.data(), bytes.size());
  } while (count == GNUTLS_E_INTERRUPTED);
  return count >= 0 ? count : reportFault(static_cast<int>(count), error);
}

bool TlsSession::hasInput() const {
  return gnutls_record_check_pending(session_) > 0 ||
         g_socket_condition_check(socket(), G_IO_IN) != 0;
}

void TlsSession::close() {
  if (std::exchange(closed_, true)) return;
  gnutls_bye(session_, GNUTLS_SHUT_WR);
  g_io_stream_close(G_IO_STREAM(connection_.get()), nullptr, nullptr);
}

}  // namespace wsbridge
