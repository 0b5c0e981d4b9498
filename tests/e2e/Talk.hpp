// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <map>
#include <ostream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace e2e {

// The words of one dialect. <label> stands for the name of a mark, <stream> for twilio's streamSid.
struct Talk {
  std::string name;     // of the test
  std::string dialect;  // of the header
  std::string offered;  // subprotocol
  int rate = 0;
  std::string encoding = {};        // of the endpoint's audio: PCMU, PCMA or empty for linear
  std::string codec = "L16/16000";  // of the caller
  std::string hello = {};           // the endpoint's first message
  std::string mark = {};
  std::string clear = {};
  std::vector<std::string> opening = {};
  std::string key = {};      // 5 for 100 ms
  std::string played = {};   // mark <label>
  std::string cleared = {};  // mark <label>
  std::string clearAnswer = {};
  std::string end = {};
  std::string full = {};
  std::string room = {};

  friend std::ostream& operator<<(std::ostream& out, const Talk& talk) { return out << talk.name; }
};

// In the words of chan_websocket: the command with its id, the event with its members.
namespace asterisk {
std::string command(bool plain, const std::string& name, const std::string& id = {});
std::string event(bool plain, const std::string& name);
std::string processed(bool plain, const std::string& name, const std::string& id);
std::string status(bool plain, int queued, bool bulk, bool paused);
Talk talk(bool plain);
// G.711, "ulaw" with a caller who speaks PCMU or "alaw" with PCMA.
Talk g711Talk(const std::string& format);
}  // namespace asterisk
Talk twilioTalk();
Talk jambonzTalk();
// All of them, asterisk in both forms and all encodings.
std::vector<Talk> talks();

// The custom keys that the openings of the table have.
inline const char* const kCustomKeys = R"({"name_1":"value_1","n":2})";

std::string replaced(std::string text, const std::string& what, const std::string& with);

// Compares messages with patterns. A word in angle brackets stands for an id of its kind; the same
// word is the same text in all messages of one call.
class Script {
 public:
  explicit Script(const std::string& callId) { known_["call-id"] = callId; }
  ::testing::AssertionResult matches(const std::string& pattern, const std::string& text);

 private:
  std::map<std::string, std::string> known_;
};

}  // namespace e2e
