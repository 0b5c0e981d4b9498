// SPDX-License-Identifier: LGPL-2.1-or-later
#include "session/SessionSettings.hpp"

#include <atomic>

#include <gio/gio.h>

#include "common/CustomHeaders.hpp"

namespace wsbridge {

namespace {

std::vector<std::string> splitList(const std::string& text) {
  std::vector<std::string> parts;
  g_auto(GStrv) split = g_strsplit_set(text.c_str(), ",;", -1);
  for (char** part = split; *part != nullptr; ++part) {
    const char* trimmed = g_strstrip(*part);
    if (*trimmed != '\0') parts.emplace_back(trimmed);
  }
  return parts;
}

common::Failure<Failure> settingsFailure(std::string text) {
  return {Failure{.kind = FailureKind::Settings, .text = std::move(text)}};
}

std::optional<std::string> faultInHandshakeHeaders(const SessionSettings& settings) {
  for (const auto& [name, value] : settings.extra_headers) {
    if (auto fault = faultInHeader(name, value)) return "extra-headers: " + *fault;
  }
  for (const std::string& protocol : splitList(settings.subprotocols)) {
    if (faultInHeader(protocol, "")) return "subprotocols: \"" + protocol + "\" is not a token";
  }
  return std::nullopt;
}

/// One list for each URI.
std::vector<std::vector<std::string>> splitAddresses(const std::string& text) {
  std::vector<std::vector<std::string>> lists;
  g_auto(GStrv) split = g_strsplit(text.c_str(), ";", -1);
  for (char** part = split; *part != nullptr; ++part)
    lists.push_back(splitList(*part));
  return lists;
}

/// Whether each of the URIs is meant. Nothing: the text is none of all, none, or positions.
std::optional<std::vector<bool>> positionsIn(const std::string& text, size_t count) {
  if (text.empty() || text == "all") return std::vector<bool>(count, true);
  std::vector<bool> meant(count, false);
  if (text == "none") return meant;
  for (const std::string& part : splitList(text)) {
    guint64 position = 0;
    if (!g_ascii_string_to_unsigned(part.c_str(), 10, 0, count - 1, &position, nullptr))
      return std::nullopt;
    meant[position] = true;
  }
  return meant;
}

/// Leaves in the attempt only what its endpoint may have.
void withhold(ConnectSettings& candidate, bool credentials, bool authorization) {
  if (!authorization) candidate.credentials.authorization.reset();
  if (credentials) return;
  candidate.credentials.twilio_auth_token.clear();
  candidate.credentials.signature_key.clear();
  candidate.request.extra_headers.clear();
  candidate.tls.cert_file.clear();
  candidate.tls.key_file.clear();
  if (candidate.proxy) candidate.proxy->authorization.clear();
}

std::optional<std::string> faultInAddresses(const std::vector<std::string>& addresses) {
  for (const std::string& address : addresses) {
    if (!g_hostname_is_ip_address(address.c_str())) {
      return "resolved-addresses: \"" + address + "\" is not an IP address";
    }
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::string> SessionSettings::merge(const SessionSettings& other) {
  if (!uri.empty() && !other.uri.empty() && uri != other.uri) {
    return "connection \"" + name +
           "\" is already used with another uri: give both elements the same";
  }
  static const SessionSettings defaults;
  const auto take = [&](auto member) {
    if (this->*member == defaults.*member) this->*member = other.*member;
  };
  using S = SessionSettings;
  take(&S::uri);
  take(&S::fallback_uris);
  take(&S::dialect);
  take(&S::call_id);
  take(&S::account_id);
  take(&S::content_type);
  take(&S::headers);
  take(&S::extra_headers);
  take(&S::subprotocols);
  take(&S::authorization);
  take(&S::twilio_auth_token);
  take(&S::signature_key);
  take(&S::proxy);
  take(&S::credentials_for);
  take(&S::authorization_for);
  take(&S::tls_verify);
  take(&S::tls_only_1_3);
  take(&S::tls_ca_file);
  take(&S::tls_cert_file);
  take(&S::tls_key_file);
  take(&S::resolved_addresses);
  take(&S::connect_timeout_ms);
  take(&S::connect_time_used_ms);
  take(&S::connect_retries);
  take(&S::ping_interval_s);
  take(&S::pong_timeout_s);
  take(&S::max_control_rate);
  take(&S::reconnect_time_ms);
  take(&S::context);
  take(&S::context_wait_ms);
  take(&S::fallback);
  take(&S::noise_level_dbov);
  take(&S::max_playout_ms);
  take(&S::max_total_playout_bytes);
  take(&S::prebuffer_ms);
  take(&S::max_queue_ms);
  take(&S::leaky);
  take(&S::close_on_eos);
  return std::nullopt;
}

int SessionSettings::forcedRate() const {
  if (const auto& only = kDialects[dialect].only) return only->rate;
  const auto type = ContentType::parse(content_type);
  return type ? type->rate : 0;
}

AudioEncoding SessionSettings::encoding() const {
  if (const auto& only = kDialects[dialect].only) return only->encoding;
  const auto type = ContentType::parse(content_type);
  return type ? type->encoding : AudioEncoding::Linear;
}

std::optional<std::string> SessionSettings::faultInContentType() const {
  if (content_type.empty()) return std::nullopt;
  const auto type = ContentType::parse(content_type);
  if (!type) {
    return std::string("content-type is not supported: give ") + ContentType::kSupported;
  }
  const DialectInfo& row = kDialects[dialect];
  if (row.knows(*type)) return std::nullopt;
  return "content-type " + type->text() + " is not known to the dialect " + row.name +
         ": give audio/l16;rate= or another dialect";
}

std::optional<std::string> SessionSettings::addCandidates(ConnectList& list,
                                                          const ConnectSettings& common) const {
  const auto addresses = splitAddresses(resolved_addresses);
  if (addresses.size() > fallback_uris.size() + 1)
    return std::string("resolved-addresses has more lists than there are URIs");
  const size_t count = fallback_uris.size() + 1;
  const auto trusted = positionsIn(credentials_for, count);
  if (!trusted) return std::string("credentials-for is none of all, none, and positions of URIs");
  const auto authorized =
      authorization_for.empty() ? trusted : positionsIn(authorization_for, count);
  if (!authorized)
    return std::string("authorization-for is none of all, none, and positions of URIs");
  for (size_t i = 0; i < count; ++i) {
    auto endpoint = Endpoint::parse(i == 0 ? uri : fallback_uris[i - 1]);
    if (!endpoint) return (i == 0 ? "" : "fallback-uris: ") + endpoint.error();
    ConnectSettings candidate = common;
    candidate.position = i;
    candidate.endpoint = *std::move(endpoint);
    withhold(candidate, (*trusted)[i], (*authorized)[i]);
    if (i < addresses.size()) candidate.addresses = addresses[i];
    if (auto fault = faultInAddresses(candidate.addresses)) return fault;
    list.candidates.push_back(std::move(candidate));
  }
  return std::nullopt;
}

common::Result<ClientSettings, Failure> SessionSettings::clientSettings() const {
  if (!headers.empty()) {
    if (auto fault = common::faultInCustomHeaders(headers))
      return settingsFailure("headers is " + *fault);
  }
  if (auto fault = faultInHandshakeHeaders(*this)) return settingsFailure(*fault);
  ClientSettings client;
  client.connection = name;
  static const SessionSettings defaults;
  const std::string offered =
      subprotocols == defaults.subprotocols ? kDialects[dialect].subprotocols : subprotocols;
  ConnectSettings shared;
  shared.connection = name;
  shared.request = {splitList(offered), {}, extra_headers};
  auto authorized = Authorization::make(authorization);
  if (!authorized) return settingsFailure(authorized.error());
  shared.credentials = {*std::move(authorized), twilio_auth_token, signature_key};
  if (!proxy.empty()) {
    auto way = Proxy::parse(proxy);
    if (!way) return settingsFailure(way.error());
    shared.proxy = *std::move(way);
  }
  shared.tls = {tls_verify, tls_ca_file, tls_cert_file, tls_key_file, tls_only_1_3};
  if (auto fault = addCandidates(client.connect, shared)) return settingsFailure(*fault);
  client.connect.timeout_ms = connect_timeout_ms;
  client.connect.retries = connect_retries;
  client.ping_interval_s = ping_interval_s;
  client.pong_timeout_s = pong_timeout_s;
  client.budget = std::make_shared<ControlBudget>(max_control_rate);
  return client;
}

PlayoutSettings SessionSettings::playoutSettings(int rate) const {
  static std::atomic<uint64_t> seed{1};  // no two calls share their noise
  return {rate,         fallback,       static_cast<double>(noise_level_dbov),
          prebuffer_ms, max_playout_ms, seed++};
}

}  // namespace wsbridge
