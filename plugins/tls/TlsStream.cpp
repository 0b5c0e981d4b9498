// SPDX-License-Identifier: LGPL-2.1-or-later
//
// The GIOStream of a TlsSession. Loop thread only.
#include "tls/TlsSession.hpp"

namespace wsbridge {

namespace {

using SessionPtr = std::shared_ptr<TlsSession>;

// GObject memory is zeroed and constructors do not run: the session hangs behind one pointer.
struct TlsInput {
  GInputStream parent;
  SessionPtr* session;
};
struct TlsOutput {
  GOutputStream parent;
  SessionPtr* session;
};
struct TlsIo {
  GIOStream parent;
  SessionPtr* session;
  TlsInput* input;
  TlsOutput* output;
};
struct TlsInputClass {
  GInputStreamClass parent;
};
struct TlsOutputClass {
  GOutputStreamClass parent;
};
struct TlsIoClass {
  GIOStreamClass parent;
};

template <typename Self>
TlsSession& sessionOf(gpointer object) {
  return **static_cast<Self*>(object)->session;
}

gssize readInto(gpointer stream, void* buffer, gsize size, GError** error) {
  return sessionOf<TlsInput>(stream).read({static_cast<uint8_t*>(buffer), size}, error);
}

gssize writeFrom(gpointer stream, const void* buffer, gsize size, GError** error) {
  return sessionOf<TlsOutput>(stream).write({static_cast<const uint8_t*>(buffer), size}, error);
}

GSource* sourceOf(TlsSession& session, GObject* stream, GIOCondition condition,
                  GCancellable* cancellable) {
  GSource* source = g_pollable_source_new(stream);
  g_source_add_unix_fd(source, g_socket_get_fd(session.socket()), condition);
  if (cancellable != nullptr) {
    GSource* child = g_cancellable_source_new(cancellable);
    g_source_set_dummy_callback(child);
    g_source_add_child_source(source, child);
    g_source_unref(child);
  }
  return source;
}

}  // namespace

static void tls_input_pollable_init(GPollableInputStreamInterface* iface);
static void tls_output_pollable_init(GPollableOutputStreamInterface* iface);

G_DEFINE_TYPE_WITH_CODE(TlsInput, tls_input, G_TYPE_INPUT_STREAM,
                        G_IMPLEMENT_INTERFACE(G_TYPE_POLLABLE_INPUT_STREAM,
                                              tls_input_pollable_init))
G_DEFINE_TYPE_WITH_CODE(TlsOutput, tls_output, G_TYPE_OUTPUT_STREAM,
                        G_IMPLEMENT_INTERFACE(G_TYPE_POLLABLE_OUTPUT_STREAM,
                                              tls_output_pollable_init))
G_DEFINE_TYPE(TlsIo, tls_io, G_TYPE_IO_STREAM)

static void tls_input_init(TlsInput*) {}
static void tls_input_finalize(GObject* object) noexcept {
  delete reinterpret_cast<TlsInput*>(object)->session;
  G_OBJECT_CLASS(tls_input_parent_class)->finalize(object);
}
static void tls_input_class_init(TlsInputClass* klass) {
  G_OBJECT_CLASS(klass)->finalize = tls_input_finalize;
  G_INPUT_STREAM_CLASS(klass)->read_fn = [](GInputStream* stream, void* buffer, gsize size,
                                            GCancellable*, GError** error) noexcept {
    return readInto(stream, buffer, size, error);
  };
}
static void tls_input_pollable_init(GPollableInputStreamInterface* iface) {
  iface->can_poll = [](GPollableInputStream*) noexcept -> gboolean { return TRUE; };
  iface->is_readable = [](GPollableInputStream* stream) noexcept -> gboolean {
    return sessionOf<TlsInput>(stream).hasInput();
  };
  iface->create_source = [](GPollableInputStream* stream, GCancellable* cancellable) noexcept {
    return sourceOf(sessionOf<TlsInput>(stream), G_OBJECT(stream), G_IO_IN, cancellable);
  };
  iface->read_nonblocking = [](GPollableInputStream* stream, void* buffer, gsize size,
                               GError** error) noexcept {
    return readInto(stream, buffer, size, error);
  };
}

static void tls_output_init(TlsOutput*) {}
static void tls_output_finalize(GObject* object) noexcept {
  delete reinterpret_cast<TlsOutput*>(object)->session;
  G_OBJECT_CLASS(tls_output_parent_class)->finalize(object);
}
static void tls_output_class_init(TlsOutputClass* klass) {
  G_OBJECT_CLASS(klass)->finalize = tls_output_finalize;
  G_OUTPUT_STREAM_CLASS(klass)->write_fn = [](GOutputStream* stream, const void* buffer, gsize size,
                                              GCancellable*, GError** error) noexcept {
    return writeFrom(stream, buffer, size, error);
  };
}
static void tls_output_pollable_init(GPollableOutputStreamInterface* iface) {
  iface->can_poll = [](GPollableOutputStream*) noexcept -> gboolean { return TRUE; };
  iface->is_writable = [](GPollableOutputStream* stream) noexcept -> gboolean {
    return g_socket_condition_check(sessionOf<TlsOutput>(stream).socket(), G_IO_OUT) != 0;
  };
  iface->create_source = [](GPollableOutputStream* stream, GCancellable* cancellable) noexcept {
    return sourceOf(sessionOf<TlsOutput>(stream), G_OBJECT(stream), G_IO_OUT, cancellable);
  };
  iface->write_nonblocking = [](GPollableOutputStream* stream, const void* buffer, gsize size,
                                GError** error) noexcept {
    return writeFrom(stream, buffer, size, error);
  };
}

static void tls_io_init(TlsIo*) {}
static void tls_io_finalize(GObject* object) noexcept {
  auto* self = reinterpret_cast<TlsIo*>(object);
  g_object_unref(self->input);
  g_object_unref(self->output);
  delete self->session;
  G_OBJECT_CLASS(tls_io_parent_class)->finalize(object);
}
static void tls_io_close_async(GIOStream* stream, int priority, GCancellable* cancellable,
                               GAsyncReadyCallback callback, gpointer data) noexcept {
  g_autoptr(GTask) task = g_task_new(stream, cancellable, callback, data);
  g_task_set_priority(task, priority);
  sessionOf<TlsIo>(stream).close();
  g_task_return_boolean(task, TRUE);
}
static void tls_io_class_init(TlsIoClass* klass) {
  G_OBJECT_CLASS(klass)->finalize = tls_io_finalize;
  GIOStreamClass* io = G_IO_STREAM_CLASS(klass);
  io->get_input_stream = [](GIOStream* stream) noexcept {
    return &reinterpret_cast<TlsIo*>(stream)->input->parent;
  };
  io->get_output_stream = [](GIOStream* stream) noexcept {
    return &reinterpret_cast<TlsIo*>(stream)->output->parent;
  };
  io->close_fn = [](GIOStream* stream, GCancellable*, GError**) noexcept -> gboolean {
    sessionOf<TlsIo>(stream).close();
    return TRUE;
  };
  io->close_async = tls_io_close_async;
  io->close_finish = [](GIOStream*, GAsyncResult* result, GError** error) noexcept {
    return g_task_propagate_boolean(G_TASK(result), error);
  };
}

GIOStream* makeTlsStream(std::shared_ptr<TlsSession> session) {
  auto* io = static_cast<TlsIo*>(g_object_new(tls_io_get_type(), nullptr));
  io->input = static_cast<TlsInput*>(g_object_new(tls_input_get_type(), nullptr));
  io->output = static_cast<TlsOutput*>(g_object_new(tls_output_get_type(), nullptr));
  io->input->session = new SessionPtr(session);
  io->output->session = new SessionPtr(session);
  io->session = new SessionPtr(std::move(session));
  return &io->parent;
}

}  // namespace wsbridge
