// SPDX-License-Identifier: LGPL-2.1-or-later
// Looks up the hosts of endpoints off the SIP thread. Owns a small pool of threads; may be called
// from any thread, the answer comes on one of the pool's and must only be posted on.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include <glib.h>

namespace launcher {

struct NameAnswer {
  std::vector<std::string> addresses;
  std::string fault;       ///< set when there are none
  bool temporary = false;  ///< asking again may help
};

class NameResolver {
 public:
  using Answer = std::function<void(NameAnswer)>;

  NameResolver();
  /// Waits for the look-ups that run.
  ~NameResolver();
  NameResolver(const NameResolver&) = delete;
  NameResolver& operator=(const NameResolver&) = delete;

  void resolve(const std::string& host, Answer answer);

 private:
  GThreadPool* pool_;
};

}  // namespace launcher
