// SPDX-License-Identifier: LGPL-2.1-or-later
#include "ProcessSample.hpp"

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>

#include <dirent.h>
#include <unistd.h>

#include "wire/Text.hpp"

namespace bench {

using namespace wire;
namespace {

int entries(const std::string& path) {
  DIR* directory = opendir(path.c_str());
  if (directory == nullptr) return 0;
  int count = 0;
  while (const dirent* entry = readdir(directory))
    if (entry->d_name[0] != '.') ++count;
  closedir(directory);
  return count;
}

int64_t wakeUpsOf(const std::string& task) {
  std::ifstream file(task + "/status");
  std::string line;
  constexpr std::string_view kKey = "voluntary_ctxt_switches:";
  while (std::getline(file, line))
    if (line.starts_with(kKey)) return std::atoll(line.c_str() + kKey.size());
  return 0;
}

int64_t wakeUpsOfAll(const std::string& root) {
  DIR* directory = opendir((root + "task").c_str());
  if (directory == nullptr) return 0;
  int64_t sum = 0;
  while (const dirent* entry = readdir(directory))
    if (entry->d_name[0] != '.') sum += wakeUpsOf(root + "task/" + entry->d_name);
  closedir(directory);
  return sum;
}

}  // namespace

int64_t residentBytesOf(int pid) {
  std::ifstream file(format("/proc/%d/statm", pid));
  int64_t pages = 0, resident = 0;
  if (!(file >> pages >> resident)) return -1;
  return resident * sysconf(_SC_PAGESIZE);
}

ProcessSample sampleProcess(int pid) {
  ProcessSample sample;
  if (pid <= 0) return sample;
  const std::string root = format("/proc/%d/", pid);
  std::ifstream file(root + "stat");
  std::string line;
  if (!std::getline(file, line)) return sample;
  // The command name may hold spaces and brackets: count the fields from the last bracket on.
  const size_t close = line.rfind(')');
  if (close == std::string::npos) return sample;
  std::istringstream fields(line.substr(close + 1));
  std::string skipped;
  for (int i = 0; i < 11; ++i)
    fields >> skipped;
  double user = 0, system = 0;
  fields >> user >> system;
  const auto ticks = static_cast<double>(sysconf(_SC_CLK_TCK));
  sample.valid = true;
  sample.time = now();
  sample.userSeconds = user / ticks;
  sample.systemSeconds = system / ticks;
  const ProcessSample size = sampleSize(pid);
  sample.threads = size.threads;
  sample.descriptors = size.descriptors;
  sample.residentBytes = size.residentBytes;
  sample.wakeUps = wakeUpsOfAll(root);
  return sample;
}

ProcessSample sampleSize(int pid) {
  ProcessSample sample;
  const std::string root = format("/proc/%d/", pid);
  sample.residentBytes = residentBytesOf(pid);
  sample.valid = sample.residentBytes >= 0;
  sample.time = now();
  sample.threads = entries(root + "task");
  sample.descriptors = entries(root + "fd");
  return sample;
}

}  // namespace bench
