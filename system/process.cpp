// SPDX-License-Identifier: Apache-2.0
#include "system/process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <optional>

#include "base/text.hpp"
#include "system/files.hpp"

namespace socklid {
namespace {

std::string name_of_process(pid_t pid) {
  return "the container's process " + std::to_string(pid);
}

/// Field `number` of /proc/PID/stat, from 3 on, as proc_pid_stat(5) counts them.
template <typename Number>
std::optional<Number> field_of(std::string_view stat, std::size_t number) {
  constexpr std::size_t first_after_name = 3;
  const std::size_t name_end = stat.rfind(')');
  if (name_end == std::string_view::npos || name_end + 2 > stat.size()) return std::nullopt;
  const auto fields = split(stat.substr(name_end + 2), ' ');
  if (fields.size() <= number - first_after_name) return std::nullopt;
  return parse_number<Number>(fields[number - first_after_name]);
}

UniqueFd open_pidfd(pid_t pid) {
  // glibc before 2.36 has no wrapper. PIDFD_NONBLOCK is not needed: it is polled only.
  return UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0U)));
}

/// A pidfd becomes readable when its process terminates, with its last thread (pidfd_open(2)).
Result<bool> has_ended(const UniqueFd& pidfd, pid_t pid) {
  pollfd alive{.fd = pidfd.get(), .events = POLLIN, .revents = 0};
  const int ready = ::poll(&alive, 1, 0);
  if (ready < 0) return fail_errno(Exit::process, "poll " + name_of_process(pid));
  return ready > 0;
}

}  // namespace

Result<std::uint64_t> parse_start_time(std::string_view stat) {
  constexpr std::size_t start_time = 22;
  if (const auto ticks = field_of<std::uint64_t>(stat, start_time)) return *ticks;
  return fail(Exit::process, "/proc/PID/stat has no start time");
}

Result<pid_t> parse_parent(std::string_view stat) {
  constexpr std::size_t parent = 4;
  if (const auto pid = field_of<pid_t>(stat, parent)) return *pid;
  return fail(Exit::process, "/proc/PID/stat has no parent");
}

bool is_nodes_own(const std::string& proc, const std::string& pid) {
  const std::string its = proc + "/" + pid;
  const std::string ours = proc + "/self";
  struct stat user {
  }, own_user{}, mounts{}, own_mounts{};
  return ::stat(its.c_str(), &user) == 0 && ::stat(ours.c_str(), &own_user) == 0 &&
         user.st_uid == own_user.st_uid && ::stat((its + "/ns/mnt").c_str(), &mounts) == 0 &&
         ::stat((ours + "/ns/mnt").c_str(), &own_mounts) == 0 && mounts.st_ino == own_mounts.st_ino;
}

Result<bool> process_is_dead(pid_t pid, std::uint64_t start_time) {
  if (pid <= 0) return true;
  const UniqueFd pidfd = open_pidfd(pid);
  if (!pidfd && errno == ESRCH) return true;
  if (!pidfd) return fail_errno(Exit::process, "open " + name_of_process(pid));
  const auto stat = read_file(AT_FDCWD, "/proc/" + std::to_string(pid) + "/stat", Exit::process);
  // In this order: what was read before is of the process that the pidfd has only if that lives.
  if (SL_TRY(has_ended(pidfd, pid))) return true;
  if (!stat) return Failure(stat.error());
  return start_time != 0 && SL_TRY(parse_start_time(*stat)) != start_time;
}

Result<ContainerProcess> ContainerProcess::open(pid_t pid) {
  ContainerProcess process;
  process.pid_ = pid;
  process.pidfd_ = open_pidfd(pid);
  if (!process.pidfd_) return fail_errno(Exit::process, "open " + name_of_process(pid));
  const std::string path = "/proc/" + std::to_string(pid);
  process.directory_.reset(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!process.directory_) return fail_errno(Exit::process, "open " + path);
  process.start_time_ = SL_TRY(process.read_start_time());
  SL_CHECK(process.check_same());  // pidfd and directory are of one process
  return process;
}

Result<std::string> ContainerProcess::read(const std::string& name) const {
  auto content = read_file(directory_.get(), name, Exit::process);
  if (!content) return wrap("/proc/" + std::to_string(pid_), content.error());
  return content;
}

Result<std::uint64_t> ContainerProcess::read_start_time() const {
  return parse_start_time(SL_TRY(read("stat")));
}

Result<> ContainerProcess::check_same() const {
  if (SL_TRY(has_ended(pidfd_, pid_))) {
    return fail(Exit::process, name_of_process(pid_), " has ended");
  }
  if (SL_TRY(read_start_time()) != start_time_) {
    return fail(Exit::process, name_of_process(pid_), " is another process now");
  }
  return {};
}

}  // namespace socklid
