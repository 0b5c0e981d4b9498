// SPDX-License-Identifier: LGPL-2.1-or-later
//
// runElsewhere(): for what takes milliseconds of CPU or reads files. A loop's thread calls; `work`
// runs on one of a few threads, one per processor, which nothing else may block: GLib's own pool is
// for name look-ups and TLS handshakes, where a silent peer holds a thread for seconds. Then `done`
// runs with the result on the loop, whatever has happened there meanwhile. Both are destroyed
// there; the loop lives until then.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include "runtime/MediaLoop.hpp"

namespace wsbridge {

/// Any thread may call: runs the task on one of the few.
void runOnSpareThread(std::function<void()> task);

template <class Work, class Done>
void runElsewhere(const std::shared_ptr<MediaLoop>& loop, Work work, Done done) {
  struct Job {
    std::shared_ptr<MediaLoop> loop;
    Work work;
    Done done;
    std::optional<std::invoke_result_t<Work&>> result;
  };
  auto job = std::make_shared<Job>(Job{loop, std::move(work), std::move(done), {}});
  runOnSpareThread([job = std::move(job)]() mutable {
    job->result.emplace(job->work());
    const std::shared_ptr<MediaLoop> home = job->loop;
    home->post([job = std::move(job)] { job->done(std::move(*job->result)); });
  });
}

}  // namespace wsbridge
