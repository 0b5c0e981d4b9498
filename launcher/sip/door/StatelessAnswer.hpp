// SPDX-License-Identifier: LGPL-2.1-or-later
// A final answer to a request that no transaction is made of, RFC 3261 8.2.7: whoever asks again is
// answered again. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/CallEnd.hpp"

struct sip_s;

namespace launcher {

struct AnswerWords {
  int status;
  const char* phrase;
  int retryAfter = 0;            ///< s, 0 for none
  std::string headers = {};      ///< further lines, each with its end
  const char* reason = nullptr;  ///< text of the Reason header; the phrase when there is none
};

/// What a request outside a dialog is answered, INVITE, ACK and CANCEL left out: no transaction is
/// made of it, so a flood of them keeps nothing. `full`: why an INVITE would be refused now for
/// lack of capacity; OPTIONS is then refused with the same words.
[[nodiscard]] AnswerWords answerOutsideDialog(const sip_s* request, std::optional<EndReason> full);

/// `receivedAddress` and `receivedPort`: where the request came from, RFC 3581.
[[nodiscard]] std::string statelessAnswer(const sip_s* request, const AnswerWords& words,
                                          const std::string& receivedAddress,
                                          std::uint16_t receivedPort);

}  // namespace launcher
