// SPDX-License-Identifier: LGPL-2.1-or-later
#include "sip/door/StatelessAnswer.hpp"

#include <glib.h>
#include <sofia-sip/sip.h>
#include <sofia-sip/sip_header.h>
#include <sofia-sip/su_alloc.h>

#include "base/Text.hpp"
#include "sip/stack/MessageCheck.hpp"
#include "sip/stack/Methods.hpp"

namespace launcher {

namespace {

void appendVia(std::string& out, const sip_via_t* via, const std::string& address,
               std::uint16_t port, bool first) {
  out.append("Via: ").append(via->v_protocol).append(" ").append(via->v_host);
  if (via->v_port) out.append(":").append(via->v_port);
  bool wantsPort = false;
  for (const char* const* parameter = via->v_params; parameter && *parameter; ++parameter) {
    const std::string text = *parameter;
    const std::string name = text::lower(text.substr(0, text.find('=')));
    if (first && name == "rport") wantsPort = true;
    if (first && (name == "rport" || name == "received")) continue;
    out.append(";").append(text);
  }
  if (first) out.append(";received=").append(address);
  if (wantsPort) out.append(";rport=").append(std::to_string(port));
  out.append("\r\n");
}

void append(std::string& out, su_home_t* home, const char* name, const void* header) {
  const char* value = sip_header_as_string(home, static_cast<const sip_header_t*>(header));
  out.append(name).append(": ").append(value ? value : "");
}

}  // namespace

AnswerWords answerOutsideDialog(const sip_s* request, std::optional<EndReason> full) {
  const std::string allow = std::string("Allow: ") + kAllow + "\r\n";
  constexpr const char* kGone = "Call/Transaction Does Not Exist";
  if (!isAcceptableRequest(request)) return {400, "Bad Request"};
  if (request->sip_to->a_tag) return {481, kGone};
  const enum url_type_e scheme =
      static_cast<enum url_type_e>(request->sip_request->rq_url->url_type);
  if (scheme != url_sip && scheme != url_sips && scheme != url_tel)
    return {416, "Unsupported URI Scheme"};
  switch (request->sip_request->rq_method) {
    case sip_method_options:
      break;
    case sip_method_bye:
    case sip_method_cancel:
    case sip_method_info:
    case sip_method_prack:
    case sip_method_update:
      return {481, kGone};
    case sip_method_unknown:
      return {501, "Not Implemented", 0, allow};
    default:
      return {405, "Method Not Allowed", 0, std::string("Allow: ") + kAllowOutside + "\r\n"};
  }
  std::string unsupported;
  for (const auto* item = request->sip_require ? request->sip_require->k_items : nullptr;
       item && *item; ++item) {
    if (text::equalsNoCase(*item, "timer")) continue;
    unsupported.append(unsupported.empty() ? "" : ", ").append(*item);
  }
  if (!unsupported.empty())
    return {420, "Bad Extension", 0, "Unsupported: " + unsupported + "\r\n"};
  const std::string can = allow + "Accept: " + kAccept + "\r\nSupported: timer\r\n";
  if (!full) return {200, "OK", 0, can};
  const CallEnd& end = callEnd(*full);
  return {end.status, end.phrase, kRetryAfter, can, end.text};
}

std::string statelessAnswer(const sip_s* request, const AnswerWords& words,
                            const std::string& receivedAddress, std::uint16_t receivedPort) {
  static const std::string tag = std::to_string(g_random_int());
  su_home_t home[1] = {SU_HOME_INIT(home)};
  su_home_init(home);
  std::string out = "SIP/2.0 " + std::to_string(words.status) + " " + words.phrase + "\r\n";
  for (const sip_via_t* via = request->sip_via; via; via = via->v_next)
    appendVia(out, via, receivedAddress, receivedPort, via == request->sip_via);
  append(out, home, "From", request->sip_from);
  append(out, home, "\r\nTo", request->sip_to);
  if (!request->sip_to->a_tag) out.append(";tag=").append(tag);
  append(out, home, "\r\nCall-ID", request->sip_call_id);
  append(out, home, "\r\nCSeq", request->sip_cseq);
  if (words.retryAfter > 0)
    out.append("\r\nRetry-After: ").append(std::to_string(words.retryAfter));
  out.append("\r\n").append(words.headers);
  if (words.status >= 300) {
    const char* text = words.reason ? words.reason : words.phrase;
    out.append("Reason: ").append(reasonHeader(words.status, text)).append("\r\n");
  }
  out.append("Content-Length: 0\r\n\r\n");
  su_home_deinit(home);
  return out;
}

}  // namespace launcher
