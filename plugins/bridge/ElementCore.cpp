// SPDX-License-Identifier: LGPL-2.1-or-later
#include "bridge/ElementCore.hpp"

#include "bridge/ElementMessages.hpp"
#include "bridge/HandshakeProperties.hpp"
#include "runtime/ContextProperties.hpp"

namespace wsbridge {

namespace {

enum : guint {
  kPropUri = 1,
  kPropConnection,
  kPropDialect,
  kPropContentType,
  kPropHeaders,
  kPropExtraHeaders,
  kPropSubprotocols,
  kPropAuthorization,
  kPropTlsVerify,
  kPropTlsCaFile,
  kPropTlsCertFile,
  kPropTlsKeyFile,
  kPropResolvedAddresses,
  kPropConnectTimeout,
  kPropPingInterval,
  kPropPongTimeout,
  kPropReconnectTime,
  kPropContext,
  kPropContextWait,
  kPropCallId,
  kPropAccountId,
  kPropMaxControlRate,
  kPropTlsMinVersion,
  kPropStats,
};

constexpr auto kReadWrite =
    static_cast<GParamFlags>(G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_READY);

GType dialectType() {
  static const std::vector<GEnumValue> values = [] {
    std::vector<GEnumValue> rows;
    rows.reserve(kDialects.size() + 1);
    for (const DialectInfo& row : kDialects)
      rows.push_back({static_cast<int>(rows.size()), row.summary, row.name});
    rows.push_back({0, nullptr, nullptr});
    return rows;
  }();
  static const GType type = g_enum_register_static("GstWsBridgeDialect", values.data());
  return type;
}

GType tlsVersionType() {
  static const GEnumValue values[] = {
      {0, "TLS 1.2", "1.2"}, {1, "TLS 1.3", "1.3"}, {0, nullptr, nullptr}};
  static const GType type = g_enum_register_static("GstWsBridgeTlsVersion", values);
  return type;
}

void assign(std::string& to, const GValue* value) {
  const char* text = g_value_get_string(value);
  to = text != nullptr ? text : "";
}

std::vector<std::pair<std::string, std::string>> headerList(const GstStructure* structure) {
  std::vector<std::pair<std::string, std::string>> list;
  for (int i = 0; structure != nullptr && i < gst_structure_n_fields(structure); ++i) {
    const char* name = gst_structure_nth_field_name(structure, static_cast<guint>(i));
    const GValue* value = gst_structure_get_value(structure, name);
    g_auto(GValue) text = G_VALUE_INIT;
    g_value_init(&text, G_TYPE_STRING);
    if (g_value_transform(value, &text) && g_value_get_string(&text) != nullptr) {
      list.emplace_back(name, g_value_get_string(&text));
    }
  }
  return list;
}

void installString(GObjectClass* klass, guint id, const char* name, const char* nick,
                   const char* blurb, const char* fallback = nullptr) {
  g_object_class_install_property(klass, id,
                                  g_param_spec_string(name, nick, blurb, fallback, kReadWrite));
}

void installUint(GObjectClass* klass, guint id, const char* name, const char* nick,
                 const char* blurb, guint low, guint high, guint fallback) {
  g_object_class_install_property(
      klass, id, g_param_spec_uint(name, nick, blurb, low, high, fallback, kReadWrite));
}

GQuark coreQuark() {
  static const GQuark quark = g_quark_from_static_string("wsbridge-element-core");
  return quark;
}

}  // namespace

/// Turns what the connection tells into messages of an element that may be gone by then.
class ElementObserver final : public SessionObserver {
 public:
  explicit ElementObserver(GstElement* element) { g_weak_ref_init(&element_, element); }
  ~ElementObserver() override { g_weak_ref_clear(&element_); }

  void onSessionEvent(const SessionEvent& event, bool reporter) override {
    auto* element = static_cast<GstElement*>(g_weak_ref_get(&element_));
    if (element == nullptr) return;
    ElementCore* core = coreOf(element);
    const auto session = core->session();
    if (std::holds_alternative<MuteEvent>(event) && core->on_mute != nullptr)
      core->on_mute(element);
    if (reporter && session) postSessionEvent(element, *session, event);
    const bool closed = std::holds_alternative<ClosedEvent>(event);
    if ((closed || std::holds_alternative<Failure>(event)) && core->on_end != nullptr)
      core->on_end(element, closed);
    gst_object_unref(element);
  }

 private:
  GWeakRef element_;
};

ElementCore::ElementCore(GstElement* element, Role role)
    : element_(element), role_(role), observer_(std::make_shared<ElementObserver>(element)) {
  g_object_set_qdata(G_OBJECT(element), coreQuark(), this);
}

ElementCore::~ElementCore() {
  if (extra_headers_ != nullptr) gst_structure_free(extra_headers_);
}

void ElementCore::installProperties(GObjectClass* klass) {
  installString(klass, kPropUri, "uri", "URI",
                "WebSocket endpoint: ws://, wss://, http:// or https://");
  installString(klass, kPropConnection, "connection", "Connection",
                "Name that a wsbridgesink and a wsbridgesrc share to use one WebSocket");
  g_object_class_install_property(
      klass, kPropDialect,
      g_param_spec_enum("dialect", "Dialect", "How audio and events are written", dialectType(), 0,
                        kReadWrite));
  installString(klass, kPropContentType, "content-type", "Content type",
                "Forces the audio format, such as audio/l16;rate=16000 (default: from the caps)");
  installString(klass, kPropCallId, "call-id", "Call id",
                "What a dialect that names the call makes its name from (default: random)");
  installString(klass, kPropAccountId, "account-id", "Account id",
                "What a dialect that names an account makes its name from (default: gst-wsbridge)");
  installString(klass, kPropHeaders, "headers", "Headers",
                "JSON object: custom keys of the first message");
  g_object_class_install_property(
      klass, kPropExtraHeaders,
      g_param_spec_boxed("extra-headers", "Extra headers",
                         "Further HTTP request headers of the handshake", GST_TYPE_STRUCTURE,
                         kReadWrite));
  installString(klass, kPropSubprotocols, "subprotocols", "Subprotocols",
                "Offered in Sec-WebSocket-Protocol, separated by commas (left at the default: what "
                "the dialect offers)",
                "WSBRIDGE");
  g_object_class_install_property(
      klass, kPropAuthorization,
      g_param_spec_string("authorization", "Authorization",
                          "Value of the Authorization request header (never logged)", nullptr,
                          static_cast<GParamFlags>(G_PARAM_WRITABLE | G_PARAM_STATIC_STRINGS |
                                                   GST_PARAM_MUTABLE_READY)));
  g_object_class_install_property(
      klass, kPropTlsVerify,
      g_param_spec_boolean("tls-verify", "TLS verify", "Check the endpoint's certificate", TRUE,
                           kReadWrite));
  g_object_class_install_property(
      klass, kPropTlsMinVersion,
      g_param_spec_enum("tls-min-version", "TLS minimum version", "The oldest TLS that is spoken",
                        tlsVersionType(), 0, kReadWrite));
  installString(klass, kPropTlsCaFile, "tls-ca-file", "TLS CA file",
                "PEM file of the certificate authorities to trust (default: those of the system)");
  installString(klass, kPropTlsCertFile, "tls-cert-file", "TLS certificate file",
                "PEM file of our certificate");
  installString(klass, kPropTlsKeyFile, "tls-key-file", "TLS key file",
                "PEM file of our certificate's key (default: tls-cert-file)");
  installString(
      klass, kPropResolvedAddresses, "resolved-addresses", "Resolved addresses",
      "IP addresses, separated by commas, to connect to instead of resolving the URI's host; those "
      "of each fallback URI behind a semicolon");
  installHandshakeProperties(klass);
  installUint(klass, kPropConnectTimeout, "connect-timeout", "Connect timeout",
              "Time for resolving, connecting, TLS and handshake of all endpoints together, ms", 1,
              600000, 6000);
  installUint(klass, kPropPingInterval, "ping-interval", "Ping interval",
              "Seconds between pings, 0 for none", 0, 3600, 20);
  installUint(klass, kPropPongTimeout, "pong-timeout", "Pong timeout",
              "Seconds without anything received after a ping until the connection counts as lost, "
              "0 for ever",
              0, 3600, 10);
  installUint(
      klass, kPropMaxControlRate, "max-control-rate", "Maximum control rate",
      "Control messages a second that the endpoint may send for ever; half a minute's worth "
      "may come at once, what is more is read later, and after 10 s of that the endpoint is "
      "given up; 0: not limited",
      0, 1000000, ControlBudget::kDefaultRate);
  installUint(klass, kPropReconnectTime, "reconnect-time", "Reconnect time",
              "How long, ms, to try again when the WebSocket breaks in mid-call; 0: the break is "
              "the end",
              0, 600000, 0);
  installContextProperties(
      klass, kPropContext, kPropContextWait,
      "Name of the media loop (one thread) to share with other elements (default: a private one)",
      kReadWrite);
  g_object_class_install_property(
      klass, kPropStats,
      g_param_spec_boxed("stats", "Statistics", "Counters of the connection", GST_TYPE_STRUCTURE,
                         static_cast<GParamFlags>(G_PARAM_READABLE | G_PARAM_STATIC_STRINGS)));
}

bool ElementCore::setProperty(guint id, const GValue* value) {
  const std::lock_guard lock(mutex_);
  SessionSettings& s = settings_;
  switch (id) {
    case kPropUri:
      assign(s.uri, value);
      return true;
    case kPropConnection:
      assign(s.name, value);
      return true;
    case kPropDialect:
      s.dialect = static_cast<size_t>(g_value_get_enum(value));
      return true;
    case kPropCallId:
      assign(s.call_id, value);
      return true;
    case kPropAccountId:
      assign(s.account_id, value);
      return true;
    case kPropContentType:
      assign(s.content_type, value);
      return true;
    case kPropHeaders:
      assign(s.headers, value);
      return true;
    case kPropExtraHeaders: {
      const GstStructure* headers = gst_value_get_structure(value);
      if (extra_headers_ != nullptr) gst_structure_free(extra_headers_);
      extra_headers_ = headers != nullptr ? gst_structure_copy(headers) : nullptr;
      s.extra_headers = headerList(headers);
      return true;
    }
    case kPropSubprotocols:
      assign(s.subprotocols, value);
      return true;
    case kPropAuthorization:
      assign(s.authorization.value, value);
      return true;
    case kPropTlsVerify:
      s.tls_verify = g_value_get_boolean(value) != FALSE;
      return true;
    case kPropTlsMinVersion:
      s.tls_only_1_3 = g_value_get_enum(value) == 1;
      return true;
    case kPropTlsCaFile:
      assign(s.tls_ca_file, value);
      return true;
    case kPropTlsCertFile:
      assign(s.tls_cert_file, value);
      return true;
    case kPropTlsKeyFile:
      assign(s.tls_key_file, value);
      return true;
    case kPropResolvedAddresses:
      assign(s.resolved_addresses, value);
      return true;
    case kPropConnectTimeout:
      s.connect_timeout_ms = g_value_get_uint(value);
      return true;
    case kPropPingInterval:
      s.ping_interval_s = g_value_get_uint(value);
      return true;
    case kPropPongTimeout:
      s.pong_timeout_s = g_value_get_uint(value);
      return true;
    case kPropMaxControlRate:
      s.max_control_rate = g_value_get_uint(value);
      return true;
    case kPropReconnectTime:
      s.reconnect_time_ms = g_value_get_uint(value);
      return true;
    case kPropContext:
      assign(s.context, value);
      return true;
    case kPropContextWait:
      s.context_wait_ms = g_value_get_uint(value);
      return true;
    default:
      return setHandshakeProperty(s, id, value);
  }
}

bool ElementCore::getProperty(guint id, GValue* value) const {
  if (id == kPropStats) {
    const auto session = this->session();
    g_value_take_boxed(value, statsStructure(session ? session->stats() : lastStats()));
    return true;
  }
  const std::lock_guard lock(mutex_);
  const SessionSettings& s = settings_;
  const auto text = [&](const std::string& from) {
    g_value_set_string(value, from.empty() ? nullptr : from.c_str());
  };
  switch (id) {
    case kPropUri:
      text(s.uri);
      return true;
    case kPropConnection:
      text(s.name);
      return true;
    case kPropDialect:
      g_value_set_enum(value, static_cast<int>(s.dialect));
      return true;
    case kPropCallId:
      text(s.call_id);
      return true;
    case kPropAccountId:
      text(s.account_id);
      return true;
    case kPropContentType:
      text(s.content_type);
      return true;
    case kPropHeaders:
      text(s.headers);
      return true;
    case kPropExtraHeaders:
      gst_value_set_structure(value, extra_headers_);
      return true;
    case kPropSubprotocols:
      text(s.subprotocols);
      return true;
    case kPropTlsVerify:
      g_value_set_boolean(value, s.tls_verify);
      return true;
    case kPropTlsMinVersion:
      g_value_set_enum(value, s.tls_only_1_3 ? 1 : 0);
      return true;
    case kPropTlsCaFile:
      text(s.tls_ca_file);
      return true;
    case kPropTlsCertFile:
      text(s.tls_cert_file);
      return true;
    case kPropTlsKeyFile:
      text(s.tls_key_file);
      return true;
    case kPropResolvedAddresses:
      text(s.resolved_addresses);
      return true;
    case kPropConnectTimeout:
      g_value_set_uint(value, s.connect_timeout_ms);
      return true;
    case kPropPingInterval:
      g_value_set_uint(value, s.ping_interval_s);
      return true;
    case kPropPongTimeout:
      g_value_set_uint(value, s.pong_timeout_s);
      return true;
    case kPropMaxControlRate:
      g_value_set_uint(value, s.max_control_rate);
      return true;
    case kPropReconnectTime:
      g_value_set_uint(value, s.reconnect_time_ms);
      return true;
    case kPropContext:
      text(s.context);
      return true;
    case kPropContextWait:
      g_value_set_uint(value, s.context_wait_ms);
      return true;
    default:
      return getHandshakeProperty(s, id, value);
  }
}

bool ElementCore::attach() {
  auto joined = [this] {
    const std::lock_guard lock(mutex_);
    return Session::attach(role_, settings_, observer_);
  }();
  if (!joined) {
    const auto& [busy, text] = joined.error();
    if (busy) {
      GST_ELEMENT_ERROR(element_, RESOURCE, BUSY, ("%s", text.c_str()), (nullptr));
    } else {
      GST_ELEMENT_ERROR(element_, RESOURCE, SETTINGS, ("%s", text.c_str()), (nullptr));
    }
    return false;
  }
  const std::lock_guard lock(mutex_);
  session_ = *joined;
  return true;
}

bool ElementCore::renew() {
  const auto session = this->session();
  if (!session) return false;
  SessionSettings settings;
  {
    const std::lock_guard lock(mutex_);
    settings = settings_;
  }
  return reported(*session, session->renew(role_, settings));
}

bool ElementCore::start() {
  const auto session = this->session();
  return session && reported(*session, session->start(role_));
}

bool ElementCore::reported(const Session& session, const std::optional<Failure>& failure) const {
  if (failure) postSessionEvent(element_, session, *failure);
  return !failure;
}

void ElementCore::stop() {
  if (const auto session = this->session()) session->stop(role_);
}

/// What is in NULL has no part in a conversation that others have under the same name by then.
void ElementCore::detach() {
  const auto session = this->session();
  if (!session) return;
  session->detach(role_);
  SessionStats stats = session->stats();
  const std::lock_guard lock(mutex_);
  last_stats_ = std::move(stats);
  session_.reset();
}

SessionStats ElementCore::lastStats() const {
  const std::lock_guard lock(mutex_);
  return last_stats_;
}

std::shared_ptr<Session> ElementCore::session() const {
  const std::lock_guard lock(mutex_);
  return session_;
}

ElementCore* coreOf(gpointer element) {
  return static_cast<ElementCore*>(g_object_get_qdata(G_OBJECT(element), coreQuark()));
}

}  // namespace wsbridge
