// SPDX-License-Identifier: LGPL-2.1-or-later
//
// HandshakeGate: how many TLS handshakes go on at once with one host and port; the others wait for
// their turn, in order, each until its own deadline. Any thread; what waits is called on the thread
// that makes room and has to post itself on.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>

namespace wsbridge {

class HandshakeGate {
 public:
  static constexpr size_t kMaxPerHost = 64;

  /// One place, or the wait for one. Given back when it is destroyed.
  class Place {
   public:
    ~Place();
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;

   private:
    friend class HandshakeGate;
    Place(std::string host, std::function<void()> admitted)
        : host_(std::move(host)), admitted_(std::move(admitted)) {}

    const std::string host_;
    const std::function<void()> admitted_;
    bool inside_ = false;  // guarded by the gate's mutex
  };

  /// `admitted` is called once, perhaps at once, unless the place is destroyed before.
  static std::unique_ptr<Place> enter(const std::string& host, std::function<void()> admitted);
};

}  // namespace wsbridge
