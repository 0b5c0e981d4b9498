// SPDX-License-Identifier: LGPL-2.1-or-later
#include "session/SessionRegistry.hpp"

#include <map>
#include <mutex>

#include "session/Session.hpp"

namespace wsbridge {

std::shared_ptr<Session> SessionRegistry::findOrAdd(
    const std::string& name, const std::function<std::shared_ptr<Session>()>& make) {
  static std::mutex mutex;
  static std::map<std::string, std::weak_ptr<Session>> known;
  const std::lock_guard lock(mutex);
  std::erase_if(known, [](const auto& entry) { return entry.second.expired(); });
  if (const auto found = known.find(name); found != known.end()) {
    if (auto connection = found->second.lock()) return connection;
  }
  auto connection = make();
  known[name] = connection;
  return connection;
}

}  // namespace wsbridge
