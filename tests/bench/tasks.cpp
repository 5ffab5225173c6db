// SPDX-License-Identifier: Apache-2.0
//
// What it costs to look for another container's processes on a node with many: the time of a look
// with few processes and with COUNT more, none of which is in the namespace, and what each adds.
//
//   socklid-bench-tasks 10000
//
// Loads the programs if they are not; run as root where that may be.
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "guard/guard.hpp"
#include "guard/tasks.hpp"

namespace {

constexpr int rounds = 25;
constexpr std::uint64_t no_namespace = 1;
constexpr std::uint64_t no_cgroup = 1;

[[noreturn]] void give_up(const std::string& why) {
  std::fprintf(stderr, "tasks: %s\n", why.c_str());
  std::exit(1);
}

std::int64_t now() {
  timespec time{};
  ::clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1'000'000'000LL + time.tv_nsec;
}

/// Nanoseconds, median of some.
std::int64_t look() {
  std::vector<std::int64_t> taken;
  for (int i = 0; i < rounds; i++) {
    const std::int64_t start = now();
    const auto found = socklid::processes_outside(no_namespace, no_cgroup);
    taken.push_back(now() - start);
    if (!found) give_up(found.error().message);
    if (!found->empty()) give_up("found what is not there");
  }
  std::nth_element(taken.begin(), taken.begin() + rounds / 2, taken.end());
  return taken[rounds / 2];
}

}  // namespace

int main(int count, char** arguments) {
  const int wanted = count == 2 ? std::atoi(arguments[1]) : 0;
  if (wanted <= 0) give_up("usage: socklid-bench-tasks COUNT");
  const auto guard = socklid::SocketGuard::open({}, "/sys/fs/cgroup");
  if (!guard) give_up(guard.error().message);
  const std::int64_t few = look();
  std::vector<pid_t> sleepers;
  for (int i = 0; i < wanted; i++) {
    const pid_t child = ::fork();
    if (child < 0) give_up("cannot make that many processes");
    if (child == 0) {
      ::pause();
      ::_exit(0);
    }
    sleepers.push_back(child);
  }
  const std::int64_t many = look();
  for (const pid_t child : sleepers) ::kill(child, SIGKILL);
  while (::wait(nullptr) > 0) {
  }
  std::printf(
      "look for other containers' processes: %lld ns, with %d processes more %lld ns: %lld each\n",
      static_cast<long long>(few), wanted, static_cast<long long>(many),
      static_cast<long long>((many - few) / wanted));
  return 0;
}
