// SPDX-License-Identifier: Apache-2.0
#include "selftest/ways/elsewhere.hpp"

#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <functional>
#include <optional>
#include <string>
#include <thread>

#include "node/cgroup.hpp"
#include "selftest/ways/inside/outcome_pipe.hpp"
#include "system/process.hpp"

namespace socklid::selftest {
namespace {

constexpr uid_t nobody = 65534;

/// In a child, after `prepare` has changed what it changes; an empty step of its is success.
Outcome in_changed_child(const std::function<Outcome()>& prepare, Act attempt, const Scene& scene) {
  return fork_and_wait([&](int reporter) {
    Outcome outcome = prepare();
    if (outcome.step.empty()) outcome = attempt(scene);
    send_outcome(reporter, outcome);
  });
}

/// Where our cgroup is seen in the file system; empty with errno.
std::string own_cgroup() {
  errno = ENOENT;
  const Result<CgroupMount> mount = find_cgroup_mount();
  const Result<ContainerProcess> process = ContainerProcess::open(::getpid());
  if (!mount || !process) return {};
  const Result<std::string> text = process->read("cgroup");
  if (!text) return {};
  const Result<std::string> path = parse_unified_path(*text);
  if (!path) return {};
  return path_below(*mount, *path).value_or(std::string{});
}

Outcome join(const std::string& cgroup) {
  const UniqueFd members(::open((cgroup + "/cgroup.procs").c_str(), O_WRONLY | O_CLOEXEC));
  if (!members || ::write(members.get(), "0", 1) != 1) return failed("join nested cgroup");
  return {};
}

}  // namespace

Outcome in_thread(Act attempt, const Scene& scene) {
  Outcome outcome;
  std::thread([&] { outcome = attempt(scene); }).join();
  return outcome;
}

Outcome in_child(Act attempt, const Scene& scene) {
  return in_changed_child([] { return Outcome{}; }, attempt, scene);
}

Outcome in_daemon(Act attempt, const Scene& scene) {
  return fork_and_wait([&](int reporter) {
    const pid_t parent = ::getpid();
    std::optional<Pipe> gone = open_pipe();
    if (!gone || ::fork() != 0) return;  // the parent ends here, and with it its end of the pipe
    gone->write_end.reset();
    wait_for_end(gone->read_end.get());
    // The pipe closes an instant before the orphan has another parent.
    while (::getppid() == parent) ::sched_yield();
    ::setsid();
    send_outcome(reporter, attempt(scene));
  });
}

Outcome in_nested_cgroup(Act attempt, const Scene& scene) {
  const std::string own = own_cgroup();
  if (own.empty()) return failed("find cgroup");
  const std::string nested = own + "/nested";
  if (::mkdir(nested.c_str(), 0755) != 0 && errno != EEXIST) return failed("make nested cgroup");
  Outcome outcome = in_changed_child([&] { return join(nested); }, attempt, scene);
  ::rmdir(nested.c_str());
  return outcome;
}

Outcome as_nobody(Act attempt, const Scene& scene) {
  const auto change = []() -> Outcome {
    if (::setgroups(0, nullptr) != 0) return failed("setgroups");
    if (::setgid(nobody) != 0) return failed("setgid");
    if (::setuid(nobody) != 0) return failed("setuid");
    return {};
  };
  return in_changed_child(change, attempt, scene);
}

Outcome in_user_namespace(Act attempt, const Scene& scene) {
  const auto change = []() -> Outcome {
    if (::unshare(CLONE_NEWUSER) != 0) return failed("unshare");
    return {};
  };
  return in_changed_child(change, attempt, scene);
}

}  // namespace socklid::selftest
