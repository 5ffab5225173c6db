// SPDX-License-Identifier: Apache-2.0
//
// ContainerProcess: the container's first process, held so that its number cannot come to mean
// another process. /proc/PID is opened once, and everything is read relative to it. The directory
// belongs to the process, not to the number: after its death reads fail with ESRCH. pidfd and start
// time are checked again at the end.
//
//   const ContainerProcess process = SL_TRY(ContainerProcess::open(state.pid));
//   const UniqueFd netns(openat(process.directory(), "ns/net", O_RDONLY | O_CLOEXEC));
//   SL_CHECK(process.check_same());
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace socklid {

/// Field 22 of /proc/PID/stat: clock ticks since boot (proc_pid_stat(5)). Pure. The command name,
/// field 2, may hold spaces and parentheses: fields are counted after the last ')'.
[[nodiscard]] Result<std::uint64_t> parse_start_time(std::string_view stat);
/// Field 4 of it: the number of the parent, 0 for one outside our PID namespace.
[[nodiscard]] Result<pid_t> parse_parent(std::string_view stat);

/// Whether the process that had the number `pid` and began at `start_time` (as parse_start_time())
/// has ended, all its threads with it; a zombie has. A `start_time` of 0 is not known: then any
/// process of that number counts. Errors (Exit::process): it could not be found out.
[[nodiscard]] Result<bool> process_is_dead(pid_t pid, std::uint64_t start_time);

/// Whether the process `pid` below `proc` is the node's own, as whoever asks: of the same user,
/// which is root, and with the same mounts. Only such a process may be asked for its memory
/// (`cmdline`) or its file (`exe`): a container's own can be a file system's that never answers
/// (FUSE).
[[nodiscard]] bool is_nodes_own(const std::string& proc, const std::string& pid);

class ContainerProcess {
 public:
  /// Errors: Exit::process, for instance when there is no such process.
  [[nodiscard]] static Result<ContainerProcess> open(pid_t pid);

  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] std::uint64_t start_time() const { return start_time_; }
  /// /proc/PID, for openat; valid as long as this object.
  [[nodiscard]] int directory() const { return directory_.get(); }
  /// The content of /proc/PID/`name`. Errors: Exit::process.
  [[nodiscard]] Result<std::string> read(const std::string& name) const;
  /// Fails (Exit::process) if it has died or the number belongs to another process by now.
  [[nodiscard]] Result<> check_same() const;

 private:
  ContainerProcess() = default;
  [[nodiscard]] Result<std::uint64_t> read_start_time() const;

  pid_t pid_{0};
  UniqueFd pidfd_;
  UniqueFd directory_;
  std::uint64_t start_time_{0};
};

}  // namespace socklid
