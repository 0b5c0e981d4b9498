// SPDX-License-Identifier: LGPL-2.1-or-later
#include "runtime/Elsewhere.hpp"

#include <glib.h>

namespace wsbridge {

void runOnSpareThread(std::function<void()> task) {
  using Task = std::function<void()>;
  static GThreadPool* const pool = g_thread_pool_new(
      [](gpointer data, gpointer) noexcept {
        const std::unique_ptr<Task> held(static_cast<Task*>(data));
        (*held)();
      },
      nullptr, static_cast<gint>(g_get_num_processors()), FALSE, nullptr);
  // A shared pool takes every task; a thread that cannot be started is replaced by the next free.
  g_thread_pool_push(pool, new Task(std::move(task)), nullptr);
}

}  // namespace wsbridge
