// SPDX-License-Identifier: LGPL-2.1-or-later
#include "base/Descriptors.hpp"

#include <algorithm>

#include <dirent.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

namespace launcher {

std::size_t raiseDescriptorLimit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  if (limit.rlim_cur != limit.rlim_max) {
    const rlimit raised{limit.rlim_max, limit.rlim_max};
    if (setrlimit(RLIMIT_NOFILE, &raised) == 0) limit = raised;
  }
  return limit.rlim_cur == RLIM_INFINITY ? 0 : static_cast<std::size_t>(limit.rlim_cur);
}

void reserveDescriptors(std::size_t count) {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) count = std::min<std::size_t>(count, limit.rlim_cur);
  if (count == 0) return;
  const int any = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (any < 0) return;
  const int last = fcntl(any, F_DUPFD_CLOEXEC, static_cast<int>(count - 1));
  if (last >= 0) close(last);
  close(any);
}

std::size_t countDescriptors() {
  DIR* directory = opendir("/proc/self/fd");
  if (!directory) return 0;
  std::size_t entries = 0;
  while (readdir(directory))
    ++entries;
  closedir(directory);
  // Neither "." and ".." nor the directory itself.
  return entries > 3 ? entries - 3 : 0;
}

}  // namespace launcher
