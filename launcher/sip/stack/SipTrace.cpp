// SPDX-License-Identifier: LGPL-2.1-or-later
#include "sip/stack/SipTrace.hpp"

#include <algorithm>
#include <array>

#include <sofia-sip/msg_header.h>
#include <sofia-sip/sip.h>

#include "base/Networks.hpp"
#include "base/Redact.hpp"
#include "base/Text.hpp"
#include "log/Log.hpp"

namespace launcher {

namespace {

constexpr auto kNone = std::string_view::npos;

template <class Names>
bool isOneOf(std::string_view name, const Names& names) {
  return std::any_of(names.begin(), names.end(),
                     [&](const char* one) { return text::equalsNoCase(name, one); });
}

bool isSecretHeader(std::string_view name) {
  constexpr std::array kNames = {"Authorization",
                                 "Proxy-Authorization",
                                 "Authentication-Info",
                                 "Identity",
                                 "P-wsbridge-websocket-authorization",
                                 "P-wsbridge-websocket-headers"};
  return isOneOf(name, kNames);
}

/// As it came where the stack has kept that, otherwise as the stack writes it.
std::string printed(const msg_header_t* header) {
  if (header->sh_data) return {static_cast<const char*>(header->sh_data), header->sh_len};
  const issize_t size = msg_header_e(nullptr, 0, header, 0);
  if (size <= 0) return {};
  std::string text(static_cast<std::size_t>(size) + 1, '\0');
  msg_header_e(text.data(), size + 1, header, 0);
  text.pop_back();
  return text;
}

/// A line of a body: SDP (RFC 4568, RFC 8839, RFC 4567, RFC 4566 5.12) or a DTMF relay.
bool isSecretLine(std::string_view line) {
  constexpr std::array kStarts = {"a=crypto:", "a=ice-pwd:", "a=key-mgmt:", "k=", "signal="};
  const std::string start = text::lower(line.substr(0, 16));
  return std::any_of(kStarts.begin(), kStarts.end(),
                     [&](const char* one) { return start.starts_with(one); });
}

std::string shownHeader(std::string_view line) {
  const std::size_t colon = line.find(':');
  if (colon == kNone) return redacted(line);
  const std::string name = text::trim(line.substr(0, colon));
  if (isSecretHeader(name)) return name + ": ***";
  if (text::equalsNoCase(name, "P-wsbridge-websocket-uri")) {
    const auto uri = text::percentDecode(text::trim(line.substr(colon + 1)));
    return name + ": " + (uri ? redacted(*uri) : "***");
  }
  return redacted(line);
}

/// The key method of an attribute stays, its value goes.
std::string shownBodyLine(std::string_view line) {
  if (!isSecretLine(line)) return redacted(line);
  return std::string(line.substr(0, line.find_first_of(":=", 2) + 1)) + "***";
}

void write(const char* way, std::string_view message, const sockaddr* peer) {
  log::debug("sip", {{"way", way},
                     {"peer", peer ? IpAddress::of(peer).text() : ""},
                     {"message", shownSip(message)}});
}

}  // namespace

std::string shownSip(std::string_view message) {
  std::string out;
  bool body = false;
  bool digits = false;  // the whole body is one
  bool hidden = false;  // what is folded belongs to a header that is not shown
  std::size_t at = 0;
  while (at < message.size() && out.size() <= kMaxShownSip) {
    const std::size_t end = std::min(message.find('\n', at), message.size());
    std::string_view line = message.substr(at, end - at);
    at = end + 1;
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (body) {
      out += digits && !line.empty() ? "***" : shownBodyLine(line);
    } else if (line.empty()) {
      body = true;
    } else if (line.front() == ' ' || line.front() == '\t') {
      if (hidden) continue;
      out += redacted(line);
    } else {
      const std::string shown = shownHeader(line);
      hidden =
          shown.ends_with(": ***") || text::lower(line.substr(0, 24)) == "p-wsbridge-websocket-uri";
      const std::string compact = text::lower(text::withoutWhiteSpace(std::string(line)));
      digits =
          digits || compact == "content-type:application/dtmf" || compact == "c:application/dtmf";
      out += shown;
    }
    out += '\n';
  }
  if (out.size() > kMaxShownSip) {
    out.resize(kMaxShownSip);
    out += "… (" + std::to_string(message.size()) + " bytes)";
  }
  return out;
}

void traceReceived(const sip_s* sip, const sockaddr* from) noexcept {
  if (!log::enabled(log::Level::Debug)) return;
  // The chain of all headers in the order in which they came, each with its text.
  std::string message;
  const auto* header = sip->sip_request ? reinterpret_cast<const msg_header_t*>(sip->sip_request)
                                        : reinterpret_cast<const msg_header_t*>(sip->sip_status);
  for (; header; header = header->sh_succ)
    message += printed(header);
  write("received", message, from);
}

void traceSent(std::string_view bytes, const sockaddr* to) noexcept {
  if (!log::enabled(log::Level::Debug)) return;
  const std::string_view first = bytes.substr(0, bytes.find('\r'));
  if (!first.starts_with("SIP/2.0 ") && !first.ends_with(" SIP/2.0")) return;
  write("sent", bytes, to);
}

}  // namespace launcher
