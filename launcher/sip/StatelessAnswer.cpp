// SPDX-License-Identifier: LGPL-2.1-or-later
#include "sip/StatelessAnswer.hpp"

#include <glib.h>
#include <sofia-sip/sip.h>
#include <sofia-sip/sip_header.h>
#include <sofia-sip/su_alloc.h>

#include "base/Text.hpp"
#include "call/CallEnd.hpp"

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
  out.append("\r\nReason: ").append(reasonHeader(words.status, words.phrase));
  out.append("\r\nContent-Length: 0\r\n\r\n");
  su_home_deinit(home);
  return out;
}

}  // namespace launcher
