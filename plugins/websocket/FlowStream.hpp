// SPDX-License-Identifier: LGPL-2.1-or-later
//
// FlowStream: the GIOStream given to libsoup in place of the socket's own. It adds what libsoup 3.2
// lacks: reading can be paused (the poll set is left, the TCP window closes), one dispatch reads a
// bounded number of bytes, audio passes by libsoup (FrameFilter), and whether libsoup still holds
// unsent bytes can be told. Everything happens on the loop's thread. The GObjects that libsoup
// holds share one FlowState with this handle and go on living, silent, when the handle is gone.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include <gio/gio.h>

#include "runtime/MediaLoop.hpp"
#include "websocket/ControlBudget.hpp"
#include "websocket/FrameFilter.hpp"
#include "websocket/FrameWriter.hpp"

namespace wsbridge {

class FlowState;

class FlowStream {
 public:
  /// `base` is a connected GSocketConnection or the stream of a TlsSession after its handshake;
  /// `prefix` are bytes of the server that were read behind the handshake answer. `on_audio`:
  /// payload of BINARY messages. `on_drained`: after writable() was false, it is true again.
  /// `on_fault`: filter() has a fault, and libsoup waits; called once, never within a call of
  /// libsoup. None is called once this handle is gone.
  FlowStream(std::shared_ptr<MediaLoop> loop, GIOStream* base, std::vector<uint8_t> prefix,
             FrameFilter::AudioTaker on_audio, std::function<void()> on_drained,
             std::function<void()> on_fault);
  ~FlowStream();
  FlowStream(const FlowStream&) = delete;
  FlowStream& operator=(const FlowStream&) = delete;

  [[nodiscard]] GIOStream* stream() const;
  /// Paused: text and control that come before the next audio still pass; then reading stops.
  void setPaused(bool paused);
  [[nodiscard]] bool paused() const;
  /// Pausing stops at TEXT messages too.
  void setAudioIsText(bool audio_is_text);
  /// How much is read; see FlowState.
  void setBudget(std::shared_ptr<ControlBudget> budget, std::function<void(Slowed)> on_slowed);
  /// From the close handshake on.
  void forgetBudget();
  /// For good: libsoup 3.2 would report a protocol error again for each read.
  void stopReading();
  /// Nothing is held unsent, by libsoup or here, but for the last message until the round ends.
  [[nodiscard]] bool writable() const;
  /// One message past libsoup, only when writable(). It goes out at the end of the loop's round,
  /// or before the next one of this stream, or what libsoup writes.
  void sendMessage(Opcode opcode, std::span<const uint8_t> payload);
  [[nodiscard]] const FrameFilter& filter() const;
  [[nodiscard]] uint64_t bytesRead() const;
  [[nodiscard]] int64_t lastReadUs() const;
  void shutdownWrite();

 private:
  std::shared_ptr<FlowState> state_;
  GIOStream* stream_;
};

}  // namespace wsbridge
