// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Parts of HTTP/1.1 that the handshake with an endpoint and the one with a proxy have in common.
// Pure.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <libsoup/soup.h>

namespace wsbridge {

struct HttpHeadersUnref {
  void operator()(SoupMessageHeaders* headers) const { soup_message_headers_unref(headers); }
};

struct HttpAnswer {
  unsigned status = 0;
  std::unique_ptr<SoupMessageHeaders, HttpHeadersUnref> headers;
};

/// Whether the head of an answer, up to and with the empty line, has come, and how long it is. What
/// is decided is decided by the first octet that allows it, so the pieces that octets come in do
/// not matter. A head of more than `most` octets is none.
struct HeadProgress {
  enum class State { Partial, Whole, NoHttp };
  State state;
  size_t size;  ///< of a whole one
  bool operator==(const HeadProgress&) const = default;
};
HeadProgress headProgress(std::string_view bytes, size_t most);

/// `head` is the answer up to and with the empty line. Empty: it is no HTTP.
std::optional<HttpAnswer> readHttpAnswer(std::string_view head);

/// Another answer follows, RFC 9110 15.2; 101 is none of these.
constexpr bool isInterimStatus(unsigned status) {
  return status >= 100 && status < 200 && status != 101;
}

/// Gateways and load balancers say these while the server behind them restarts.
bool isTemporaryStatus(unsigned status);

/// The value of Authorization or Proxy-Authorization, RFC 7617.
std::string basicAuthorization(const std::string& username, const std::string& password);

}  // namespace wsbridge
