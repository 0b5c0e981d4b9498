// SPDX-License-Identifier: LGPL-2.1-or-later
#include "sip/stack/SofiaLog.hpp"

#include <cstdarg>
#include <cstring>
#include <string_view>

#include <glib.h>
#include <sofia-sip/su_log.h>

#include "base/Text.hpp"
#include "log/Log.hpp"

namespace launcher {

namespace {

struct SendFault {
  std::string method;
  unsigned cseq = 0;
  int error = 0;
};
SendFault lastFault;

/// Of outgoing_print_tport_error(): method, CSeq, what is done about it, and the error twice.
constexpr std::string_view kSendFault = "nta: %s (%u): %s%s (%u) with ";

void noteSendFault(va_list arguments) {
  const char* method = va_arg(arguments, const char*);
  const unsigned cseq = va_arg(arguments, unsigned);
  va_arg(arguments, const char*);
  va_arg(arguments, const char*);
  lastFault = {method ? method : "", cseq, va_arg(arguments, int)};
}

extern "C" void sofiaLog(void*, const char* format, va_list arguments) noexcept {
  if (std::string_view(format).starts_with(kSendFault)) {
    va_list copy;
    va_copy(copy, arguments);
    noteSendFault(copy);
    va_end(copy);
  }
  if (!log::enabled(log::Level::Debug)) return;
  char* text = g_strdup_vprintf(format, arguments);
  log::debug("sofia", {{"text", text::trim(text)}});
  g_free(text);
}

}  // namespace

void redirectSofiaLog() {
  su_log_redirect(nullptr, sofiaLog, nullptr);
}

std::string sendFault(const char* method, unsigned cseq) {
  if (lastFault.error == 0 || lastFault.cseq != cseq || lastFault.method != method) return {};
  return text::lower(g_strerror(lastFault.error));
}

}  // namespace launcher
