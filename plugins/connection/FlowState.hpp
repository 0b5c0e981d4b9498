// SPDX-License-Identifier: LGPL-2.1-or-later
//
// FlowState: what the objects of one FlowStream share: the base stream, its readiness, the filter,
// the counters. Loop thread only.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include <gio/gio.h>

#include "connection/FrameFilter.hpp"
#include "connection/FrameWriter.hpp"
#include "runtime/GlibPtr.hpp"
#include "runtime/MediaLoop.hpp"

namespace wsbridge {

class FlowState : public std::enable_shared_from_this<FlowState> {
 public:
  FlowState(std::shared_ptr<MediaLoop> loop, GIOStream* base, std::vector<uint8_t> prefix,
            FrameFilter::AudioTaker on_audio, std::function<void()> on_drained,
            std::function<void()> on_fault);
  ~FlowState();
  FlowState(const FlowState&) = delete;
  FlowState& operator=(const FlowState&) = delete;

  /// Takes what has arrived and passes audio on. True: there is something for libsoup to read.
  bool pump();
  gssize read(void* buffer, gsize size, GError** error);
  gssize write(const void* buffer, gsize size, GError** error);
  /// One message, masked. Only when writable(). It goes out at the end of the loop's round, or
  /// before the next one; what the socket does not take then goes out before anything else.
  void sendMessage(Opcode opcode, std::span<const uint8_t> payload);
  GSource* createSource(GObject* stream, bool input);
  /// Lets a source of createSource() be dispatched, or not, as things stand.
  void refresh(GSource* source, bool input) const;
  void close();
  void shutdownWrite();

  void setPaused(bool paused);
  void setAudioIsText(bool audio_is_text) { filter_.setAudioIsText(audio_is_text); }
  void stopReading();
  void detach();
  [[nodiscard]] bool inputReady() const;
  [[nodiscard]] bool libsoupWanted() const;
  [[nodiscard]] bool outputReady() const { return output_ready_; }
  [[nodiscard]] bool writable() const;

  [[nodiscard]] bool paused() const { return paused_; }
  [[nodiscard]] const FrameFilter& filter() const { return filter_; }
  [[nodiscard]] uint64_t bytesRead() const { return bytes_read_; }
  [[nodiscard]] int64_t lastReadUs() const { return last_read_us_; }

 private:
  gssize readBase(std::span<uint8_t> into, GError** error);
  gssize writeBase(std::span<const uint8_t> bytes, GError** error);
  static void sendBatch();
  void sendBatched();
  void sendFrame(std::span<const uint8_t> bytes);
  bool flushCarry();
  void waitForOutput();
  void noteWritten();
  void updateInterest();
  void refreshSources() const;
  void onSocketEvents(uint32_t events);
  void onOutput();
  void watchTls(bool input);
  static gboolean onTlsInput(GObject*, gpointer data);
  static gboolean onTlsOutput(GObject*, gpointer data);
  static void destroySource(GSource*& source);

  std::shared_ptr<MediaLoop> loop_;
  GIOStream* base_;
  GSocket* socket_ = nullptr;  // set for ws: the descriptor is read and written directly
  int descriptor_ = -1;
  std::unique_ptr<SocketWatch> watch_;
  GSource* tls_input_ = nullptr;
  GSource* tls_output_ = nullptr;

  FrameFilter::AudioTaker on_audio_;
  FrameFilter filter_;
  std::vector<uint8_t> prefix_;
  std::function<void()> on_drained_;
  std::function<void()> on_fault_;
  bool ended_ = false;  // the base stream: by end_error_ or in order
  GErrorPtr end_error_;

  MaskKeys mask_keys_;
  bool batched_ = false;        // a message waits for the end of the round
  std::vector<uint8_t> carry_;  // the rest of a message that the socket did not take

  GSource* input_source_ = nullptr;
  GSource* output_source_ = nullptr;
  bool paused_ = false;
  bool read_stopped_ = false;
  bool input_ready_ = true;
  bool input_drained_ = false;
  bool input_armed_ = true;
  bool output_ready_ = false;
  bool want_output_ = false;
  bool was_blocked_ = false;
  bool drained_posted_ = false;
  bool closed_ = false;

  uint64_t bytes_read_ = 0;
  int64_t last_read_us_ = 0;
};

}  // namespace wsbridge
