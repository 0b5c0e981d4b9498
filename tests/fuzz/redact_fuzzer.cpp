// SPDX-License-Identifier: LGPL-2.1-or-later
//
// What is taken out of texts before anybody reads them: a secret in a URI between arbitrary words
// is gone, and taking out again changes nothing.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "FuzzCheck.hpp"
#include "FuzzInput.hpp"
#include "base/Redact.hpp"
#include "base/Text.hpp"
#include "common/Utf8.hpp"

using fuzz::require;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  constexpr const char* kSecret = "S3CRET";
  const std::string text(reinterpret_cast<const char*>(data), size);
  const std::string once = launcher::redacted(text);
  require(launcher::redacted(once) == once, "taking out again changes nothing");
  if (wsbridge::common::isUtf8(text))
    require(wsbridge::common::isUtf8(once), "what is left is UTF-8");
  (void)launcher::keyLikeWord(text);
  (void)launcher::text::withoutCredentials(text);
  (void)launcher::text::maskUserInfo(text);
  if (text.find(kSecret) != std::string::npos) return 0;
  const size_t middle = size / 2;
  for (const char* uri :
       {"ws://user:S3CRET@h.example/p", "wss://h.example/p?token=S3CRET", "http://h/#S3CRET",
        "sip:bob:S3CRET@h.example", "sips:h.example?X=S3CRET", "WSS://S3CRET@h:1"}) {
    const std::string within = text.substr(0, middle) + " " + uri + " " + text.substr(middle);
    require(launcher::redacted(within).find(kSecret) == std::string::npos,
            "a secret in a URI is not shown");
  }
  return 0;
}
