// SPDX-License-Identifier: LGPL-2.1-or-later
//
// The dialect `twilio`: bidirectional Media Streams. All messages are TEXT, audio is mu-law at
// 8 kHz in base64, counters are strings.
#include <algorithm>
#include <charconv>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include <glib.h>

#include "common/Frame.hpp"
#include "common/TwilioSid.hpp"
#include "dialects/Dialect.hpp"
#include "dialects/Json.hpp"

namespace wsbridge {

namespace {

constexpr int kRate = 8000;
/// A media message may be as long as any text: nearly all of it is one string.
constexpr size_t kMaxMessageBytes = 1024 * 1024;
using common::kFrameMs;
constexpr uint64_t kPauseMs = 200;  // a longer gap is one, a shorter one may be a stall

/// Two letters and 32 hexadecimal digits: a name that is one stays as it is.
std::string sid(const char* letters, const std::string& from) {
  if (common::isTwilioSid(letters, from)) return from;
  g_autofree char* digits =
      g_compute_checksum_for_string(G_CHECKSUM_MD5, from.c_str(), static_cast<gssize>(from.size()));
  return std::string(letters) + digits;
}

std::string unique() {
  g_autofree char* text = g_uuid_string_random();
  return text;
}

void append(std::string& out, uint64_t number) {
  char digits[20];
  const auto end = std::to_chars(digits, digits + sizeof digits, number).ptr;
  out.append(digits, end);
}

Command mediaCommand(std::string payload) {
  gsize size = 0;
  if (payload.size() < 4) return BadCommand{"media.payload is not base64"};
  // In place: what is decoded is shorter.
  g_base64_decode_inplace(payload.data(), &size);
  if (size == 0) return BadCommand{"media.payload is not base64"};
  return MediaCommand{{payload.begin(), payload.begin() + static_cast<ptrdiff_t>(size)}};
}

class TwilioDialect final : public Dialect {
 public:
  std::vector<std::string> opening(const CallFacts& call) override {
    account_ = sid("AC", call.account_id.empty() ? "gst-wsbridge" : call.account_id);
    call_ = sid("CA", call.call_id.empty() ? unique() : call.call_id);
    stream_ = sid("MZ", unique());
    const std::string start =
        R"({"event":"start","sequenceNumber":")" + nextNumber() + R"(","start":{"accountSid":")" +
        account_ + R"(","streamSid":")" + stream_ + R"(","callSid":")" + call_ +
        R"(","tracks":["inbound"],"mediaFormat":{"encoding":"audio/x-mulaw","sampleRate":8000,)" +
        R"("channels":1},"customParameters":)" + json::customAsStrings(call.custom) +
        R"(},"streamSid":")" + stream_ + "\"}";
    return {R"({"event":"connected","protocol":"Call","version":"1.0.0"})", start};
  }

  std::string format(const ContentType&) const override { return "audio/x-mulaw;rate=8000"; }

  bool audioIsText() const override { return true; }

  void writeAudio(std::span<const uint8_t> frame, int64_t now_us, std::string& out) override {
    const size_t count = frame.size();
    out.assign(R"({"event":"media","sequenceNumber":")");
    append(out, ++number_);
    out.append(R"(","media":{"track":"inbound","chunk":")");
    append(out, ++chunk_);
    out.append(R"(","timestamp":")");
    append(out, timestampMs(now_us));
    out.append(R"(","payload":")");
    const size_t at = out.size();
    out.resize(at + (count / 3 + 1) * 4 + 4);
    gint state = 0;
    gint save = 0;
    gsize written =
        g_base64_encode_step(frame.data(), count, FALSE, out.data() + at, &state, &save);
    written += g_base64_encode_close(FALSE, out.data() + at + written, &state, &save);
    out.resize(at + written);
    out.append(R"("},"streamSid":")").append(stream_).append("\"}");
    media_ms_ += count * 1000 / kRate;
  }

  std::string write(const Notice& notice) override {
    if (const auto* dtmf = std::get_if<DtmfNotice>(&notice)) {
      return R"({"event":"dtmf","streamSid":")" + stream_ + R"(","sequenceNumber":")" +
             nextNumber() + R"(","dtmf":{"track":"inbound_track","digit":")" +
             std::string(1, dtmf->digit) + "\"}}";
    }
    if (const auto* mark = std::get_if<MarkNotice>(&notice)) {
      return R"({"event":"mark","sequenceNumber":")" + nextNumber() + R"(","streamSid":")" +
             stream_ + R"(","mark":{"name":)" + common::jsonString(mark->label) + "}}";
    }
    if (std::holds_alternative<EndNotice>(notice)) {
      return R"({"event":"stop","sequenceNumber":")" + nextNumber() +
             R"(","stop":{"accountSid":")" + account_ + R"(","callSid":")" + call_ +
             R"("},"streamSid":")" + stream_ + "\"}";
    }
    return {};
  }

  Command decodeText(std::string_view text) override {
    const auto json = json::parseControl(text, kMaxMessageBytes);
    if (!json) return PlainText{};
    const json::JsonValue message = json->root();
    const auto name = json::stringMember(message, "event");
    if (!name) return PlainText{};
    const std::string& event = *name;
    const auto stream = json::stringMember(message, "streamSid");
    if (stream && stream_ != *stream) return BadCommand{"streamSid of another stream"};
    if (event == "clear") return ClearCommand{};
    if (event == "mark") {
      const auto member = json::memberOf(message, "mark", "name");
      const auto label = member ? member->string() : std::nullopt;
      if (!label) return BadCommand{"mark.name is missing"};
      return MarkCommand{*label};
    }
    if (event != "media") return OtherCommand{event};
    const auto member = json::memberOf(message, "media", "payload");
    auto payload = member ? member->string() : std::nullopt;
    if (!payload) return BadCommand{"media.payload is missing"};
    return mediaCommand(*std::move(payload));
  }

 private:
  /// Time goes on while the caller sends nothing; what jitter moves is no pause.
  uint64_t timestampMs(int64_t now_us) {
    if (first_us_ == 0) first_us_ = now_us;
    const auto elapsed_ms = static_cast<uint64_t>(now_us - first_us_) / 1000;
    if (elapsed_ms > media_ms_ + kPauseMs) media_ms_ = elapsed_ms / kFrameMs * kFrameMs;
    return media_ms_;
  }
  std::string nextNumber() { return std::to_string(++number_); }

  std::string account_;
  std::string call_;
  std::string stream_;
  uint64_t number_ = 0;
  uint64_t chunk_ = 0;
  int64_t first_us_ = 0;   // when the first frame was written
  uint64_t media_ms_ = 0;  // timestamp of the next one
};

}  // namespace

std::unique_ptr<Dialect> makeTwilioDialect() {
  return std::make_unique<TwilioDialect>();
}

}  // namespace wsbridge
