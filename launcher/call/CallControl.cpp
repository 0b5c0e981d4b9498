// SPDX-License-Identifier: LGPL-2.1-or-later
// Call: what the endpoint wants done at the caller's side, and what comes of it: transfers, keys
// and messages. The rest is in Call.cpp.
#include "base/Text.hpp"
#include "call/Call.hpp"
#include "log/Log.hpp"
#include "sip/dialog/DtmfRelay.hpp"
#include "sip/stack/MessageBody.hpp"

namespace launcher {

namespace {

bool succeeded(int status) {
  return status >= 200 && status < 300;
}

/// The caller does not know what is asked for, so the next one will fare no better.
bool isUnsupported(int status) {
  return status == 405 || status == 415 || status == 488 || status == 501;
}

}  // namespace

void Call::transfer(const std::string& uri) {
  const auto refuse = [&](unsigned status, const char* reason) {
    endpointStep("transfer-refused", reason);
    pipeline_->tellTransfer(status, reason);
  };
  if (state_ != State::Active) return;
  if (transfer_.running()) return refuse(491, "a transfer is going on");
  if (!isTransferTarget(uri)) return refuse(400, "uri is no sip:, sips: or tel: URI");
  if (!mayTransferTo(config_->sip, uri)) return refuse(403, "transfer there is not allowed");
  transfer_.begin();
  step("transfer", text::withoutCredentials(uri));
  leg_->refer(uri);
}

void Call::onTransferProgress(int seconds) {
  transfer_.reported(seconds, g_get_monotonic_time());
}

void Call::onTransferred(int status, const std::string& phrase) {
  if (!transfer_.running() || state_ != State::Active) return;
  transfer_.end();
  step("transferred", std::to_string(status));
  const bool done = status < 300;
  pipeline_->tellTransfer(static_cast<unsigned>(status), done ? "" : phrase);
  if (done) finish(EndReason::Transferred);
}

void Call::checkTransfer(std::int64_t nowUs) {
  if (!transfer_.expired(nowUs)) return;
  onTransferred(408, "the caller does not tell what came of it");
}

void Call::onInfo(const std::string& type, const std::string& body) {
  const auto digit = parseDtmfBody(type, body);
  if (digit && state_ == State::Active) pipeline_->sendDigit(*digit);
}

void Call::onMessage(const std::string& type, const std::string& body) {
  step("message", type);
  if (state_ == State::Active) pipeline_->tellMessage(type, body);
}

void Call::sendMessage(const std::string& type, const std::string& body) {
  const auto refuse = [&](unsigned status, const char* reason) {
    endpointStep("message-refused", reason);
    pipeline_->tellMessageResult(status, reason);
  };
  if (state_ != State::Active) return;
  if (body.size() > kMaxMessageBytes) return refuse(413, "longer than 8192 bytes");
  if (!isPlainMediaType(type)) return refuse(415, "content-type is no type/subtype");
  if (!requests_.add({{}, type, body})) return refuse(503, "too many messages wait");
  sendNextRequest();
}

void Call::sendKey(const std::string& key, unsigned durationMs) {
  if (state_ != State::Active || key.size() != 1) return;
  if (info_refused_ || !leg_->takesInfo())
    return keyLost("the caller takes neither telephone-event (RFC 4733) nor INFO");
  if (!requests_.add({key, kDtmfRelayType, makeDtmfBody({key[0], durationMs})}))
    return keyLost("too many keys wait for the caller's answers");
  sendNextRequest();
}

void Call::keyLost(const std::string& reason, unsigned count) {
  if (!keys_lost_.allows(g_get_monotonic_time(), count)) return;
  log::warning("dtmf-undeliverable", {{"id", id_}, {"reason", reason}, {"keys", count}});
}

void Call::sendNextRequest() {
  const DialogRequest* request = requests_.next();
  if (!request) return;
  const bool info = !request->key.empty() || config_->sip.messageMethod == MessageMethod::Info;
  endpointStep(info ? "info-sent" : "message-sent", request->type);
  leg_->send(info ? InDialog::Info : InDialog::Message, request->type, request->body);
}

void Call::onRequestAnswered(int status, const std::string& phrase) {
  const auto request = requests_.answered();
  if (!request || state_ != State::Active) return;
  endpointStep("request-answered", std::to_string(status));
  if (request->key.empty()) {
    pipeline_->tellMessageResult(static_cast<unsigned>(status), succeeded(status) ? "" : phrase);
  } else if (succeeded(status)) {
    pipeline_->tellKeySent(request->key);
  } else {
    const std::string reason = "INFO was answered " + std::to_string(status) + " " + phrase;
    keyLost(reason);
    if (isUnsupported(status)) {
      info_refused_ = true;
      if (const std::size_t left = requests_.dropKeys(); left > 0)
        keyLost(reason, static_cast<unsigned>(left));
    }
  }
  sendNextRequest();
}

}  // namespace launcher
