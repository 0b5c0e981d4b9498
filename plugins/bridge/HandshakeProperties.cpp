// SPDX-License-Identifier: LGPL-2.1-or-later
#include "bridge/HandshakeProperties.hpp"

#include <variant>

#include <gst/gst.h>

namespace wsbridge {

namespace {

enum : guint {
  kPropFallbackUris = kFirstHandshakeProperty,
  kPropConnectRetries,
  kPropConnectTimeUsed,
  kPropTwilioAuthToken,
  kPropAuthorizationType,
  kPropUsername,
  kPropPassword,
  kPropBearerToken,
  kPropJwtKeyFile,
  kPropJwtAlgorithm,
  kPropJwtClaims,
  kPropJwtLifetime,
  kPropSignatureKey,
  kPropProxy,
  kPropCredentialsFor,
  kPropAuthorizationFor,
};

constexpr auto kReadWrite =
    static_cast<GParamFlags>(G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_READY);

/// Secrets can be set and not read.
constexpr auto kWriteOnly =
    static_cast<GParamFlags>(G_PARAM_WRITABLE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_READY);

std::string textOf(const GValue* value) {
  const char* text = g_value_get_string(value);
  return text != nullptr ? text : "";
}

GType authorizationTypeType() {
  static const GEnumValue values[] = {
      {static_cast<int>(AuthorizationType::Fixed), "The value of authorization", "fixed"},
      {static_cast<int>(AuthorizationType::Basic), "Basic, of username and password", "basic"},
      {static_cast<int>(AuthorizationType::Bearer), "Bearer, with bearer-token", "bearer"},
      {static_cast<int>(AuthorizationType::Jwt), "Bearer, with a JWT signed for each connection",
       "jwt"},
      {0, nullptr, nullptr},
  };
  static const GType type = g_enum_register_static("GstWsBridgeAuthorizationType", values);
  return type;
}

GType jwtAlgorithmType() {
  static const GEnumValue values[] = {
      {static_cast<int>(JwtAlgorithm::Rs256), "RSA with SHA-256", "RS256"},
      {static_cast<int>(JwtAlgorithm::Hs256), "HMAC with SHA-256", "HS256"},
      {0, nullptr, nullptr},
  };
  static const GType type = g_enum_register_static("GstWsBridgeJwtAlgorithm", values);
  return type;
}

using TextMember = std::variant<std::string SessionSettings::*,
                                std::string AuthorizationSettings::*, std::string JwtSettings::*>;

/// One property whose value is a text.
struct TextProperty {
  guint id;
  const char* name;
  const char* nick;
  const char* blurb;
  bool secret;
  TextMember member;
};

constexpr TextProperty kTexts[] = {
    {kPropTwilioAuthToken, "twilio-auth-token", "Twilio auth token",
     "Signs the handshake as Twilio does, X-Twilio-Signature (never logged)", true,
     &SessionSettings::twilio_auth_token},
    {kPropSignatureKey, "signature-key", "Signature key",
     "Signs method, URL and time stamp of the handshake, X-Wsbridge-Signature (never logged)", true,
     &SessionSettings::signature_key},
    {kPropProxy, "proxy", "Proxy",
     "HTTP proxy to connect through with CONNECT: http://[user:password@]host:port (never logged)",
     true, &SessionSettings::proxy},
    {kPropCredentialsFor, "credentials-for", "Credentials for",
     "Which URIs get authorization, signatures, client certificate, extra-headers and the proxy's "
     "user: all, none, or positions separated by commas, 0 for uri, 1 for the first of "
     "fallback-uris",
     false, &SessionSettings::credentials_for},
    {kPropAuthorizationFor, "authorization-for", "Authorization for",
     "The same for authorization alone; not set: as credentials-for", false,
     &SessionSettings::authorization_for},
    {kPropUsername, "username", "User name", "Of Basic authorization", false,
     &AuthorizationSettings::username},
    {kPropPassword, "password", "Password", "Of Basic authorization (never logged)", true,
     &AuthorizationSettings::password},
    {kPropBearerToken, "bearer-token", "Bearer token", "Of Bearer authorization (never logged)",
     true, &AuthorizationSettings::bearer_token},
    {kPropJwtKeyFile, "jwt-key-file", "JWT key file",
     "What signs the JWT: for RS256 a private key in PEM, for HS256 a file with the secret", false,
     &JwtSettings::key_file},
    {kPropJwtClaims, "jwt-claims", "JWT claims",
     "JSON object: claims of the JWT, such as iss, aud and sub; iat, exp and jti are added", false,
     &JwtSettings::claims},
};

template <typename Settings>
auto& textAt(Settings& settings, const TextMember& member) {
  if (const auto* own = std::get_if<0>(&member)) return settings.**own;
  if (const auto* of_authorization = std::get_if<1>(&member))
    return settings.authorization.**of_authorization;
  return settings.authorization.jwt.*std::get<2>(member);
}

const TextProperty* findText(guint id) {
  for (const TextProperty& property : kTexts) {
    if (property.id == id) return &property;
  }
  return nullptr;
}

void installTexts(GObjectClass* klass) {
  for (const TextProperty& p : kTexts) {
    g_object_class_install_property(
        klass, p.id,
        g_param_spec_string(p.name, p.nick, p.blurb, nullptr, p.secret ? kWriteOnly : kReadWrite));
  }
}

std::vector<std::string> listOf(const GValue* array) {
  std::vector<std::string> list;
  for (guint i = 0; i < gst_value_array_get_size(array); ++i) {
    const char* text = g_value_get_string(gst_value_array_get_value(array, i));
    list.emplace_back(text != nullptr ? text : "");
  }
  return list;
}

void fill(GValue* array, const std::vector<std::string>& list) {
  for (const std::string& text : list) {
    GValue item = G_VALUE_INIT;
    g_value_init(&item, G_TYPE_STRING);
    g_value_set_string(&item, text.c_str());
    gst_value_array_append_and_take_value(array, &item);
  }
}

}  // namespace

void installHandshakeProperties(GObjectClass* klass) {
  g_object_class_install_property(
      klass, kPropFallbackUris,
      gst_param_spec_array(
          "fallback-uris", "Fallback URIs",
          "Endpoints to try in order when uri cannot be connected to, inside connect-timeout",
          g_param_spec_string("uri", "URI", "WebSocket endpoint", nullptr, kReadWrite),
          kReadWrite));
  g_object_class_install_property(
      klass, kPropConnectRetries,
      g_param_spec_uint("connect-retries", "Connect retries",
                        "How often endpoints that cannot be reached for the moment are tried "
                        "again, inside connect-timeout",
                        0, 1000, 0, kReadWrite));
  g_object_class_install_property(
      klass, kPropConnectTimeUsed,
      g_param_spec_uint("connect-time-used", "Connect time used",
                        "How much of the first connect-timeout is over already, such as for "
                        "looking up resolved-addresses, ms",
                        0, 600000, 0, kReadWrite));
  installTexts(klass);
  g_object_class_install_property(
      klass, kPropAuthorizationType,
      g_param_spec_enum("authorization-type", "Authorization type",
                        "What the Authorization request header is made of", authorizationTypeType(),
                        0, kReadWrite));
  g_object_class_install_property(
      klass, kPropJwtAlgorithm,
      g_param_spec_enum("jwt-algorithm", "JWT algorithm", "What the JWT is signed with",
                        jwtAlgorithmType(), 0, kReadWrite));
  g_object_class_install_property(
      klass, kPropJwtLifetime,
      g_param_spec_uint("jwt-lifetime", "JWT lifetime", "From iat to exp, s", 1, 86400, 300,
                        kReadWrite));
}

bool setHandshakeProperty(SessionSettings& settings, guint id, const GValue* value) {
  if (const TextProperty* property = findText(id)) {
    textAt(settings, property->member) = textOf(value);
    return true;
  }
  switch (id) {
    case kPropFallbackUris:
      settings.fallback_uris = listOf(value);
      return true;
    case kPropConnectRetries:
      settings.connect_retries = g_value_get_uint(value);
      return true;
    case kPropConnectTimeUsed:
      settings.connect_time_used_ms = g_value_get_uint(value);
      return true;
    case kPropAuthorizationType:
      settings.authorization.type = static_cast<AuthorizationType>(g_value_get_enum(value));
      return true;
    case kPropJwtAlgorithm:
      settings.authorization.jwt.algorithm = static_cast<JwtAlgorithm>(g_value_get_enum(value));
      return true;
    case kPropJwtLifetime:
      settings.authorization.jwt.lifetime_s = g_value_get_uint(value);
      return true;
    default:
      return false;
  }
}

bool getHandshakeProperty(const SessionSettings& settings, guint id, GValue* value) {
  if (const TextProperty* property = findText(id)) {
    const std::string& text = textAt(settings, property->member);
    g_value_set_string(value, text.empty() ? nullptr : text.c_str());
    return true;
  }
  switch (id) {
    case kPropFallbackUris:
      fill(value, settings.fallback_uris);
      return true;
    case kPropConnectRetries:
      g_value_set_uint(value, settings.connect_retries);
      return true;
    case kPropConnectTimeUsed:
      g_value_set_uint(value, settings.connect_time_used_ms);
      return true;
    case kPropAuthorizationType:
      g_value_set_enum(value, static_cast<int>(settings.authorization.type));
      return true;
    case kPropJwtAlgorithm:
      g_value_set_enum(value, static_cast<int>(settings.authorization.jwt.algorithm));
      return true;
    case kPropJwtLifetime:
      g_value_set_uint(value, settings.authorization.jwt.lifetime_s);
      return true;
    default:
      return false;
  }
}

}  // namespace wsbridge
