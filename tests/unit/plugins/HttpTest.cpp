// SPDX-License-Identifier: LGPL-2.1-or-later
#include <algorithm>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "connect/Http.hpp"

namespace wsbridge {
namespace {

constexpr size_t kMost = 16 * 1024;
using State = HeadProgress::State;

/// As a socket gives them: the first answer that decides.
HeadProgress inPieces(std::string_view bytes, size_t piece) {
  HeadProgress progress{State::Partial, 0};
  for (size_t come = 0; progress.state == State::Partial && come < bytes.size();) {
    come = std::min(come + piece, bytes.size());
    progress = headProgress(bytes.substr(0, come), kMost);
  }
  return progress;
}

std::string headOfSize(size_t size) {
  const std::string begin = "HTTP/1.1 101 x\r\nX: ";
  return begin + std::string(size - begin.size() - 4, 'x') + "\r\n\r\n";
}

TEST(HttpHead, ComesOutTheSameHoweverItIsCut) {
  const std::string head = headOfSize(100);
  struct Case {
    std::string bytes;
    HeadProgress expected;
  };
  const Case cases[] = {
      {head, {State::Whole, 100}},
      {head + "\x81\x02hi\r\n\r\n", {State::Whole, 100}},
      {head.substr(0, 99), {State::Partial, 0}},
      {"HTTP/1.1 200\n\n", {State::Partial, 0}},
      {"HTTP/2 200\r\n\r\n", {State::NoHttp, 0}},
      {"SSH-2.0-x\r\n\r\n", {State::NoHttp, 0}},
      {"\r\n\r\n", {State::NoHttp, 0}},
      {std::string(70000, 'H'), {State::NoHttp, 0}},
  };
  for (const Case& one : cases) {
    EXPECT_EQ(headProgress(one.bytes, kMost), one.expected) << one.bytes.substr(0, 20);
    for (const size_t piece : {1, 2, 3, 5, 97, 99, 100, 101})
      EXPECT_EQ(inPieces(one.bytes, piece), one.expected) << one.bytes.substr(0, 20) << piece;
  }
}

TEST(HttpHead, HasALimit) {
  for (const size_t piece : {size_t{1000}, kMost - 1, kMost, 2 * kMost}) {
    EXPECT_EQ(inPieces(headOfSize(200), piece), (HeadProgress{State::Whole, 200}));
    EXPECT_EQ(inPieces(headOfSize(kMost), piece), (HeadProgress{State::Whole, kMost}));
    EXPECT_EQ(inPieces(headOfSize(kMost + 1), piece).state, State::NoHttp) << piece;
    EXPECT_EQ(inPieces(headOfSize(5 * kMost), piece).state, State::NoHttp) << piece;
  }
}

}  // namespace
}  // namespace wsbridge
