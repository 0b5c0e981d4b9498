// SPDX-License-Identifier: LGPL-2.1-or-later
//
// The spellings of a request URI: the normal form is its own, and no caller gets past a route by
// escaping what need not be escaped.
#include <cstdint>
#include <string>
#include <string_view>

#include <glib.h>

#include "FuzzCheck.hpp"
#include "FuzzInput.hpp"
#include "sip/stack/RequestUri.hpp"

namespace {

using fuzz::require;

std::string escaped(std::string_view user, unsigned which) {
  std::string out;
  for (size_t i = 0; i < user.size(); ++i) {
    if (g_ascii_isalnum(user[i]) && ((which >> (i % 8)) & 1U) != 0) {
      char text[4];
      g_snprintf(text, sizeof text, (which & 128U) != 0 ? "%%%02x" : "%%%02X",
                 static_cast<unsigned>(static_cast<unsigned char>(user[i])));
      out += text;
    } else {
      out += user[i];
    }
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::Input input(data, size);
  const unsigned which = input.byte();
  const std::string uri = input.rest();
  const std::string normal = launcher::normalRequestUri(uri);
  require(launcher::normalRequestUri(normal) == normal, "the normal form is its own");
  require(!fuzz::hasControl(normal) && normal.find(' ') == std::string::npos,
          "the normal form is one word");
  const auto forms = launcher::requestUriForms(uri);
  require(!forms.empty() && forms.front() == normal, "the normal form is tried first");
  require(launcher::requestUriForms(normal) == forms, "the forms are those of the normal form");
  // With a % in it, escapes of its own could begin anew.
  if (uri.find('%') != std::string::npos) return 0;
  const std::string user = uri.substr(0, uri.find('@'));
  for (const char* scheme : {"sip:", "sips:"}) {
    require(launcher::normalRequestUri(scheme + user + "@h") ==
                launcher::normalRequestUri(scheme + escaped(user, which) + "@h"),
            "escapes that need not be make no difference");
  }
  require(launcher::normalRequestUri("SIP:" + user + "@H.EXAMPLE") ==
              launcher::normalRequestUri("sip:" + user + "@h.example"),
          "case of scheme and host makes no difference");
  return 0;
}
