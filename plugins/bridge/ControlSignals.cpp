// SPDX-License-Identifier: LGPL-2.1-or-later
#include "bridge/ControlSignals.hpp"

#include <algorithm>
#include <string>
#include <string_view>

#include "bridge/ElementCore.hpp"

namespace wsbridge {

namespace {

/// The connection is asked for each time: an element has one from READY on.
template <class Function>
gboolean withSession(GstElement* element, Function function) {
  const auto session = coreOf(element)->session();
  return session && function(*session);
}

/// What comes from a network may be anything; a WebSocket takes valid UTF-8 only.
std::string validText(const char* text) {
  if (text == nullptr) return {};
  g_autofree char* valid = g_utf8_make_valid(text, -1);
  return valid;
}

char keyOf(const char* digit) {
  return digit != nullptr && digit[0] != '\0' && digit[1] == '\0' ? digit[0] : '\0';
}

gboolean onSendText(GstElement* element, const char* text) noexcept {
  return withSession(element, [&](Session& it) { return text != nullptr && it.sendText(text); });
}

gboolean onSendDtmf(GstElement* element, const char* digit, guint duration_ms) noexcept {
  return withSession(element, [&](Session& it) {
    return it.sendDtmf(g_ascii_toupper(keyOf(digit)), duration_ms);
  });
}

gboolean onDtmfSent(GstElement* element, const char* digit) noexcept {
  return withSession(element, [&](Session& it) {
    return isDtmfDigit(keyOf(digit)) && it.tell(DtmfSentNotice{keyOf(digit)});
  });
}

gboolean onTransferResult(GstElement* element, guint status, const char* reason) noexcept {
  return withSession(element, [&](Session& it) {
    return it.tell(TransferNotice{status, validText(reason)});
  });
}

gboolean onHoldChanged(GstElement* element, gboolean held) noexcept {
  return withSession(element, [&](Session& it) { return it.tell(HoldNotice{held != FALSE}); });
}

guint onClear(GstElement* element) noexcept {
  const auto session = coreOf(element)->session();
  return session ? static_cast<guint>(session->clear()) : 0;
}

gboolean onSendMessage(GstElement* element, const char* type, const char* body) noexcept {
  return withSession(element, [&](Session& it) {
    const bool valid = type != nullptr && body != nullptr && g_utf8_validate(type, -1, nullptr) &&
                       g_utf8_validate(body, -1, nullptr);
    return valid && it.tell(MessageNotice{type, body});
  });
}

gboolean onMessageResult(GstElement* element, guint status, const char* reason) noexcept {
  return withSession(element, [&](Session& it) {
    return it.tell(MessageResultNotice{status, validText(reason)});
  });
}

gboolean onMediaChanged(GstElement* element, gboolean arriving) noexcept {
  return withSession(element, [&](Session& it) { return it.tell(MediaNotice{arriving != FALSE}); });
}

bool isWord(const char* text) {
  const std::string_view word(text != nullptr ? text : "");
  return !word.empty() && std::all_of(word.begin(), word.end(), [](char c) {
    return g_ascii_islower(c) || g_ascii_isdigit(c) || c == '-';
  });
}

gboolean onEndCall(GstElement* element, guint code, const char* text, const char* reason) noexcept {
  return withSession(element, [&](Session& it) {
    if (!isWord(reason)) return false;
    it.close(code, text != nullptr ? text : "", reason);
    return true;
  });
}

void onClose(GstElement* element, guint code, const char* reason) noexcept {
  if (const auto session = coreOf(element)->session())
    session->close(code, reason != nullptr ? reason : "", "closed");
}

/// Returns a boolean: whether it could be done.
template <class... Types>
void install(GObjectClass* klass, const char* name, GCallback handler, Types... types) {
  constexpr auto kFlags = static_cast<GSignalFlags>(G_SIGNAL_RUN_LAST | G_SIGNAL_ACTION);
  g_signal_new_class_handler(name, G_TYPE_FROM_CLASS(klass), kFlags, handler, nullptr, nullptr,
                             nullptr, G_TYPE_BOOLEAN, sizeof...(types), types...);
}

}  // namespace

void installControlSignals(GObjectClass* klass) {
  install(klass, "send-text", G_CALLBACK(onSendText), G_TYPE_STRING);
  install(klass, "send-dtmf", G_CALLBACK(onSendDtmf), G_TYPE_STRING, G_TYPE_UINT);
  install(klass, "dtmf-sent", G_CALLBACK(onDtmfSent), G_TYPE_STRING);
  install(klass, "transfer-result", G_CALLBACK(onTransferResult), G_TYPE_UINT, G_TYPE_STRING);
  install(klass, "hold-changed", G_CALLBACK(onHoldChanged), G_TYPE_BOOLEAN);
  install(klass, "send-message", G_CALLBACK(onSendMessage), G_TYPE_STRING, G_TYPE_STRING);
  install(klass, "message-result", G_CALLBACK(onMessageResult), G_TYPE_UINT, G_TYPE_STRING);
  install(klass, "media-changed", G_CALLBACK(onMediaChanged), G_TYPE_BOOLEAN);
  install(klass, "end-call", G_CALLBACK(onEndCall), G_TYPE_UINT, G_TYPE_STRING, G_TYPE_STRING);
  const GType type = G_TYPE_FROM_CLASS(klass);
  constexpr auto kFlags = static_cast<GSignalFlags>(G_SIGNAL_RUN_LAST | G_SIGNAL_ACTION);
  g_signal_new_class_handler("clear", type, kFlags, G_CALLBACK(onClear), nullptr, nullptr, nullptr,
                             G_TYPE_UINT, 0);
  g_signal_new_class_handler("close", type, kFlags, G_CALLBACK(onClose), nullptr, nullptr, nullptr,
                             G_TYPE_NONE, 2, G_TYPE_UINT, G_TYPE_STRING);
}

}  // namespace wsbridge
