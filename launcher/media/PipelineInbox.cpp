// SPDX-License-Identifier: LGPL-2.1-or-later
#include "media/PipelineInbox.hpp"

#include <algorithm>
#include <utility>

namespace launcher {

namespace {

bool isTransfer(const PipelineEvent& event) {
  const auto* control = std::get_if<ControlAsked>(&event);
  return control && control->action == "transfer";
}

/// Ten of them tell no more than one and the number.
bool repeats(const PipelineEvent& event, const PipelineEvent& earlier) {
  if (event.index() != earlier.index()) return false;
  if (const auto* digit = std::get_if<DigitPassed>(&event))
    return digit->direction == std::get<DigitPassed>(earlier).direction;
  if (const auto* control = std::get_if<ControlAsked>(&event))
    return control->action == std::get<ControlAsked>(earlier).action && !isTransfer(event);
  return std::holds_alternative<FirstAudio>(event) || std::holds_alternative<DigitLost>(event) ||
         std::holds_alternative<PlayedOut>(event);
}

}  // namespace

template <class Kind>
std::size_t PipelineInbox::waiting() const {
  return static_cast<std::size_t>(
      std::count_if(events_.begin(), events_.end(),
                    [](const Counted& e) { return std::holds_alternative<Kind>(e.event); }));
}

bool PipelineInbox::addToEarlier(PipelineEvent& event) {
  const auto find = [&] {
    return std::find_if(events_.begin(), events_.end(),
                        [&](const Counted& earlier) { return repeats(event, earlier.event); });
  };
  auto found = find();
  auto* control = std::get_if<ControlAsked>(&event);
  if (found == events_.end() && control && control->action != "hangup" && !isTransfer(event) &&
      waiting<ControlAsked>() >= kMaxControls) {
    control->action = "other";
    found = find();
  }
  if (found == events_.end()) return false;
  ++found->count;
  return true;
}

bool PipelineInbox::isTooMuch(const PipelineEvent& event) const {
  if (std::holds_alternative<DigitWanted>(event)) return waiting<DigitWanted>() >= kMaxDigits;
  if (std::holds_alternative<MessageAsked>(event)) return waiting<MessageAsked>() >= kMaxMessages;
  // The pipeline tells each of the others once, or once a second.
  return isTransfer(event) && std::count_if(events_.begin(), events_.end(), [](const Counted& e) {
                                return isTransfer(e.event);
                              }) >= static_cast<std::ptrdiff_t>(kMaxTransfers);
}

PipelineInbox::Added PipelineInbox::add(PipelineEvent event) {
  const std::lock_guard lock(mutex_);
  if (addToEarlier(event)) return Added::Waiting;
  if (isTooMuch(event)) return Added::Refused;
  events_.push_back({std::move(event)});
  return events_.size() == 1 ? Added::First : Added::Waiting;
}

std::vector<PipelineInbox::Counted> PipelineInbox::take() {
  const std::lock_guard lock(mutex_);
  return std::exchange(events_, {});
}

}  // namespace launcher
