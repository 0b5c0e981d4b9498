// SPDX-License-Identifier: LGPL-2.1-or-later
//
// ElementCore: what wsbridgesink and wsbridgesrc have in common: the properties, the
// element's place on its Session, and the messages that it posts. Owned by the
// element (`new` in init, `delete` in finalize). Any thread; settings are read once, at attach().
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include <gst/gst.h>

#include "session/Session.hpp"
#include "session/SessionSettings.hpp"

namespace wsbridge {

class ElementObserver;

class ElementCore {
 public:
  /// Property ids below this are the common ones; an element's own start here.
  static constexpr guint kFirstOwnProperty = 64;

  ElementCore(GstElement* element, Role role);
  ~ElementCore();
  ElementCore(const ElementCore&) = delete;
  ElementCore& operator=(const ElementCore&) = delete;

  static void installProperties(GObjectClass* klass);

  /// False: not one of the common properties.
  bool setProperty(guint id, const GValue* value);
  bool getProperty(guint id, GValue* value) const;

  /// The element's own settings live here too; hold the lock returned by lockSettings() while
  /// touching them.
  SessionSettings& settings() { return settings_; }
  [[nodiscard]] std::unique_lock<std::mutex> lockSettings() const {
    return std::unique_lock(mutex_);
  }

  /// NULL to READY and back, READY to PAUSED and back. False: an error was posted. renew() comes
  /// before start(): what has been set in READY counts from then on.
  bool attach();
  bool renew();
  bool start();
  void stop();
  void detach();

  [[nodiscard]] std::shared_ptr<Session> session() const;

  /// Called on the loop's thread at the end of the conversation: in order or not.
  void (*on_end)(GstElement* element, bool in_order) = nullptr;

  /// Called on the loop's thread when the endpoint has changed Session::muted().
  void (*on_mute)(GstElement* element) = nullptr;

 private:
  friend class ElementObserver;

  /// Posts it, if there is one; true if there is none.
  bool reported(const Session& session, const std::optional<Failure>& failure) const;
  [[nodiscard]] SessionStats lastStats() const;

  GstElement* element_;
  Role role_;
  mutable std::mutex mutex_;
  SessionSettings settings_;
  std::shared_ptr<Session> session_;  // from READY on; null in NULL
  SessionStats last_stats_;           // in NULL
  std::shared_ptr<ElementObserver> observer_;
  GstStructure* extra_headers_ = nullptr;
};

/// The core that an element has made for itself.
ElementCore* coreOf(gpointer element);

}  // namespace wsbridge
