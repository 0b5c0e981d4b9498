// SPDX-License-Identifier: LGPL-2.1-or-later
#include "connect/Http.hpp"

#include <algorithm>

#include "connect/Encoding.hpp"

namespace wsbridge {

HeadProgress headProgress(std::string_view bytes, size_t most) {
  constexpr std::string_view kBegin = "HTTP/1.";
  constexpr std::string_view kEnd = "\r\n\r\n";
  const size_t common = std::min(bytes.size(), kBegin.size());
  if (bytes.substr(0, common) != kBegin.substr(0, common)) return {HeadProgress::State::NoHttp, 0};
  const size_t end = bytes.substr(0, most).find(kEnd);
  if (end != std::string_view::npos) return {HeadProgress::State::Whole, end + kEnd.size()};
  return {bytes.size() < most ? HeadProgress::State::Partial : HeadProgress::State::NoHttp, 0};
}

std::optional<HttpAnswer> readHttpAnswer(std::string_view head) {
  HttpAnswer answer;
  answer.headers.reset(soup_message_headers_new(SOUP_MESSAGE_HEADERS_RESPONSE));
  SoupHTTPVersion version = SOUP_HTTP_1_1;
  g_autofree char* phrase = nullptr;
  // libsoup wants the text without its last empty line, and reads numbers as far as there are
  // digits.
  const std::string text(head.substr(0, head.size() >= 2 ? head.size() - 2 : 0));
  if (!soup_headers_parse_response(text.c_str(), static_cast<int>(text.size()),
                                   answer.headers.get(), &version, &answer.status, &phrase)) {
    return std::nullopt;
  }
  return answer;
}

bool isTemporaryStatus(unsigned status) {
  return status == SOUP_STATUS_BAD_GATEWAY || status == SOUP_STATUS_SERVICE_UNAVAILABLE ||
         status == SOUP_STATUS_GATEWAY_TIMEOUT;
}

std::string basicAuthorization(const std::string& username, const std::string& password) {
  return "Basic " + base64(bytesOf(username + ":" + password));
}

}  // namespace wsbridge
