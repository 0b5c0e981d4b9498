// SPDX-License-Identifier: LGPL-2.1-or-later
#include "media/PipelineInbox.hpp"

#include <algorithm>
#include <utility>

namespace launcher {

namespace {

using Kind = PipelineEvent::Kind;

bool isTransfer(const PipelineEvent& event) {
  return event.kind == Kind::Control && event.text == "transfer";
}

/// Ten of them tell no more than one and the number.
bool repeats(const PipelineEvent& event, const PipelineEvent& earlier) {
  if (event.kind != earlier.kind) return false;
  switch (event.kind) {
    case Kind::Digit:
      return event.who == earlier.who;
    case Kind::Control:
      return event.text == earlier.text && !isTransfer(event);
    case Kind::FirstAudio:
    case Kind::KeyLost:
    case Kind::PlayedOut:
      return true;
    default:
      return false;
  }
}

}  // namespace

std::size_t PipelineInbox::waiting(Kind kind) const {
  return static_cast<std::size_t>(std::count_if(events_.begin(), events_.end(),
                                                [kind](const auto& e) { return e.kind == kind; }));
}

bool PipelineInbox::addToEarlier(PipelineEvent& event) {
  const auto find = [this](const PipelineEvent& wanted) {
    return std::find_if(events_.begin(), events_.end(),
                        [&wanted](const auto& earlier) { return repeats(wanted, earlier); });
  };
  auto found = find(event);
  if (found == events_.end() && event.kind == Kind::Control && event.text != "hangup" &&
      !isTransfer(event) && waiting(Kind::Control) >= kMaxControls) {
    event.text = "other";
    found = find(event);
  }
  if (found == events_.end()) return false;
  ++found->count;
  return true;
}

bool PipelineInbox::isTooMuch(const PipelineEvent& event) const {
  switch (event.kind) {
    case Kind::Key:
      return waiting(Kind::Key) >= kMaxKeys;
    case Kind::Message:
      return waiting(Kind::Message) >= kMaxMessages;
    case Kind::Control:
      return isTransfer(event) && std::count_if(events_.begin(), events_.end(), isTransfer) >=
                                      static_cast<std::ptrdiff_t>(kMaxTransfers);
    default:
      return false;  // the pipeline tells each of the others once, or once a second
  }
}

PipelineInbox::Added PipelineInbox::add(PipelineEvent event) {
  const std::lock_guard lock(mutex_);
  if (addToEarlier(event)) return Added::Waiting;
  if (isTooMuch(event)) return Added::Refused;
  events_.push_back(std::move(event));
  return events_.size() == 1 ? Added::First : Added::Waiting;
}

std::vector<PipelineEvent> PipelineInbox::take() {
  const std::lock_guard lock(mutex_);
  return std::exchange(events_, {});
}

}  // namespace launcher
