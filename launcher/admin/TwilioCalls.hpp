// SPDX-License-Identifier: LGPL-2.1-or-later
// The one resource of Twilio's REST API that voice agents use on a call that is up: look at it, end
// it. Writes and reads HTTP and JSON; calls are looked up by whoever made it. Main thread only.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "admin/HttpServer.hpp"
#include "call/CallManager.hpp"

namespace launcher {

class TwilioCalls {
 public:
  static constexpr const char* kPrefix = "/2010-04-01";

  using Found = std::function<void(const std::optional<CallSnapshot>&)>;
  /// `found` is called on the main thread, later.
  using Look = std::function<void(const TwilioSids&, CallManager::EndWhich, Found found)>;

  explicit TwilioCalls(Look look) : look_(std::move(look)) {}

  /// `token` is the account's; empty: whoever reaches a loopback address may ask.
  void handle(const HttpRequest& request, const std::string& token,
              const HttpServer::Answer& answer) const;

 private:
  Look look_;
};

}  // namespace launcher
