// SPDX-License-Identifier: LGPL-2.1-or-later
//
// The answers that a connection begins with: that of the endpoint to the handshake and that of a
// proxy to CONNECT. What is said of a bad one can be logged and repeated, and where the head ends
// does not depend on the pieces that it comes in.
#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "FuzzCheck.hpp"
#include "FuzzInput.hpp"
#include "common/Utf8.hpp"
#include "connect/Endpoint.hpp"
#include "connect/Http.hpp"
#include "connect/Proxy.hpp"

namespace {

using fuzz::require;

// Those of RFC 6455 section 1.3.
constexpr const char* kKey = "dGhlIHNhbXBsZSBub25jZQ==";
constexpr const char* kAccept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

void checkFailure(const wsbridge::Failure& failure) {
  require(failure.kind == wsbridge::FailureKind::Handshake, "a bad answer is a handshake's fault");
  require(!failure.text.empty(), "a fault has words");
  require(!fuzz::hasControl(failure.text), "a fault's text has no control characters");
  require(wsbridge::common::isUtf8(failure.text), "a fault's text is UTF-8");
}

void readHandshake(std::string_view head) {
  wsbridge::HandshakeRequest request;
  request.subprotocols = {"WSBRIDGE", "media"};
  const auto answer = wsbridge::readHandshakeAnswer(head, request, kKey);
  if (!answer) return checkFailure(answer.error());
  const std::string& chosen = answer->subprotocol;
  const auto& offered = request.subprotocols;
  require(chosen.empty() || std::find(offered.begin(), offered.end(), chosen) != offered.end(),
          "a subprotocol was offered");
  require(head.find(kAccept) != std::string_view::npos, "who is taken has seen our key");
  require(head.find("101") != std::string_view::npos, "who is taken has said 101");
}

void readProxy(std::string_view head) {
  wsbridge::Proxy proxy;
  proxy.shown = "proxy.example:3128";
  const auto failure = wsbridge::readProxyAnswer(head, proxy);
  if (failure) return checkFailure(*failure);
  require(head.find('2') != std::string_view::npos, "the way is opened by a status of 2xx");
}

/// Piece by piece, as a socket gives them.
void readInPieces(std::string_view bytes) {
  constexpr size_t kMost = 256;
  using State = wsbridge::HeadProgress::State;
  const auto whole = wsbridge::headProgress(bytes, kMost);
  if (whole.state == State::Whole) {
    require(whole.size <= kMost && whole.size <= bytes.size(), "a head is in what has come");
    require(bytes.substr(0, whole.size).ends_with("\r\n\r\n"), "a head has an end");
  }
  for (const size_t piece : {size_t{1}, size_t{2}, size_t{3}, size_t{7}, size_t{64}}) {
    size_t come = 0;
    wsbridge::HeadProgress cut{State::Partial, 0};
    while (cut.state == State::Partial && come < bytes.size()) {
      come = std::min(come + piece, bytes.size());
      cut = wsbridge::headProgress(bytes.substr(0, come), kMost);
    }
    require(bytes.empty() || cut == whole, "the same comes out however the bytes are cut");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view head(reinterpret_cast<const char*>(data), size);
  readHandshake(head);
  readProxy(head);
  readInPieces(head);
  return 0;
}
