// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <atomic>
#include <map>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "Waiting.hpp"
#include "wire/Sdp.hpp"
#include "wire/SipMessage.hpp"
#include "wire/Text.hpp"

namespace testsupport {

using namespace wire;

// A small SIP user agent for one dialog, on 127.0.0.1, over UDP or TCP: owns its socket and one
// reading thread. It does what the test tells it, and by itself only what it must: ACK (unless
// switched off) and 200 to requests in the dialog. Everything that arrives is recorded. All
// functions may be called from any thread.
class SipCaller {
 public:
  struct Options {
    std::string host = "127.0.0.1";
    int port = 0;
    bool tcp = false;
    std::string user = "bridge";
    bool autoAck = true;  // of 2xx; other final answers are always acknowledged
    bool autoAnswer =
        true;  // 200 to BYE, INFO, OPTIONS, NOTIFY and a re-INVITE is left to the test
    std::string allow = "INVITE, ACK, BYE, CANCEL, INFO, OPTIONS";  // empty: no such header
  };
  struct Invite {
    SipHeaders headers;
    std::optional<std::string> sdp;
    std::string requestUri;  // empty: sip:USER@HOST:PORT
  };

  // Throws std::runtime_error when the socket cannot be opened.
  explicit SipCaller(const Options& options);
  ~SipCaller();
  SipCaller(const SipCaller&) = delete;
  SipCaller& operator=(const SipCaller&) = delete;

  int localPort() const { return local_port_; }
  const std::string& callId() const { return call_id_; }

  void invite(const Invite& invite);
  void retransmitInvite();  // the same bytes again
  void cancel();
  void ack(const std::string& sdp = {});
  // In-dialog requests: the answer, empty when none came within the limit.
  std::optional<SipMessage> bye(Millis limit = 5s);
  std::optional<SipMessage> request(const std::string& method, const SipHeaders& headers,
                                    const std::string& body, const std::string& contentType,
                                    Millis limit = 5s);
  // A re-INVITE; a 2xx is acknowledged.
  std::optional<SipMessage> reInvite(const std::optional<std::string>& sdp, Millis limit = 5s);
  // Outside any dialog.
  std::optional<SipMessage> options(Millis limit = 5s);

  // Sends a request with a CSeq of its own and does not wait.
  void sendBye();
  void sendRaw(const std::string& bytes);

  // The final answer to the first INVITE.
  std::optional<SipMessage> waitFinal(Millis limit) const;
  std::optional<SipMessage> waitResponse(const std::string& method, int lowest, int highest,
                                         Millis limit) const;
  // The first request of the other side with that method.
  std::optional<SipMessage> waitRequest(const std::string& method, Millis limit) const;
  std::vector<SipMessage> responses(const std::string& method) const;
  std::vector<SipMessage> requests(const std::string& method) const;
  // How often bytes have come, SIP or not.
  size_t received() const { return receptions_; }
  Clock::time_point invitedAt() const { return invited_at_; }

  // As the called side: answers a request, and takes its dialog over when the status is 2xx to an
  // INVITE. An empty `contact` is our own.
  void respond(const SipMessage& request, int status, const std::string& phrase,
               const std::string& sdp = {}, const std::string& contact = {});
  // What requests with that method are answered with from now on, instead of 200.
  void answerWith(const std::string& method, int status, const std::string& phrase);

 private:
  void run();
  void handle(const SipMessage& message);
  void transmit(const std::string& bytes);
  std::string compose(const std::string& method, const std::string& uri, unsigned cseq,
                      const std::string& branch, const SipHeaders& headers, const std::string& body,
                      const std::string& type, const std::string& to) const;
  std::string contact() const;
  std::pair<int, std::string> answerTo(const std::string& method) const;
  std::optional<SipMessage> waitAnswer(const std::string& method, unsigned cseq,
                                       Millis limit) const;
  unsigned nextCseq();

  Options options_;
  int fd_ = -1;
  int local_port_ = 0;
  std::string call_id_;
  std::string local_tag_;
  std::string invite_branch_;
  std::string invite_uri_;
  std::string invite_bytes_;
  SipHeaders invite_headers_;
  Clock::time_point invited_at_;
  Monitor state_;
  // Under state_:
  unsigned last_cseq_ = 0;
  unsigned invite_cseq_ = 0;
  std::string local_;   // From of our requests
  std::string remote_;  // To of our requests, with the tag once it is known
  std::string target_;  // the Contact of the other side
  std::vector<std::string> routes_;
  std::vector<SipMessage> received_;
  std::map<std::string, std::pair<int, std::string>> answers_;
  Monitor sending_;
  std::atomic<size_t> receptions_{0};
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace testsupport
