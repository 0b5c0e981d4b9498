// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Makes GLib's locks visible to ThreadSanitizer. The Debian packages of GLib and GStreamer are not
// instrumented, and GLib's locks are built on futexes, so the sanitizer would take everything that
// a GMutex, a reference count or a bus orders for a race. The functions here take the place of
// GLib's for all libraries of the process, tell the sanitizer what they order, and call the real
// ones. Calls from within one library, such as GMainContext's own lock, do not come by here. Linked
// into test programs of the thread sanitizer only; any thread.
#include <dlfcn.h>
#include <sanitizer/tsan_interface.h>

#include <gst/gst.h>

#define WSBRIDGE_EXPORT extern "C" __attribute__((visibility("default")))

namespace {

template <class Function>
Function real(Function, const char* name) {
  return reinterpret_cast<Function>(dlsym(RTLD_NEXT, name));
}

struct Callback {
  GSourceFunc function;
  gpointer data;
  GDestroyNotify notify;
  GSource* source;
};

gboolean runCallback(gpointer data) {
  __tsan_acquire(data);
  auto* callback = static_cast<Callback*>(data);
  __tsan_acquire(callback->source);
  return callback->function(callback->data);
}

void freeCallback(gpointer data) {
  __tsan_acquire(data);
  auto* callback = static_cast<Callback*>(data);
  if (callback->notify != nullptr) callback->notify(callback->data);
  delete callback;
}

struct PoolCall {
  GFunc function;
  gpointer data;
};

void runPoolCall(gpointer item, gpointer data) {
  __tsan_acquire(item);
  const auto* call = static_cast<const PoolCall*>(data);
  call->function(item, call->data);
}

struct AsyncCall {
  GstElementCallAsyncFunc function;
  gpointer data;
  GDestroyNotify notify;
};

void runAsyncCall(GstElement* element, gpointer data) {
  __tsan_acquire(data);
  auto* call = static_cast<AsyncCall*>(data);
  call->function(element, call->data);
}

void freeAsyncCall(gpointer data) {
  __tsan_acquire(data);
  auto* call = static_cast<AsyncCall*>(data);
  if (call->notify != nullptr) call->notify(call->data);
  delete call;
}

}  // namespace

// The real function, looked up once: static initialisers of C++ are ordered by the compiler.
#define REAL(name) static const auto original = real(&name, #name)

#define WSBRIDGE_LOCK(name, Type)         \
  WSBRIDGE_EXPORT void name(Type* lock) { \
    REAL(name);                           \
    original(lock);                       \
    __tsan_acquire(lock);                 \
  }
#define WSBRIDGE_TRYLOCK(name, Type)          \
  WSBRIDGE_EXPORT gboolean name(Type* lock) { \
    REAL(name);                               \
    const gboolean taken = original(lock);    \
    if (taken) __tsan_acquire(lock);          \
    return taken;                             \
  }
#define WSBRIDGE_UNLOCK(name, Type)       \
  WSBRIDGE_EXPORT void name(Type* lock) { \
    REAL(name);                           \
    __tsan_release(lock);                 \
    original(lock);                       \
  }
// Letting go orders as an atomic decrement does: whoever frees comes behind everybody else.
#define WSBRIDGE_UNREF(name, Type)                   \
  WSBRIDGE_EXPORT void name(Type object) {           \
    REAL(name);                                      \
    __tsan_release(reinterpret_cast<void*>(object)); \
    __tsan_acquire(reinterpret_cast<void*>(object)); \
    original(object);                                \
  }

WSBRIDGE_LOCK(g_mutex_lock, GMutex)
WSBRIDGE_TRYLOCK(g_mutex_trylock, GMutex)
WSBRIDGE_UNLOCK(g_mutex_unlock, GMutex)
WSBRIDGE_LOCK(g_rec_mutex_lock, GRecMutex)
WSBRIDGE_TRYLOCK(g_rec_mutex_trylock, GRecMutex)
WSBRIDGE_UNLOCK(g_rec_mutex_unlock, GRecMutex)
WSBRIDGE_LOCK(g_rw_lock_writer_lock, GRWLock)
WSBRIDGE_UNLOCK(g_rw_lock_writer_unlock, GRWLock)
WSBRIDGE_LOCK(g_rw_lock_reader_lock, GRWLock)
WSBRIDGE_UNLOCK(g_rw_lock_reader_unlock, GRWLock)
WSBRIDGE_UNREF(g_object_unref, gpointer)
WSBRIDGE_UNREF(gst_object_unref, gpointer)
WSBRIDGE_UNREF(gst_mini_object_unref, GstMiniObject*)

WSBRIDGE_EXPORT void g_cond_wait(GCond* condition, GMutex* lock) {
  REAL(g_cond_wait);
  __tsan_release(lock);
  original(condition, lock);
  __tsan_acquire(lock);
}

WSBRIDGE_EXPORT gboolean g_cond_wait_until(GCond* condition, GMutex* lock, gint64 end) {
  REAL(g_cond_wait_until);
  __tsan_release(lock);
  const gboolean signalled = original(condition, lock, end);
  __tsan_acquire(lock);
  return signalled;
}

// A message and what it carries belong to whoever takes it off the bus.
WSBRIDGE_EXPORT gboolean gst_bus_post(GstBus* bus, GstMessage* message) {
  REAL(gst_bus_post);
  __tsan_release(bus);
  return original(bus, message);
}

WSBRIDGE_EXPORT GstMessage* gst_bus_timed_pop(GstBus* bus, GstClockTime limit) {
  REAL(gst_bus_timed_pop);
  GstMessage* message = original(bus, limit);
  __tsan_acquire(bus);
  return message;
}

WSBRIDGE_EXPORT void g_async_queue_push(GAsyncQueue* queue, gpointer item) {
  REAL(g_async_queue_push);
  __tsan_release(queue);
  original(queue, item);
}

#define WSBRIDGE_POP(name, parameters, arguments) \
  WSBRIDGE_EXPORT gpointer name parameters {      \
    REAL(name);                                   \
    gpointer item = original arguments;           \
    __tsan_acquire(queue);                        \
    return item;                                  \
  }
WSBRIDGE_POP(g_async_queue_pop, (GAsyncQueue * queue), (queue))
WSBRIDGE_POP(g_async_queue_try_pop, (GAsyncQueue * queue), (queue))
WSBRIDGE_POP(g_async_queue_timeout_pop, (GAsyncQueue * queue, guint64 limit), (queue, limit))

// What was written before a source was attached is seen by its callback.
WSBRIDGE_EXPORT void g_source_set_callback(GSource* source, GSourceFunc function, gpointer data,
                                           GDestroyNotify notify) {
  REAL(g_source_set_callback);
  // Callbacks of other types of sources take other arguments; only ours are simple ones.
  if (source->source_funcs != &g_idle_funcs && source->source_funcs != &g_timeout_funcs) {
    return original(source, function, data, notify);
  }
  auto* callback = new Callback{function, data, notify, source};
  __tsan_release(callback);
  original(source, runCallback, callback, freeCallback);
}

WSBRIDGE_EXPORT guint g_source_attach(GSource* source, GMainContext* context) {
  REAL(g_source_attach);
  __tsan_release(source);
  return original(source, context);
}

WSBRIDGE_EXPORT void gst_element_call_async(GstElement* element, GstElementCallAsyncFunc function,
                                            gpointer data, GDestroyNotify notify) {
  REAL(gst_element_call_async);
  auto* call = new AsyncCall{function, data, notify};
  __tsan_release(call);
  original(element, runAsyncCall, call, freeAsyncCall);
}

// What was written before a task was given to a pool is seen by the thread that runs it.
WSBRIDGE_EXPORT GThreadPool* g_thread_pool_new(GFunc function, gpointer data, gint most,
                                               gboolean exclusive, GError** error) {
  REAL(g_thread_pool_new);
  // Lives as long as the pool, whose end is not looked for.
  return original(runPoolCall, new PoolCall{function, data}, most, exclusive, error);
}

WSBRIDGE_EXPORT gboolean g_thread_pool_push(GThreadPool* pool, gpointer item, GError** error) {
  REAL(g_thread_pool_push);
  __tsan_release(item);
  return original(pool, item, error);
}
