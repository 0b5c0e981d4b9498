// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Every dialect: the first byte picks it, the second one the format. Then, with U+0000 between
// them: custom keys of the first message, and text messages of the endpoint. What is decoded can be
// worked with, what is written is UTF-8 and JSON, and audio comes back as it was.
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "FuzzCheck.hpp"
#include "FuzzInput.hpp"
#include "Opening.hpp"
#include "common/CustomHeaders.hpp"
#include "common/Utf8.hpp"
#include "dialects/Dialect.hpp"

namespace {

using fuzz::require;
using namespace wsbridge;

constexpr size_t kMaxMessages = 32;

class Talk {
 public:
  Talk(const DialectInfo& row, const CallFacts& conversation)
      : plain_(std::string_view(row.name) == "asterisk"),
        dialect_(makeDialect(*common::findDialect(row.name))) {
    dialect_->opening(conversation);
  }

  void hear(const std::string& text) {
    const Command command = dialect_->decodeText(text);
    std::visit([this](const auto& it) { react(it); }, command);
    tellAll();
  }

  void speak(const std::string& audio) {
    if (!dialect_->audioIsText() || audio.empty()) return;
    std::string text;
    const std::vector<uint8_t> bytes(audio.begin(), audio.end());
    dialect_->writeAudio(bytes, now_us_ += 20'000, text);
    fuzz::objectOf(text, "audio is JSON");
    const Command back = dialect_->decodeText(text);
    const auto* media = std::get_if<MediaCommand>(&back);
    require(media != nullptr && media->audio == bytes, "audio comes back as it was");
  }

 private:
  template <typename Other>
  void react(const Other&) {}
  void react(const MarkCommand& mark) {
    tell(MarkNotice{mark.label, false});
    tell(MarkNotice{mark.label, true});
  }
  void react(const MediaCommand& media) { require(!media.audio.empty(), "media has audio"); }
  void react(const DtmfCommand& dtmf) {
    require(!dtmf.digits.empty() && dtmf.digits.size() <= 64, "keys are some, and not too many");
    require(dtmf.duration_ms >= 40 && dtmf.duration_ms <= 6000, "a key lasts as long as keys do");
    for (const char digit : dtmf.digits) {
      require(isDtmfDigit(digit), "a key is one");
      tell(DtmfNotice{digit, dtmf.duration_ms});
      tell(DtmfSentNotice{digit});
    }
  }
  void react(const TransferCommand& transfer) {
    require(common::isUtf8(transfer.uri), "a target is UTF-8");
    tell(TransferNotice{404, transfer.uri});
  }
  void react(const MessageCommand& message) {
    require(common::isUtf8(message.type), "a type is UTF-8");
    require(common::isUtf8(message.body), "a body is UTF-8");
    tell(MessageNotice{message.type, message.body});
    tell(MessageNotice{"application/json", message.body});
  }
  void react(const OtherCommand& other) {
    require(common::isUtf8(other.action), "an action is UTF-8");
  }
  void react(const BadCommand& bad) {
    require(!bad.fault.empty(), "a fault has words");
    tell(ErrorNotice{bad.fault});
  }

  void tellAll() {
    tell(ClearedNotice{});
    tell(QueueNotice{true});
    tell(DrainedNotice{});
    tell(StatusNotice{100, 60000, false, false});
    tell(HoldNotice{true});
    tell(MuteNotice{true});
    tell(MediaNotice{false});
    tell(MessageResultNotice{200, ""});
    tell(EndNotice{"hangup"});
  }

  void tell(const Notice& notice) {
    const std::string text = dialect_->write(notice);
    require(common::isUtf8(text), "what is sent is UTF-8");
    if (text.empty() || (plain_ && text.front() != '{')) return;
    fuzz::objectOf(text, "what is sent is JSON");
  }

  bool plain_;  ///< may write plain text
  std::unique_ptr<Dialect> dialect_;
  int64_t now_us_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::Input input(data, size);
  if (size < 2) return 0;
  const size_t at = input.byte() % kDialects.size();
  const DialectInfo& row = kDialects[at];
  constexpr int kRates[] = {8000, 16000, 24000, 32000, 48000};
  const int rate = kRates[input.byte() % 5];
  const std::vector<std::string> fields = input.fields(0);
  CallFacts conversation;
  conversation.type = row.only ? *row.only : ContentType{rate};
  conversation.call_id = "4711@h";
  if ((fields[0].empty() || !common::faultInCustomHeaders(fields[0])))
    conversation.custom = fields[0];
  fuzz::checkOpening(row, conversation);
  Talk talk(row, conversation);
  for (size_t i = 1; i < fields.size() && i < kMaxMessages; ++i) {
    talk.speak(fields[i]);
    // A text message that is none ends the conversation before a dialect sees it.
    if (common::isUtf8(fields[i])) talk.hear(fields[i]);
  }
  return 0;
}
