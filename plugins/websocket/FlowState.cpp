// SPDX-License-Identifier: LGPL-2.1-or-later
#include "websocket/FlowState.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>
#include <utility>

#include <sys/socket.h>

#include "tls/TlsClose.hpp"

namespace wsbridge {

namespace {

constexpr size_t kStagingBytes = 8 * 1024;

// Only one connection of a thread reads or writes at a time, and memory that all of them use stays
// in the processor's cache.
thread_local std::array<uint8_t, kStagingBytes> staging;

// One connection may take this much of the loop before the others get their turn.
constexpr size_t kDispatchBytes = 64 * 1024;

/// What all connections of a loop together may take of a round for text, and for audio beyond the
/// first bytes of each, before timers and the first bytes of others have their turn.
constexpr int64_t kRoundWorkUs = 4'000;
/// A longer rest is looked at in between: the endpoint may have to be given up.
constexpr int64_t kMaxRestUs = 500'000;
struct RoundWork {
  uint64_t round = 0;
  int64_t used_us = 0;

  [[nodiscard]] bool isUsedUp(uint64_t now) {
    if (round != now) *this = {now, 0};
    return used_us >= kRoundWorkUs;
  }
};
thread_local RoundWork round_work;

int64_t cpuOfThread() {
  timespec cpu{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &cpu);
  return cpu.tv_sec * 1'000'000 + cpu.tv_nsec / 1000;
}

/// The messages of a loop's round, one of each connection. They go out at its end, one after the
/// other: the first of them wakes up who reads them, and the others find it awake.
struct Batch {
  struct Message {
    FlowState* from;  // nobody: it has gone out
    size_t begin;
    size_t size;
  };
  std::vector<uint8_t> bytes;
  std::vector<Message> messages;
};
thread_local Batch batch;
/// A long round sends what it has now and then.
constexpr size_t kMostBatched = 64;
constexpr size_t kMostBatchedBytes = 64 * 1024;

/// The source that libsoup attaches, without a descriptor of its own. FlowState sets its ready
/// time: GLib asks every source of a context at each turn, and those with functions take longest.
struct FlowSource {
  GSource base;
  GObject* stream;
  FlowState* state;  // alive as long as `stream`
  bool input;

  static FlowSource& of(GSource* source) { return *reinterpret_cast<FlowSource*>(source); }
  static gboolean onDispatch(GSource* source, GSourceFunc callback, gpointer data) noexcept {
    FlowSource& self = of(source);
    gboolean more = G_SOURCE_CONTINUE;
    auto* call = reinterpret_cast<GPollableSourceFunc>(reinterpret_cast<void*>(callback));
    if (!self.input) {
      more = call(self.stream, data);
    } else if (self.state->beginWork()) {
      if (self.state->pump()) more = call(self.stream, data);
      self.state->endWork();
    }
    if (more != FALSE) self.state->refresh(source, self.input);
    return more;
  }
  static void onFinalize(GSource* source) noexcept { g_object_unref(of(source).stream); }
};

gssize wouldBlock(GError** error) {
  g_set_error_literal(error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK, "would block");
  return -1;
}

gssize systemError(const char* what, GError** error) {
  const int code = errno;
  g_set_error(error, G_IO_ERROR, g_io_error_from_errno(code), "%s: %s", what, g_strerror(code));
  return -1;
}

}  // namespace

FlowState::FlowState(std::shared_ptr<MediaLoop> loop, GIOStream* base, std::vector<uint8_t> prefix,
                     FrameFilter::AudioTaker on_audio, std::function<void()> on_drained,
                     std::function<void()> on_fault)
    : loop_(std::move(loop)),
      base_(G_IO_STREAM(g_object_ref(base))),
      on_audio_(std::move(on_audio)),
      filter_([this](std::span<const uint8_t> part) {
        if (on_audio_) on_audio_(part);
      }),
      prefix_(std::move(prefix)),
      on_drained_(std::move(on_drained)),
      on_fault_(std::move(on_fault)),
      last_read_us_(g_get_monotonic_time()) {
  if (G_IS_SOCKET_CONNECTION(base)) {
    socket_ = g_socket_connection_get_socket(G_SOCKET_CONNECTION(base));
    descriptor_ = g_socket_get_fd(socket_);
    watch_ = std::make_unique<SocketWatch>(*loop_, descriptor_,
                                           [this](uint32_t events) { onSocketEvents(events); });
  }
}

FlowState::~FlowState() {
  close();
  g_object_unref(base_);
}

void FlowState::detach() {
  on_audio_ = nullptr;
  on_drained_ = nullptr;
  on_fault_ = nullptr;
  on_slowed_ = nullptr;
}

void FlowState::setBudget(std::shared_ptr<ControlBudget> budget,
                          std::function<void(Slowed)> on_slowed) {
  budget_ = std::move(budget);
  on_slowed_ = std::move(on_slowed);
}

void FlowState::forgetBudget() {
  if (!budget_) return;
  budget_ = std::make_shared<ControlBudget>(0);
  if (rest_timer_) endRest(g_get_monotonic_time());
}

bool FlowState::hasToRest() {
  if (rest_timer_) return true;
  if (!budget_ || !budget_->isExhausted()) return false;
  const int64_t now_us = g_get_monotonic_time();
  const int64_t until_us = budget_->readableAt(now_us);
  if (until_us <= now_us) return false;
  rest_timer_ = loop_->addTimer(std::min(until_us, now_us + kMaxRestUs),
                                [weak = weak_from_this()](int64_t due_us) -> int64_t {
                                  const auto self = weak.lock();
                                  return self ? self->goOnResting(due_us) : 0;
                                });
  tellSlowed(now_us);
  updateInterest();
  return true;
}

void FlowState::tellSlowed(int64_t now_us) {
  const Slowed why = budget_->isAbused(now_us) ? Slowed::Abused
                     : budget_->isOverRate()   ? Slowed::Messages
                                               : Slowed::Work;
  // It may be libsoup's own call that we are in.
  loop_->post([weak = weak_from_this(), why] {
    const auto self = weak.lock();
    if (self && self->on_slowed_) self->on_slowed_(why);
  });
}

int64_t FlowState::goOnResting(int64_t now_us) {
  const int64_t until_us = budget_->readableAt(now_us);
  if (until_us <= now_us) {
    endRest(now_us);
    return 0;
  }
  if (budget_->isAbused(now_us)) tellSlowed(now_us);
  return std::min(until_us, now_us + kMaxRestUs);
}

void FlowState::endRest(int64_t now_us) {
  loop_->removeTimer(*rest_timer_);
  rest_timer_.reset();
  if (closed_) return;
  last_read_us_ = now_us;  // the endpoint could not be heard until now
  input_armed_ = input_ready_ = true;
  updateInterest();
  refreshSources();
}

bool FlowState::beginWork() {
  if (!budget_) return true;
  if (round_work.isUsedUp(loop_->round())) return false;
  work_cpu_us_ = cpuOfThread();
  work_began_us_ = g_get_monotonic_time();
  return true;
}

void FlowState::endWork() {
  if (!budget_ || work_began_us_ == 0) return;
  const int64_t now_us = g_get_monotonic_time();
  budget_->work(now_us, cpuOfThread() - work_cpu_us_);
  round_work.used_us += now_us - std::exchange(work_began_us_, 0);
}

void FlowState::countFrames() {
  const uint64_t controls = filter_.controlFrames() - control_frames_;
  const uint64_t fragments = filter_.textFragments() - text_fragments_;
  if (!budget_ || (controls == 0 && fragments == 0)) return;
  control_frames_ += controls;
  text_fragments_ += fragments;
  budget_->frames(last_read_us_, controls, fragments);
}

bool FlowState::libsoupWanted() const {
  return !filter_.wanted() || ended_ || filter_.fault() != FrameFilter::Fault::None;
}

bool FlowState::inputReady() const {
  if (closed_ || read_stopped_ || rest_timer_) return false;
  return libsoupWanted() || filter_.behind() || (input_ready_ && !filter_.stuck());
}

bool FlowState::pump() {
  size_t budget = kDispatchBytes;
  filter_.setDropPings(!writable());
  int64_t began_us = 0;
  while (!closed_ && !read_stopped_ && !hasToRest() && !libsoupWanted()) {
    if (filter_.stuck()) {
      updateInterest();
      return false;
    }
    if (filter_.behind()) {
      filter_.proceed();
      countFrames();
    } else if (!prefix_.empty()) {
      filter_.feed(std::exchange(prefix_, {}));
      countFrames();
    } else if (budget < staging.size()) {
      return false;  // the other connections' turn; more is there
    } else {
      GError* problem = nullptr;
      const gssize count = readBase(staging, &problem);
      GErrorPtr error(problem);
      if (error && g_error_matches(error.get(), G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK)) {
        if (budget_) budget_->caughtUp();
        return false;
      }
      if (count <= 0) {
        ended_ = true;
        end_error_ = std::move(error);
        break;
      }
      last_read_us_ = g_get_monotonic_time();
      bytes_read_ += static_cast<uint64_t>(count);
      budget -= static_cast<size_t>(count);
      if (began_us == 0) began_us = last_read_us_;
      filter_.feed(std::span<const uint8_t>(staging.data(), static_cast<size_t>(count)));
      countFrames();
      if (static_cast<size_t>(count) == staging.size() && hasTakenItsShare(began_us)) return false;
    }
  }
  return !closed_ && !read_stopped_ && !rest_timer_;
}

/// More is there than was read at once. Audio in tiny pieces costs time, not bytes.
bool FlowState::hasTakenItsShare(int64_t& since_us) {
  if (!budget_) return false;
  const int64_t now_us = g_get_monotonic_time();
  const bool counted = work_began_us_ != 0;
  const int64_t took_us = now_us - (counted ? work_began_us_ : since_us);
  const bool late = round_work.isUsedUp(loop_->round()) || took_us >= ControlBudget::kSliceUs;
  if (!counted) {
    budget_->work(now_us, took_us);
    round_work.used_us += took_us;
    since_us = now_us;
  }
  return late;
}

gssize FlowState::read(void* buffer, gsize size, GError** error) {
  if (closed_ || read_stopped_ || hasToRest()) return wouldBlock(error);
  // The others' turn; the rest is read in the next round.
  if (work_began_us_ != 0 && g_get_monotonic_time() - work_began_us_ >= ControlBudget::kSliceUs)
    return wouldBlock(error);
  const size_t count = filter_.read(static_cast<uint8_t*>(buffer), size);
  if (count > 0) return static_cast<gssize>(count);
  if (filter_.fault() != FrameFilter::Fault::None) {
    // An error would make libsoup close the socket without a close frame, and it may not be closed
    // within its own call.
    if (on_fault_) loop_->post(std::exchange(on_fault_, nullptr));
    return wouldBlock(error);
  }
  if (!ended_ || filter_.behind()) return wouldBlock(error);
  if (end_error_ && error != nullptr) *error = g_error_copy(end_error_.get());
  return end_error_ ? -1 : 0;
}

gssize FlowState::readBase(std::span<uint8_t> into, GError** error) {
  if (socket_ == nullptr) {
    auto* input = G_POLLABLE_INPUT_STREAM(g_io_stream_get_input_stream(base_));
    GError* problem = nullptr;
    const gssize count = g_pollable_input_stream_read_nonblocking(input, into.data(), into.size(),
                                                                  nullptr, &problem);
    if (problem != nullptr && g_error_matches(problem, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK)) {
      input_ready_ = false;
      updateInterest();
    }
    if (problem != nullptr) g_propagate_error(error, problem);
    return count;
  }
  if (!input_drained_) {
    const ssize_t count = recv(descriptor_, into.data(), into.size(), MSG_DONTWAIT);
    // A short read emptied the socket: the next one would only say so. Level-triggered epoll tells
    // when there is more.
    input_drained_ = count > 0 && static_cast<size_t>(count) < into.size();
    if (count >= 0) return count;
    if (errno != EAGAIN && errno != EINTR) return systemError("receiving", error);
  }
  input_drained_ = false;
  input_ready_ = false;
  if (!input_armed_) {
    input_armed_ = true;
    updateInterest();
  }
  return wouldBlock(error);
}

gssize FlowState::writeBase(std::span<const uint8_t> bytes, GError** error) {
  if (socket_ == nullptr) {
    auto* output = G_POLLABLE_OUTPUT_STREAM(g_io_stream_get_output_stream(base_));
    return g_pollable_output_stream_write_nonblocking(output, bytes.data(), bytes.size(), nullptr,
                                                      error);
  }
  const ssize_t count = send(descriptor_, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (count >= 0) return count;
  return errno == EAGAIN || errno == EINTR ? wouldBlock(error) : systemError("sending", error);
}

gssize FlowState::write(const void* buffer, gsize size, GError** error) {
  if (closed_) {
    g_set_error_literal(error, G_IO_ERROR, G_IO_ERROR_CLOSED, "stream is closed");
    return -1;
  }
  sendBatched();
  output_ready_ = false;
  const gssize count = flushCarry() ? writeBase({static_cast<const uint8_t*>(buffer), size}, error)
                                    : wouldBlock(error);
  if (!writable()) waitForOutput();  // libsoup's source stays until its queue is empty
  if (count < static_cast<gssize>(size)) was_blocked_ = true;
  if (count >= 0 && was_blocked_) noteWritten();
  return count;
}

void FlowState::sendMessage(Opcode opcode, std::span<const uint8_t> payload) {
  if (closed_) return;
  // One of each connection: whoever sends more has to see when the socket takes no more.
  sendBatched();
  if (batch.messages.empty()) loop_->atRoundEnd(sendBatch);
  const size_t begin = batch.bytes.size();
  appendFrame(opcode, payload, mask_keys_.next(), batch.bytes);
  batch.messages.push_back({this, begin, batch.bytes.size() - begin});
  batched_ = true;
  if (batch.messages.size() >= kMostBatched || batch.bytes.size() >= kMostBatchedBytes) sendBatch();
}

void FlowState::sendBatch() {
  for (const Batch::Message& message : batch.messages) {
    if (message.from == nullptr) continue;
    message.from->batched_ = false;
    message.from->sendFrame(std::span(batch.bytes).subspan(message.begin, message.size));
  }
  batch.messages.clear();
  batch.bytes.clear();
}

/// Before anything else of this connection goes out.
void FlowState::sendBatched() {
  if (!batched_) return;
  for (Batch::Message& message : batch.messages) {
    if (message.from != this) continue;
    message.from = nullptr;
    sendFrame(std::span(batch.bytes).subspan(message.begin, message.size));
  }
  batched_ = false;
}

void FlowState::sendFrame(std::span<const uint8_t> bytes) {
  size_t sent = 0;
  if (carry_.empty()) sent = static_cast<size_t>(std::max<gssize>(writeBase(bytes, nullptr), 0));
  if (sent == bytes.size()) return;
  carry_.insert(carry_.end(), bytes.begin() + static_cast<ptrdiff_t>(sent), bytes.end());
  was_blocked_ = true;
  waitForOutput();
}

bool FlowState::flushCarry() {
  if (carry_.empty()) return true;
  GError* problem = nullptr;
  const gssize count = writeBase(carry_, &problem);
  const GErrorPtr error(problem);
  if (count > 0) carry_.erase(carry_.begin(), carry_.begin() + count);
  // A broken connection shows when it is read; nothing more goes out on it.
  if (error && !g_error_matches(error.get(), G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK)) carry_.clear();
  return carry_.empty();
}

void FlowState::waitForOutput() {
  want_output_ = true;
  updateInterest();
}

void FlowState::noteWritten() {
  // libsoup is in the middle of its own write: look at what it still holds when it has returned.
  if (drained_posted_) return;
  drained_posted_ = true;
  loop_->post([weak = weak_from_this()] {
    const auto self = weak.lock();
    if (!self) return;
    self->drained_posted_ = false;
    if (!self->was_blocked_ || !self->writable()) return;
    self->was_blocked_ = false;
    if (self->on_drained_) self->on_drained_();
  });
}

bool FlowState::writable() const {
  return carry_.empty() && (output_source_ == nullptr || g_source_is_destroyed(output_source_));
}

GSource* FlowState::createSource(GObject* stream, bool input) {
  static GSourceFuncs funcs = {nullptr, nullptr, FlowSource::onDispatch, FlowSource::onFinalize,
                               nullptr, nullptr};
  GSource* source = g_source_new(&funcs, sizeof(FlowSource));
  auto* flow = reinterpret_cast<FlowSource*>(source);
  flow->stream = G_OBJECT(g_object_ref(stream));
  flow->state = this;
  flow->input = input;
  GSource*& held = input ? input_source_ : output_source_;
  if (held != nullptr) g_source_unref(held);
  held = g_source_ref(source);
  if (!input) {
    output_ready_ = false;
    want_output_ = true;
  }
  updateInterest();
  refreshSources();
  return source;
}

void FlowState::refresh(GSource* source, bool input) const {
  if (source == nullptr || g_source_is_destroyed(source)) return;
  const gint64 time = (input ? inputReady() : outputReady()) ? 0 : -1;
  if (g_source_get_ready_time(source) != time) g_source_set_ready_time(source, time);
  if (time == 0) loop_->kick();
}

void FlowState::refreshSources() const {
  refresh(input_source_, true);
  refresh(output_source_, false);
}

void FlowState::updateInterest() {
  if (closed_) return;
  if (watch_) {
    const bool reads = !read_stopped_ && !rest_timer_ && !filter_.stuck();
    watch_->want(reads && input_armed_, want_output_);
    return;
  }
  if (!read_stopped_ && !rest_timer_ && !filter_.stuck() && !input_ready_) watchTls(true);
  if (want_output_) watchTls(false);
}

void FlowState::onSocketEvents(uint32_t events) {
  const auto self = shared_from_this();  // what takes the audio may let go of the stream
  if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) {
    if (input_ready_) input_armed_ = false;  // nobody has read since the last time: do not spin
    input_ready_ = true;
  }
  if ((events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0) onOutput();
  updateInterest();
  // Audio is taken at once, before the loop's ticks look for it.
  if (input_ready_) pump();
  refreshSources();
}

void FlowState::onOutput() {
  want_output_ = false;
  if (flushCarry()) {
    output_ready_ = true;
    if (was_blocked_) noteWritten();
  } else {
    want_output_ = true;
  }
}

void FlowState::watchTls(bool input) {
  GSource*& source = input ? tls_input_ : tls_output_;
  if (source != nullptr) return;
  source = input ? g_pollable_input_stream_create_source(
                       G_POLLABLE_INPUT_STREAM(g_io_stream_get_input_stream(base_)), nullptr)
                 : g_pollable_output_stream_create_source(
                       G_POLLABLE_OUTPUT_STREAM(g_io_stream_get_output_stream(base_)), nullptr);
  GPollableSourceFunc callback = input ? onTlsInput : onTlsOutput;
  g_source_set_callback(source, reinterpret_cast<GSourceFunc>(reinterpret_cast<void*>(callback)),
                        this, nullptr);
  g_source_attach(source, loop_->context());
}

gboolean FlowState::onTlsInput(GObject*, gpointer data) noexcept {
  auto* self = static_cast<FlowState*>(data);
  self->input_ready_ = true;
  destroySource(self->tls_input_);
  self->refreshSources();
  return G_SOURCE_REMOVE;
}

gboolean FlowState::onTlsOutput(GObject*, gpointer data) noexcept {
  auto* self = static_cast<FlowState*>(data);
  destroySource(self->tls_output_);
  self->onOutput();
  self->updateInterest();
  self->refreshSources();
  return G_SOURCE_REMOVE;
}

void FlowState::destroySource(GSource*& source) {
  if (source == nullptr) return;
  g_source_destroy(source);
  g_source_unref(source);
  source = nullptr;
}

void FlowState::setPaused(bool paused) {
  if (paused_ == paused) return;
  paused_ = paused;
  filter_.setHold(paused);
  if (!paused) {
    last_read_us_ = g_get_monotonic_time();  // the endpoint could not be heard until now
    input_armed_ = true;
    input_ready_ =
        true;  // data may wait above the socket: a decrypted TLS record, a filtered message
  }
  updateInterest();
  refreshSources();
}

void FlowState::stopReading() {
  read_stopped_ = true;
  destroySource(tls_input_);
  updateInterest();
  refreshSources();
}

void FlowState::shutdownWrite() {
  sendBatched();
  if (socket_ != nullptr && !closed_) g_socket_shutdown(socket_, FALSE, TRUE, nullptr);
}

void FlowState::close() {
  if (closed_) return;
  sendBatched();
  closed_ = true;
  if (rest_timer_) endRest(0);
  if (watch_) {
    watch_->silence();
    // It may be the watch itself that has called us.
    loop_->post([watch = std::shared_ptr<SocketWatch>(std::move(watch_))] {});
  }
  destroySource(tls_input_);
  destroySource(tls_output_);
  for (GSource** source : {&input_source_, &output_source_}) {
    refresh(*source, source == &input_source_);
    if (*source != nullptr) g_source_unref(*source);
    *source = nullptr;
  }
  if (socket_ != nullptr) {
    g_io_stream_close(base_, nullptr, nullptr);
  } else {
    closeTls(base_, loop_);
  }
}

}  // namespace wsbridge
