// SPDX-License-Identifier: LGPL-2.1-or-later
//
// ConnectionRegistry: the connections of the process by name, held weakly. Any thread.
#pragma once

#include <functional>
#include <memory>
#include <string>

namespace wsbridge {

class Connection;

class ConnectionRegistry {
 public:
  static std::shared_ptr<Connection> findOrAdd(
      const std::string& name, const std::function<std::shared_ptr<Connection>()>& make);
};

}  // namespace wsbridge
