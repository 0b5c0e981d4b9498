// SPDX-License-Identifier: LGPL-2.1-or-later
// PipelineEvent: what happens in a call's pipeline, as a value.
#pragma once

#include <string>

namespace launcher {

struct PipelineEvent {
  enum class Kind {
    Opened,
    MediaAttached,
    FirstAudio,
    Digit,
    Key,      ///< for a caller who takes none as RTP
    KeyLost,  ///< too many keys wait to be sent as RTP
    Control,
    Message,
    Closed,
    Failed,
    Error,
    PlayedOut
  };
  Kind kind;
  std::string text;         ///< reason, action, fault, key or body
  std::string failureKind;  ///< of Failed, see docs/elements.md
  std::string who;          ///< of Closed; of Message its type; of Opened and Failed the endpoint
  unsigned code = 0;        ///< close code, HTTP status or ms of a Key
  double setupMs = 0;       ///< of Opened
  unsigned count = 1;       ///< of those that are counted: how many they were
};

}  // namespace launcher
