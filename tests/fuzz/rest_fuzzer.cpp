// SPDX-License-Identifier: LGPL-2.1-or-later
//
// A request to the REST interface: a byte of flags; a line each with the method, the path, the
// content type and the authorization; then the body. It is answered once, in JSON, and nothing is
// looked for or ended without the token.
#include <algorithm>
#include <cstdint>
#include <string>
#include <variant>

#include <glib.h>

#include "FuzzCheck.hpp"
#include "FuzzInput.hpp"
#include "admin/TwilioCalls.hpp"
#include "common/TwilioSid.hpp"
#include "common/json/Json.hpp"

namespace {

using fuzz::require;
using namespace launcher;
using wsbridge::common::isTwilioSid;
using wsbridge::common::Json;

/// As RFC 7617 has it: what stands behind "Basic ", decoded.
std::string credentialsOf(const std::string& authorization) {
  constexpr size_t kScheme = 6;
  if (authorization.size() < kScheme) return {};
  gsize size = 0;
  g_autofree guchar* bytes = g_base64_decode(authorization.c_str() + kScheme, &size);
  return {reinterpret_cast<const char*>(bytes), size};
}

HttpRequest requestOf(const std::string& text, bool loopback) {
  HttpRequest request;
  size_t at = 0;
  for (std::string* field :
       {&request.method, &request.path, &request.contentType, &request.authorization}) {
    const size_t end = std::min(text.find('\n', at), text.size());
    *field = text.substr(at, end - at);
    at = std::min(end + 1, text.size());
  }
  request.body = text.substr(at);
  request.loopback = loopback;
  return request;
}

void ask(const HttpRequest& request, bool found, const std::string& token) {
  int looks = 0;
  const TwilioCalls calls(
      [&](const TwilioSids& sids, CallManager::EndWhich end, const TwilioCalls::Found& done) {
        ++looks;
        require(isTwilioSid("AC", sids.account) && isTwilioSid("CA", sids.call),
                "what is looked for is a SID");
        require(end == CallManager::EndWhich::None || request.method == "POST",
                "only a POST ends a call");
        if (!token.empty()) {
          require(credentialsOf(request.authorization) == sids.account + ":" + token,
                  "nobody is let in without the token");
        } else {
          require(request.loopback, "without a token only this machine is let in");
        }
        if (found) {
          done(CallSnapshot{request.contentType, request.body, false,
                            CallSnapshot::Status::InProgress, 1283286988, 1283286990, 0});
        } else {
          done(std::nullopt);
        }
      });
  int answers = 0;
  calls.handle(request, token, [&](const HttpResponse& response) {
    ++answers;
    require(response.status >= 200 && response.status < 600, "an answer has a status");
    require(response.contentType == "application/json", "an answer is JSON");
    require(std::holds_alternative<Json>(Json::readObject(response.body, 1024 * 1024)),
            "an answer is a JSON object");
    for (const auto& [name, value] : response.headers)
      require(!fuzz::hasControl(name + value), "a header is one line");
    require(response.status != 200 || looks == 1, "who gets a call has asked for one");
  });
  require(answers == 1, "a request is answered once");
  require(looks <= 1, "a call is looked for once");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::Input input(data, size);
  const unsigned flags = input.byte();
  const HttpRequest request = requestOf(input.rest(), (flags & 1U) != 0);
  for (const char* token : {"secret", ""})
    ask(request, (flags & 2U) != 0, token);
  return 0;
}
