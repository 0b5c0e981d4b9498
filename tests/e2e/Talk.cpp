// SPDX-License-Identifier: LGPL-2.1-or-later
#include "Talk.hpp"

#include <regex>

namespace e2e {

std::string replaced(std::string text, const std::string& what, const std::string& with) {
  for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + with.size()))
    text.replace(at, what.size(), with);
  return text;
}

static Talk jsonL16(const std::string& name, const std::string& dialect, int rate,
                    const std::string& opening, const std::string& key) {
  const std::string played = R"({"event":"websocket:notify","payload":{"name":"<label>"}})";
  return {.name = name,
          .dialect = dialect,
          .offered = "WSBRIDGE",
          .rate = rate,
          .mark = R"({"action":"notify","payload":{"name":"<label>"}})",
          .clear = R"({"action":"clear"})",
          .opening = {opening},
          .key = key,
          .played = played,
          .cleared = played,
          .clearAnswer = R"({"event":"websocket:cleared"})",
          .end = R"({"event":"websocket:)" +
                 std::string(dialect == "vonage" ? "disconnected" : "end") +
                 R"(","reason":"caller-hangup"})",
          .full = R"({"event":"websocket:queue","state":"high"})",
          .room = R"({"event":"websocket:queue","state":"low"})"};
}

namespace asterisk {

std::string command(bool plain, const std::string& name, const std::string& id) {
  if (plain) return id.empty() ? name : name + " " + id;
  const std::string correlation = id.empty() ? "" : R"(,"correlation_id":")" + id + "\"";
  return R"({"command":")" + name + "\"" + correlation + "}";
}
std::string event(bool plain, const std::string& name) {
  return plain ? name : R"({"event":")" + name + R"(","channel_id":"<channel>"})";
}
std::string processed(bool plain, const std::string& name, const std::string& id) {
  if (plain) return id.empty() ? name : name + " " + id;
  return R"({"event":")" + name + R"(","channel_id":"<channel>","correlation_id":")" + id + "\"}";
}
std::string status(bool plain, int queued, bool bulk, bool paused) {
  const auto word = [](bool value) { return std::string(value ? "true" : "false"); };
  if (plain) {
    return "STATUS channel_id:<channel> queue_length:" + std::to_string(queued) +
           " xon_level:2400 xoff_level:2700 queue_full:false bulk_media:" + word(bulk) +
           " media_paused:" + word(paused);
  }
  return R"({"event":"STATUS","channel_id":"<channel>","queue_length":)" + std::to_string(queued) +
         R"(,"xon_level":2400,"xoff_level":2700,"queue_full":false,"bulk_media":)" + word(bulk) +
         R"(,"media_paused":)" + word(paused) + "}";
}

Talk talk(bool plain) {
  const std::string format =
      plain ? R"("slin","optimal_frame_size":320)" : R"("slin16","optimal_frame_size":640)";
  const std::string done = processed(plain, "MEDIA_MARK_PROCESSED", "<label>");
  return {.name = plain ? "AsteriskPlain" : "AsteriskJson",
          .dialect = "asterisk",
          .offered = "media",
          .rate = plain ? 8000 : 16000,
          .hello = command(plain, "ANSWER"),
          .mark = command(plain, "MARK_MEDIA", "<label>"),
          .clear = command(plain, "FLUSH_MEDIA"),
          .opening = {R"({"event":"MEDIA_START","connection_id":"<uuid>","channel":"WebSocket/)"
                      R"(<channel>","channel_id":"<channel>","format":)" +
                      format + R"(,"ptime":20,"channel_variables":{"name_1":"value_1","n":"2"}})"},
          .key = plain ? "DTMF_END digit:5 channel_id:<channel>"
                       : R"({"event":"DTMF_END","channel_id":"<channel>","digit":"5"})",
          .played = done,
          .cleared = done,
          .full = event(plain, "MEDIA_XOFF"),
          .room = event(plain, "MEDIA_XON")};
}

Talk g711Talk(const std::string& format) {
  Talk talk = asterisk::talk(false);
  talk.name = format == "ulaw" ? "AsteriskUlaw" : "AsteriskAlaw";
  talk.encoding = talk.codec = format == "ulaw" ? "PCMU" : "PCMA";
  talk.rate = 8000;
  talk.opening.front() = replaced(talk.opening.front(), R"("slin16","optimal_frame_size":640)",
                                  '"' + format + R"(","optimal_frame_size":160)");
  return talk;
}

}  // namespace asterisk

Talk twilioTalk() {
  const std::string mark =
      R"({"event":"mark","sequenceNumber":"<seq>","streamSid":"<stream>","mark":{"name":"<label>"}})";
  return {.name = "Twilio",
          .dialect = "twilio",
          .offered = "",
          .rate = 8000,
          .encoding = "PCMU",
          .codec = "PCMU",
          .mark = R"({"event":"mark","streamSid":"<stream>","mark":{"name":"<label>"}})",
          .clear = R"({"event":"clear","streamSid":"<stream>"})",
          .opening =
              {R"({"event":"connected","protocol":"Call","version":"1.0.0"})",
               R"({"event":"start","sequenceNumber":"<seq>","start":{"accountSid":"<account>",)"
               R"("streamSid":"<stream>","callSid":"<call>","tracks":["inbound"],"mediaFormat":)"
               R"({"encoding":"audio/x-mulaw","sampleRate":8000,"channels":1},"customParameters":)"
               R"({"name_1":"value_1","n":"2"}},"streamSid":"<stream>"})"},
          .key = R"({"event":"dtmf","streamSid":"<stream>","sequenceNumber":"<seq>",)"
                 R"("dtmf":{"track":"inbound_track","digit":"5"}})",
          .played = mark,
          .cleared = mark,
          .end = R"({"event":"stop","sequenceNumber":"<seq>","stop":{"accountSid":"<account>",)"
                 R"("callSid":"<call>"},"streamSid":"<stream>"})"};
}

Talk jambonzTalk() {
  const auto mark = [](const char* event) {
    return std::string(R"({"type":"mark","data":{"name":"<label>","event":")") + event + "\"}}";
  };
  return {.name = "Jambonz",
          .dialect = "jambonz",
          .offered = "audio.jambonz.org",
          .rate = 8000,
          .mark = R"({"type":"mark","data":{"name":"<label>"}})",
          .clear = R"({"type":"killAudio"})",
          .opening = {R"({"sampleRate":8000,"mixType":"mono","callSid":"<uuid>","direction":)"
                      R"("inbound","callId":"<call-id>","name_1":"value_1","n":2})"},
          .key = R"({"event":"dtmf","dtmf":"5","duration":"100"})",
          .played = mark("playout"),
          .cleared = mark("cleared")};
}

std::vector<Talk> talks() {
  return {jsonL16("Wsbridge", "wsbridge", 16000,
                  R"({"name_1":"value_1","n":2,"content-type":"audio/l16;rate=16000"})",
                  R"({"digit":"5","duration":100})"),
          jsonL16("Vonage", "vonage", 24000,
                  R"({"event":"websocket:connected","content-type":"audio/l16;rate=24000",)"
                  R"("name_1":"value_1","n":2})",
                  R"({"event":"websocket:dtmf","digit":"5","duration":100})"),
          asterisk::g711Talk("ulaw"),
          asterisk::g711Talk("alaw"),
          twilioTalk(),
          asterisk::talk(false),
          asterisk::talk(true),
          jambonzTalk()};
}

static ::testing::AssertionResult differ(const std::string& pattern, const std::string& text) {
  return ::testing::AssertionFailure() << text << "\nis not\n" << pattern;
}

::testing::AssertionResult Script::matches(const std::string& pattern, const std::string& text) {
  static const std::map<std::string, std::string> kForms = {
      {"uuid", "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"},
      {"stream", "MZ[0-9a-f]{32}"},
      {"account", "AC[0-9a-f]{32}"},
      {"call", "CA[0-9a-f]{32}"},
      {"channel", "[^\" ]+"},
      {"payload", "[A-Za-z0-9+/]{214}=="}};  // 160 bytes
  static const std::regex kWord("<([a-z-]+)>");
  size_t at = 0;  // in the text
  size_t from = 0;
  for (auto i = std::sregex_iterator(pattern.begin(), pattern.end(), kWord);; ++i) {
    const bool last = i == std::sregex_iterator();
    const size_t to = last ? pattern.size() : static_cast<size_t>(i->position());
    if (text.compare(at, to - from, pattern, from, to - from) != 0) return differ(pattern, text);
    at += to - from;
    if (last) break;
    from = to + static_cast<size_t>(i->length());
    const std::string word = (*i)[1];
    auto known = known_.find(word);
    if (known == known_.end() || word == "payload") {
      std::smatch found;
      if (!std::regex_search(text.begin() + static_cast<ptrdiff_t>(at), text.end(), found,
                             std::regex(kForms.at(word)), std::regex_constants::match_continuous))
        return differ(pattern, text);
      known = known_.insert_or_assign(word, found[0].str()).first;
    }
    const std::string& value = known->second;
    if (text.compare(at, value.size(), value) != 0) return differ(pattern, text);
    at += value.size();
  }
  return at == text.size() ? ::testing::AssertionSuccess() : differ(pattern, text);
}

}  // namespace e2e
