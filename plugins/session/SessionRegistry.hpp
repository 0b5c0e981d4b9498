// SPDX-License-Identifier: LGPL-2.1-or-later
//
// SessionRegistry: the connections of the process by name, held weakly. Any thread.
#pragma once

#include <functional>
#include <memory>
#include <string>

namespace wsbridge {

class Session;

class SessionRegistry {
 public:
  static std::shared_ptr<Session> findOrAdd(const std::string& name,
                                            const std::function<std::shared_ptr<Session>()>& make);
};

}  // namespace wsbridge
