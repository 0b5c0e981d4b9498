// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "Waiting.hpp"
#include "WsFrame.hpp"

namespace testsupport {

// One TCP connection to a RawEndpoint. Owns its socket. The reading functions belong to one thread
// at a time; the writing ones may be called from any thread. Every blocking call ends at its
// deadline or when the endpoint goes.
class RawConnection {
 public:
  RawConnection(int fd, std::atomic<bool>& stopping) : fd_(fd), stopping_(stopping) {}
  ~RawConnection();
  RawConnection(const RawConnection&) = delete;
  RawConnection& operator=(const RawConnection&) = delete;

  // The whole HTTP request head; empty when none came.
  std::string readRequest(Millis limit = 10s);
  std::string requestHeader(const std::string& name) const;
  const std::string& request() const { return request_; }

  // The 101 answer for the request that was read. `extra` is appended after the header block, in
  // the same segment.
  std::string handshakeResponse(const std::string& protocol, const std::string& extra = {}) const;
  // Reads the request and answers 101 with the offered subprotocol WSBRIDGE, or none when none was
  // offered.
  bool acceptHandshake(Millis limit = 10s);

  bool write(const std::string& bytes);
  bool sendFrame(Opcode opcode, bool fin, const std::string& payload, FrameStyle style = {});
  bool sendText(const std::string& text) { return sendFrame(Opcode::Text, true, text); }
  bool sendBinary(const std::string& bytes) { return sendFrame(Opcode::Binary, true, bytes); }
  bool sendClose(unsigned code, const std::string& reason = {});

  // The next frame of the client; empty at the limit, at its FIN and when the connection broke.
  std::optional<WsFrame> recvFrame(Millis limit);
  // Reads on until a frame with that opcode comes; the others are kept in skipped().
  std::optional<WsFrame> recvFrame(Opcode opcode, Millis limit);
  const std::vector<WsFrame>& skipped() const { return skipped_; }
  // Reads and throws away until the client has closed or reset the connection.
  bool waitPeerGone(Millis limit);

  void reset();          // RST (SO_LINGER 0)
  void shutdownWrite();  // FIN
  // Keeps the connection open without reading until the endpoint goes or release() is called.
  void hold();
  void release();

  bool stopping() const { return stopping_ || released_; }

 private:
  bool fill(Clock::time_point deadline);

  int fd_;
  std::atomic<bool>& stopping_;
  std::atomic<bool> released_{false};
  bool peer_gone_ = false;
  std::string request_;
  std::string input_;
  std::vector<WsFrame> skipped_;
  Monitor writing_;
};

// Ready-made ways to be a bad server.
enum class Misbehaviour {
  NeverAnswers,  // accepts TCP, reads, says nothing
  Status401,
  Status404,
  Status500,
  Redirect302,
  Garbage,         // bytes that are no HTTP
  HalfResponse,    // the head stops in the middle, the connection stays open
  EndlessHeaders,  // an HTTP head that never ends
  WrongAcceptKey,
  WrongSubprotocol,    // selects one that was not offered
  ClosesAfterRequest,  // FIN instead of an answer
  EndlessBinaryFragments,
  EndlessTextFragments,
  InvalidUtf8,
  ReservedBits,
  MaskedFrames,
  UnknownOpcode,
  OversizedPing,  // a control frame of more than 125 bytes
  FragmentedPing,
  ResetInFrame,  // RST in the middle of a frame
  ResetAfterHandshake,
  FinWithoutClose,
  NeverReads,         // a tiny receive buffer, and no reading after the handshake
  PingsOnly,          // pings every 20 ms, nothing else
  NeverAnswersPings,  // reads everything, answers nothing
  CloseWithoutCode,
  CloseTooLongReason,        // 130 bytes: not allowed in a control frame
  CloseOneByte,              // a close payload of one byte
  CloseReservedCode,         // 1006, not allowed on the wire
  NeverAnswersClose,         // reads and ignores the client's close frame, keeps the connection
  OneByteAtATime,            // handshake and 1 s of audio in single-byte writes
  FirstFramesWithHandshake,  // 101, a text and 10 frames of audio in one segment
};

// A server on raw sockets that misbehaves on purpose, in threads of its own: one accepts, one
// serves each connection. All functions may be called from any thread.
class RawEndpoint {
 public:
  using Handler = std::function<void(RawConnection& connection)>;

  struct Options {
    int receiveBuffer = 0;  // SO_RCVBUF of accepted connections; 0 leaves the system's
  };

  // Serves each connection with that behaviour.
  explicit RawEndpoint(Misbehaviour kind);
  // Serves each connection with the callback, in a thread of its own; the connection closes when it
  // returns.
  explicit RawEndpoint(Handler handler) : RawEndpoint(std::move(handler), Options{}) {}
  RawEndpoint(Handler handler, const Options& options);
  // Normal mode: connections wait for accept() and the test drives them by hand.
  RawEndpoint() : RawEndpoint(Handler()) {}
  ~RawEndpoint();
  RawEndpoint(const RawEndpoint&) = delete;
  RawEndpoint& operator=(const RawEndpoint&) = delete;

  int port() const { return port_; }
  std::string uri(const std::string& path = "/") const;

  // Normal mode: the next connection, empty at the limit. It may outlive neither the endpoint nor
  // release().
  std::shared_ptr<RawConnection> accept(Millis limit);

  size_t connections() const;
  bool waitConnections(size_t number, Millis limit) const;
  // True when all handlers have returned.
  bool waitServed(size_t number, Millis limit) const;
  // Sum of the bytes of an infinite behaviour, for watching back-pressure.
  uint64_t bytesWritten() const { return bytes_written_; }

 private:
  void listenLoop();
  void serve(const std::shared_ptr<RawConnection>& connection);
  void misbehave(Misbehaviour kind, RawConnection& connection);
  void misbehaveOpen(Misbehaviour kind, RawConnection& connection);

  Handler handler_;
  Options options_;
  std::atomic<bool> stopping_{false};
  std::atomic<uint64_t> bytes_written_{0};
  int listener_ = -1;
  int port_ = 0;
  Monitor state_;
  std::deque<std::shared_ptr<RawConnection>> waiting_;
  std::vector<std::shared_ptr<RawConnection>> all_;
  std::vector<std::thread> threads_;
  size_t served_ = 0;
  std::thread acceptor_;
};

}  // namespace testsupport
