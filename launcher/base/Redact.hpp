// SPDX-License-Identifier: LGPL-2.1-or-later
// Takes the secrets out of URIs in a text that somebody will read: every log field, printed
// configuration and answer of the REST interface goes through here. Pure; any thread.
#pragma once

#include <string>
#include <string_view>

namespace launcher {

/// Of `sip:` and `sips:` URIs the password and the headers go, of URIs with `://` the user-info
/// (***@), query and fragment (?***). The rest of the text stays.
[[nodiscard]] std::string redacted(std::string_view text);

/// In quotes, the first word of a line that was meant as a setting, when it looks like a key;
/// otherwise '…', for it may be a secret.
[[nodiscard]] std::string keyLikeWord(std::string_view line);

}  // namespace launcher
