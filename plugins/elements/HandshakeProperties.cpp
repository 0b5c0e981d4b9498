// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/HandshakeProperties.hpp"

#include <gst/gst.h>

namespace wsbridge {

namespace {

enum : guint {
  kPropFallbackUris = kFirstHandshakeProperty,
  kPropConnectRetries,
  kPropTwilioAuthToken,
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
      klass, kPropTwilioAuthToken,
      g_param_spec_string("twilio-auth-token", "Twilio auth token",
                          "Signs the handshake as Twilio does, X-Twilio-Signature (never logged)",
                          nullptr, kWriteOnly));
}

bool setHandshakeProperty(ConnectionSettings& settings, guint id, const GValue* value) {
  switch (id) {
    case kPropFallbackUris:
      settings.fallback_uris = listOf(value);
      return true;
    case kPropConnectRetries:
      settings.connect_retries = g_value_get_uint(value);
      return true;
    case kPropTwilioAuthToken:
      settings.twilio_auth_token = textOf(value);
      return true;
    default:
      return false;
  }
}

bool getHandshakeProperty(const ConnectionSettings& settings, guint id, GValue* value) {
  switch (id) {
    case kPropFallbackUris:
      fill(value, settings.fallback_uris);
      return true;
    case kPropConnectRetries:
      g_value_set_uint(value, settings.connect_retries);
      return true;
    default:
      return false;
  }
}

}  // namespace wsbridge
