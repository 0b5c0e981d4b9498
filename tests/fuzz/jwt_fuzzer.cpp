// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Claims of a JWT: a token of any that are accepted holds them as JSON, with exactly one iat, exp
// and jti, which are ours.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <variant>

#include <unistd.h>

#include <glib.h>
#include <glib/gstdio.h>

#include "FuzzCheck.hpp"
#include "Opening.hpp"
#include "common/Utf8.hpp"
#include "connect/Jwt.hpp"

namespace {

using fuzz::require;
using wsbridge::JwtSigner;

constexpr int64_t kNow = 1'700'000'000;

/// A file with a secret, gone when the process ends.
class KeyFile {
 public:
  KeyFile() {
    g_autofree char* path = nullptr;
    const int fd = g_file_open_tmp("wsbridge-fuzz-XXXXXX", &path, nullptr);
    require(fd >= 0 && write(fd, "secret", 6) == 6, "a key file can be written");
    close(fd);
    path_ = path;
  }
  ~KeyFile() { g_unlink(path_.c_str()); }
  KeyFile(const KeyFile&) = delete;
  KeyFile& operator=(const KeyFile&) = delete;
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

std::string decoded(std::string part) {
  for (char& c : part) {
    if (c == '-') c = '+';
    if (c == '_') c = '/';
  }
  part.append((4 - part.size() % 4) % 4, '=');
  gsize size = 0;
  g_autofree guchar* bytes = g_base64_decode(part.c_str(), &size);
  return {reinterpret_cast<const char*>(bytes), size};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const KeyFile file;
  wsbridge::JwtSettings settings;
  settings.key_file = file.path();
  settings.algorithm = wsbridge::JwtAlgorithm::Hs256;
  settings.claims.assign(data, data + size);
  const auto made = JwtSigner::make(settings);
  if (!made) {
    const std::string& fault = made.error();
    require(!fault.empty() && wsbridge::common::isUtf8(fault), "a fault is text");
    return 0;
  }
  const auto token = (*made)->token(kNow);
  require(token.has_value(), "a secret signs");
  const size_t first = token->find('.');
  const size_t second = token->find('.', first + 1);
  require(second != std::string::npos, "a token has three parts");
  const auto claims = fuzz::objectOf(decoded(token->substr(first + 1, second - first - 1)),
                                     "claims are a JSON object");
  for (const char* ours : {"iat", "exp", "jti"}) {
    int count = 0;
    for (const auto& member : claims.root().members())
      count += member.isNamed(ours) ? 1 : 0;
    require(count == 1, "what is made for each connection stands there once");
  }
  const auto iat = claims.root().member("iat");
  const auto exp = claims.root().member("exp");
  require(iat && iat->integer() == kNow, "iat is ours");
  require(exp && exp->integer() == kNow + 300, "exp is ours");
  return 0;
}
