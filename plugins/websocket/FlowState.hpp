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

#include "runtime/GlibPtr.hpp"
#include "runtime/MediaLoop.hpp"
#include "websocket/ControlBudget.hpp"
#include "websocket/FrameFilter.hpp"
#include "websocket/FrameWriter.hpp"

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
  /// How much may be read; without a budget all that comes. `on_slowed` is called, by post(), each
  /// time that the socket is left alone for a while.
  void setBudget(std::shared_ptr<ControlBudget> budget, std::function<void(Slowed)> on_slowed);
  /// The close handshake: what comes is not counted any more.
  void forgetBudget();
  /// Around the work that libsoup does on what is read. False: not in this round.
  bool beginWork();
  void endWork();
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
  /// True: not to be read now.
  bool hasToRest();
  void tellSlowed(int64_t now_us);
  int64_t goOnResting(int64_t now_us);
  void endRest(int64_t now_us);
  void countFrames();
  bool hasTakenItsShare(int64_t& since_us);
  void updateInterest();
  void refreshSources() const;
  void onSocketEvents(uint32_t events);
  void onOutput();
  void watchTls(bool input);
  static gboolean onTlsInput(GObject*, gpointer data) noexcept;
  static gboolean onTlsOutput(GObject*, gpointer data) noexcept;
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
  std::shared_ptr<ControlBudget> budget_;
  std::function<void(Slowed)> on_slowed_;
  std::optional<MediaLoop::TimerId> rest_timer_;  // set while resting
  uint64_t control_frames_ = 0;                   // counted so far
  uint64_t text_fragments_ = 0;
  int64_t work_began_us_ = 0;  // 0: none is being done
  int64_t work_cpu_us_ = 0;

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
