// SPDX-License-Identifier: Apache-2.0
#include "hook/process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <charconv>

#include "hook/files.hpp"
#include "hook/mountinfo.hpp"

namespace socklid {
namespace {

std::string name_of_process(pid_t pid) {
  return "the container's process " + std::to_string(pid);
}

}  // namespace

Result<std::uint64_t> parse_start_time(std::string_view stat) {
  constexpr std::size_t start_time_field = 22;
  constexpr std::size_t first_after_name = 3;
  const std::size_t name_end = stat.rfind(')');
  if (name_end != std::string_view::npos && name_end + 2 <= stat.size()) {
    const auto fields = split(stat.substr(name_end + 2), ' ');
    constexpr std::size_t index = start_time_field - first_after_name;
    std::uint64_t ticks = 0;
    if (fields.size() > index) {
      const std::string_view text = fields[index];
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), ticks);
      if (error == std::errc{} && end == text.data() + text.size()) return ticks;
    }
  }
  return fail(Exit::process, "/proc/PID/stat has no start time");
}

bool process_has_ended(pid_t pid, std::uint64_t start_time) {
  if (pid <= 0) return false;
  const std::string path = "/proc/" + std::to_string(pid);
  const UniqueFd directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory) return errno == ENOENT;
  const auto stat = read_file(directory.get(), "stat", Exit::process);
  // ESRCH: it has ended since.
  if (!stat) return ::faccessat(directory.get(), "stat", F_OK, 0) != 0;
  const std::size_t name_end = stat->rfind(')');
  const char state =
      name_end != std::string::npos && name_end + 2 < stat->size() ? (*stat)[name_end + 2] : '?';
  if (state == 'Z' || state == 'X') return true;
  const auto started = parse_start_time(*stat);
  return start_time != 0 && started && *started != start_time;
}

Result<ContainerProcess> ContainerProcess::open(pid_t pid) {
  ContainerProcess process;
  process.pid_ = pid;
  // glibc before 2.36 has no wrapper. PIDFD_NONBLOCK is not needed: it is polled only.
  process.pidfd_.reset(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0U)));
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
  // A pidfd becomes readable when its process terminates (pidfd_open(2)).
  pollfd alive{.fd = pidfd_.get(), .events = POLLIN, .revents = 0};
  const int ready = ::poll(&alive, 1, 0);
  if (ready < 0) return fail_errno(Exit::process, "poll " + name_of_process(pid_));
  if (ready > 0) return fail(Exit::process, name_of_process(pid_) + " has ended");
  if (SL_TRY(read_start_time()) != start_time_) {
    return fail(Exit::process, name_of_process(pid_) + " is another process by now");
  }
  return {};
}

}  // namespace socklid
