// SPDX-License-Identifier: LGPL-2.1-or-later
// Room for the datagrams that one recvmmsg() takes from a socket. One thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include <netinet/in.h>
#include <sys/socket.h>

namespace bench {

class ReceiveBatch {
 public:
  static constexpr size_t kMost = 16;

  ReceiveBatch() {
    for (size_t i = 0; i < kMost; ++i)
      parts_[i] = {data_[i].data(), data_[i].size()};
  }
  ReceiveBatch(const ReceiveBatch&) = delete;
  ReceiveBatch& operator=(const ReceiveBatch&) = delete;

  size_t receive(int fd) {  // how many came, at most kMost
    for (size_t i = 0; i < kMost; ++i)
      messages_[i] = {
          {&from_[i], sizeof from_[i], &parts_[i], 1, control_[i].data(), control_[i].size(), 0},
          0};
    const int got = recvmmsg(fd, messages_.data(), kMost, MSG_DONTWAIT, nullptr);
    return got < 0 ? 0 : static_cast<size_t>(got);
  }
  const uint8_t* data(size_t i) const { return data_[i].data(); }
  size_t length(size_t i) const { return messages_[i].msg_len; }
  const sockaddr_in& from(size_t i) const { return from_[i]; }
  msghdr& message(size_t i) { return messages_[i].msg_hdr; }

 private:
  std::array<std::array<uint8_t, 2048>, kMost> data_;
  struct alignas(cmsghdr) Control : std::array<char, 64> {};
  std::array<Control, kMost> control_;
  std::array<sockaddr_in, kMost> from_;
  std::array<iovec, kMost> parts_;
  std::array<mmsghdr, kMost> messages_;
};

}  // namespace bench
