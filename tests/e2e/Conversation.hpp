// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <string>
#include <vector>

#include "Phone.hpp"
#include "SoupEndpoint.hpp"
#include "Talk.hpp"

namespace e2e {

std::string base64(const std::string& bytes);
// A string member of a JSON text by its path; empty when there is none.
std::string memberOf(const std::string& text, const std::vector<const char*>& path);
Samples joined(const std::vector<Samples>& parts);
// Fails the test unless that is a tone of sine(…, 8000), give or take the frames at its ends.
void expectTone(const Samples& heard, int rate, double hertz, double seconds);
// A phone with that codec and with keys.
Phone::Options withKeys(const std::string& codec);
// What a phone has heard above the noise, from a packet on.
Samples heardBy(const RtpPeer& rtp, size_t from);

// One call and its endpoint, which speaks a dialect. Used by one thread.
class Conversation {
 public:
  Conversation(const Gateway& gateway, const Talk& talk);

  // True when the call is up and the opening has come.
  bool begin();
  // Hangs up; fails the test unless the endpoint sees an orderly close.
  void expectNormalEnd();

  SoupEndpoint& endpoint() { return endpoint_; }
  Phone& phone() { return phone_; }
  EndpointConnection record() const { return endpoint_.connection(1).value_or(none_); }
  bool audioIsText() const { return talk_.dialect == "twilio"; }

  // As the endpoint.
  void send(const std::string& text) { endpoint_.sendText(1, replaced(text, "<stream>", stream_)); }
  void mark(const std::string& label) { send(replaced(talk_.mark, "<label>", label)); }
  void play(const Samples& samples);           // in one message
  void playBytes(const std::string& encoded);  // the same, in the encoding of the endpoint
  void playTone(double hertz, double seconds) { play(sine(talk_.rate, hertz, seconds, 8000)); }

  bool isAudio(const EndpointMessage& message) const;
  // What the endpoint got but audio.
  std::vector<EndpointMessage> controls() const { return select(record(), false); }
  bool waitControls(size_t number, Millis limit = 5s) const {
    return waitMessages(false, number, limit);
  }
  bool waitFrames(size_t number, Millis limit = 5s) const {
    return waitMessages(true, number, limit);
  }
  // The caller's audio as the endpoint got it, one element for each message.
  std::vector<Samples> frames() const;
  // The same in the encoding of the endpoint, all in one.
  std::string codes() const;
  // All that the endpoint got: these controls, and the caller's audio right behind the opening.
  void expectTranscript(const std::vector<std::string>& wanted) const;

  // All that the endpoint got but audio.
  void expectControls(const std::vector<std::string>& wanted) const;

  // At the phone: what it has heard above the noise from a packet on, when that began, and how
  // many packets it has got.
  Samples heard(size_t from = 0) const { return heardBy(phone_.rtp(), from); }
  Clock::time_point firstHeard(size_t from) const;
  size_t packets() const { return phone_.rtp().received(); }
  bool waitPackets(size_t more, Millis limit = 5s) const {
    return phone_.rtp().waitReceived(packets() + more, limit);
  }

 private:
  std::string audioOf(const EndpointMessage& message) const;
  std::vector<EndpointMessage> select(const EndpointConnection& connection, bool audio) const;
  // Looks at each message once: thousands may come.
  bool waitMessages(bool audio, size_t number, Millis limit) const;

  Talk talk_;
  EndpointConnection none_;
  SoupEndpoint endpoint_;
  mutable Phone phone_;
  std::string stream_;  // twilio's streamSid
};

}  // namespace e2e
