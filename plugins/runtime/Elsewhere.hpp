// SPDX-License-Identifier: LGPL-2.1-or-later
//
// runElsewhere(): for what takes milliseconds of CPU or reads files. `work` runs on a thread of
// GLib's pool; then `done` runs with its result on the calling thread, in whose thread-default
// context it is dispatched, whatever has happened there meanwhile: it owns what it needs, such as
// the loop. Both are destroyed on the calling thread.
#pragma once

#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include <gio/gio.h>

namespace wsbridge {

template <class Work, class Done>
void runElsewhere(Work work, Done done) {
  struct Job {
    Work work;
    Done done;
    std::optional<std::invoke_result_t<Work&>> result;
  };
  auto* job = new Job{std::move(work), std::move(done), {}};
  const auto finish = [](GObject*, GAsyncResult*, gpointer data) {
    const std::unique_ptr<Job> held(static_cast<Job*>(data));
    held->done(std::move(*held->result));
  };
  g_autoptr(GTask) task = g_task_new(nullptr, nullptr, finish, job);
  g_task_set_task_data(task, job, nullptr);
  g_task_run_in_thread(task, [](GTask* running, gpointer, gpointer data, GCancellable*) {
    auto& self = *static_cast<Job*>(data);
    self.result.emplace(self.work());
    g_task_return_boolean(running, TRUE);
  });
}

}  // namespace wsbridge
