// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>

namespace testsupport {

// Owns a fresh directory under the system's temporary directory and removes it with all its
// contents. Not shared between threads while it is being made or destroyed.
class TempDir {
 public:
  explicit TempDir(const std::string& label = "wsbridge-test");
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  const std::string& path() const { return path_; }
  std::string file(const std::string& name) const { return path_ + "/" + name; }
  // Writes the whole file and returns its path. Throws std::runtime_error when that fails.
  std::string write(const std::string& name, const std::string& contents) const;

 private:
  std::string path_;
};

// The whole file, empty when it cannot be read.
std::string readFile(const std::string& path);

// A TCP and UDP port of 127.0.0.1 that was free a moment ago, for programs that cannot take port 0.
int freePort();

}  // namespace testsupport
