// SPDX-License-Identifier: LGPL-2.1-or-later
#include "Mutator.hpp"

#include <algorithm>
#include <vector>

namespace e2e {
namespace {

const std::vector<std::string>& values() {
  static const std::vector<std::string> all = {
      "",
      "*",
      "<tel:+4930>",
      "<sip:>",
      "<sip:a@[::1>",
      "<sips:a@b;transport=nothing;maddr=no.such.invalid>",
      "\"unclosed <sip:a@b>",
      "<sip:%00@127.0.0.1:65536;lr=;lr;;>",
      ",,,;;;===",
      "4294967296",
      "-1",
      "99999999999999999999999999",
      "0 INVITE",
      "1 \xff\xfe",
      "SIP/2.0/SCTP [::1]:0;branch=;rport;received=x;ttl=999",
      "multipart/mixed;boundary=",
      "timer, timer, 100rel",
      "90;refresher=nobody",
      "100;a=\"\\",
      std::string(300, '%'),
      std::string(3000, 'x'),
      std::string(70, '('),
      std::string("a\0b", 3),
  };
  return all;
}

const std::vector<std::string>& lines() {
  static const std::vector<std::string> all = {
      "Content-Length: 5",
      "l: 99999",
      "Require: nothing-at-all",
      "Record-Route: <sip:127.0.0.1:9;lr>, <tel:1>",
      "Route: <sip:no.such.invalid;lr>",
      "Session-Expires: 91;refresher=uas",
      "Replaces: a;to-tag=b;from-tag=c",
      "Refer-To: <sip:x@y?Replaces=%00>",
      "Referred-By: <sip:x>",
      "RSeq: 0",
      "RAck: 1 1 INVITE",
      "Event: refer;id=99999999999",
      "Subscription-State: terminated;reason=",
      "Authorization: Digest username=\"",
      "Timestamp: 1e999",
      "Max-Forwards: 0",
      "Content-Encoding: gzip",
      "Content-Disposition: session;handling=required",
      "Expires: 99999999999",
      "Min-SE: 0",
      " folded",
      ":",
      "\t",
  };
  return all;
}

}  // namespace

void Mutator::change(std::string& message) {
  if (message.empty()) return;
  const size_t at = below(message.size());
  // A line is from here to there, its end included.
  const size_t before = message.rfind('\n', at == 0 ? 0 : at - 1);
  const size_t begin = before == std::string::npos ? 0 : before + 1;
  const size_t end = std::min(message.find('\n', begin), message.size() - 1) + 1;
  const std::string line = message.substr(begin, end - begin);
  switch (below(10)) {
    case 0:
      message[at] = static_cast<char>(random_());
      break;
    case 1:
      message[at] = "\0\r\n\t :;,=<>\"@[]%?*/\\\x7f\x80\xff"[below(24)];
      break;
    case 2:
      message.erase(at, 1 + below(20));
      break;
    case 3:
      message.insert(at, message.substr(below(message.size()), below(40)));
      break;
    case 4:
      message.erase(begin, end - begin);
      break;
    case 5:
      message.insert(end, line);
      break;
    case 6:
      message.insert(end, lines()[below(lines().size())] + "\r\n");
      break;
    case 7: {
      const size_t colon = line.find(':');
      if (colon == std::string::npos) break;
      message.replace(begin, end - begin,
                      line.substr(0, colon + 1) + " " + values()[below(values().size())] + "\r\n");
      break;
    }
    case 8: {
      const size_t digit = message.find_first_of("0123456789", at);
      if (digit != std::string::npos) message.replace(digit, 1, values()[9 + below(3)]);
      break;
    }
    default:
      if (below(20) == 0) message.resize(at);
      break;
  }
}

std::string Mutator::spoil(std::string message) {
  for (size_t left = 1 + below(4); left > 0; --left)
    change(message);
  return message;
}

}  // namespace e2e
