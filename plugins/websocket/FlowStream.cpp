// SPDX-License-Identifier: LGPL-2.1-or-later
#include "websocket/FlowStream.hpp"

#include "websocket/FlowState.hpp"

namespace wsbridge {

namespace {

using StatePtr = std::shared_ptr<FlowState>;

// GObject memory is zeroed and constructors do not run: the shared state hangs behind one pointer.
struct FlowInput {
  GInputStream parent;
  StatePtr* state;
};
struct FlowOutput {
  GOutputStream parent;
  StatePtr* state;
};
struct FlowIo {
  GIOStream parent;
  StatePtr* state;
  FlowInput* input;
  FlowOutput* output;
};
struct FlowInputClass {
  GInputStreamClass parent;
};
struct FlowOutputClass {
  GOutputStreamClass parent;
};
struct FlowIoClass {
  GIOStreamClass parent;
};

template <typename Self>
FlowState& stateOf(gpointer object) {
  return **static_cast<Self*>(object)->state;
}

template <typename Self>
void setState(gpointer object, const StatePtr& state) {
  static_cast<Self*>(object)->state = new StatePtr(state);
}

}  // namespace

static void flow_input_pollable_init(GPollableInputStreamInterface* iface);
static void flow_output_pollable_init(GPollableOutputStreamInterface* iface);

G_DEFINE_TYPE_WITH_CODE(FlowInput, flow_input, G_TYPE_INPUT_STREAM,
                        G_IMPLEMENT_INTERFACE(G_TYPE_POLLABLE_INPUT_STREAM,
                                              flow_input_pollable_init))
G_DEFINE_TYPE_WITH_CODE(FlowOutput, flow_output, G_TYPE_OUTPUT_STREAM,
                        G_IMPLEMENT_INTERFACE(G_TYPE_POLLABLE_OUTPUT_STREAM,
                                              flow_output_pollable_init))
G_DEFINE_TYPE(FlowIo, flow_io, G_TYPE_IO_STREAM)

static void flow_input_init(FlowInput*) {}
static void flow_input_finalize(GObject* object) noexcept {
  delete reinterpret_cast<FlowInput*>(object)->state;
  G_OBJECT_CLASS(flow_input_parent_class)->finalize(object);
}
static gssize flow_input_read(GInputStream* stream, void* buffer, gsize size, GCancellable*,
                              GError** error) noexcept {
  return stateOf<FlowInput>(stream).read(buffer, size, error);
}
static void flow_input_class_init(FlowInputClass* klass) {
  G_OBJECT_CLASS(klass)->finalize = flow_input_finalize;
  G_INPUT_STREAM_CLASS(klass)->read_fn = flow_input_read;
}
static void flow_input_pollable_init(GPollableInputStreamInterface* iface) {
  iface->can_poll = [](GPollableInputStream*) noexcept -> gboolean { return TRUE; };
  iface->is_readable = [](GPollableInputStream* stream) noexcept -> gboolean {
    return stateOf<FlowInput>(stream).inputReady();
  };
  iface->create_source = [](GPollableInputStream* stream, GCancellable*) noexcept {
    return stateOf<FlowInput>(stream).createSource(G_OBJECT(stream), true);
  };
  iface->read_nonblocking = [](GPollableInputStream* stream, void* buffer, gsize size,
                               GError** error) noexcept {
    return stateOf<FlowInput>(stream).read(buffer, size, error);
  };
}

static void flow_output_init(FlowOutput*) {}
static void flow_output_finalize(GObject* object) noexcept {
  delete reinterpret_cast<FlowOutput*>(object)->state;
  G_OBJECT_CLASS(flow_output_parent_class)->finalize(object);
}
static gssize flow_output_write(GOutputStream* stream, const void* buffer, gsize size,
                                GCancellable*, GError** error) noexcept {
  return stateOf<FlowOutput>(stream).write(buffer, size, error);
}
static void flow_output_class_init(FlowOutputClass* klass) {
  G_OBJECT_CLASS(klass)->finalize = flow_output_finalize;
  G_OUTPUT_STREAM_CLASS(klass)->write_fn = flow_output_write;
}
static void flow_output_pollable_init(GPollableOutputStreamInterface* iface) {
  iface->can_poll = [](GPollableOutputStream*) noexcept -> gboolean { return TRUE; };
  iface->is_writable = [](GPollableOutputStream* stream) noexcept -> gboolean {
    return stateOf<FlowOutput>(stream).writable();
  };
  iface->create_source = [](GPollableOutputStream* stream, GCancellable*) noexcept {
    return stateOf<FlowOutput>(stream).createSource(G_OBJECT(stream), false);
  };
  iface->write_nonblocking = [](GPollableOutputStream* stream, const void* buffer, gsize size,
                                GError** error) noexcept {
    return stateOf<FlowOutput>(stream).write(buffer, size, error);
  };
}

static void flow_io_init(FlowIo*) {}
static void flow_io_finalize(GObject* object) noexcept {
  auto* self = reinterpret_cast<FlowIo*>(object);
  g_object_unref(self->input);
  g_object_unref(self->output);
  delete self->state;
  G_OBJECT_CLASS(flow_io_parent_class)->finalize(object);
}
static gboolean flow_io_close(GIOStream* stream, GCancellable*, GError**) noexcept {
  stateOf<FlowIo>(stream).close();
  return TRUE;
}
static void flow_io_close_async(GIOStream* stream, int priority, GCancellable* cancellable,
                                GAsyncReadyCallback callback, gpointer data) noexcept {
  g_autoptr(GTask) task = g_task_new(stream, cancellable, callback, data);
  g_task_set_priority(task, priority);
  stateOf<FlowIo>(stream).close();
  g_task_return_boolean(task, TRUE);
}
static gboolean flow_io_close_finish(GIOStream*, GAsyncResult* result, GError** error) noexcept {
  return g_task_propagate_boolean(G_TASK(result), error);
}
static void flow_io_class_init(FlowIoClass* klass) {
  G_OBJECT_CLASS(klass)->finalize = flow_io_finalize;
  GIOStreamClass* io = G_IO_STREAM_CLASS(klass);
  io->get_input_stream = [](GIOStream* stream) noexcept {
    return &reinterpret_cast<FlowIo*>(stream)->input->parent;
  };
  io->get_output_stream = [](GIOStream* stream) noexcept {
    return &reinterpret_cast<FlowIo*>(stream)->output->parent;
  };
  io->close_fn = flow_io_close;
  io->close_async = flow_io_close_async;
  io->close_finish = flow_io_close_finish;
}

FlowStream::FlowStream(std::shared_ptr<MediaLoop> loop, GIOStream* base,
                       std::vector<uint8_t> prefix, FrameFilter::AudioTaker on_audio,
                       std::function<void()> on_drained, std::function<void()> on_fault)
    : state_(std::make_shared<FlowState>(std::move(loop), base, std::move(prefix),
                                         std::move(on_audio), std::move(on_drained),
                                         std::move(on_fault))),
      stream_(G_IO_STREAM(g_object_new(flow_io_get_type(), nullptr))) {
  auto* io = reinterpret_cast<FlowIo*>(stream_);
  io->input = static_cast<FlowInput*>(g_object_new(flow_input_get_type(), nullptr));
  io->output = static_cast<FlowOutput*>(g_object_new(flow_output_get_type(), nullptr));
  setState<FlowIo>(io, state_);
  setState<FlowInput>(io->input, state_);
  setState<FlowOutput>(io->output, state_);
}

FlowStream::~FlowStream() {
  state_->detach();
  state_->close();
  g_object_unref(stream_);
}

GIOStream* FlowStream::stream() const {
  return stream_;
}
void FlowStream::setPaused(bool paused) {
  state_->setPaused(paused);
}
void FlowStream::setAudioIsText(bool audio_is_text) {
  state_->setAudioIsText(audio_is_text);
}
void FlowStream::setBudget(std::shared_ptr<ControlBudget> budget,
                           std::function<void(Slowed)> on_slowed) {
  state_->setBudget(std::move(budget), std::move(on_slowed));
}
void FlowStream::forgetBudget() {
  state_->forgetBudget();
}
void FlowStream::stopReading() {
  state_->stopReading();
}
bool FlowStream::paused() const {
  return state_->paused();
}
bool FlowStream::writable() const {
  return state_->writable();
}
void FlowStream::sendMessage(Opcode opcode, std::span<const uint8_t> payload) {
  state_->sendMessage(opcode, payload);
}
const FrameFilter& FlowStream::filter() const {
  return state_->filter();
}
uint64_t FlowStream::bytesRead() const {
  return state_->bytesRead();
}
int64_t FlowStream::lastReadUs() const {
  return state_->lastReadUs();
}
void FlowStream::shutdownWrite() {
  state_->shutdownWrite();
}

}  // namespace wsbridge
