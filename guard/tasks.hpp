// SPDX-License-Identifier: Apache-2.0
//
// Finds the processes in a network namespace by a program of this build that walks the kernel's
// tasks (bpf/tasks/tasks.bpf.h). So a start does not pay for the /proc of a node with many
// processes.
//
//   for (const pid_t pid : SL_TRY(processes_outside(netns.inode, cgroup.id))) ...
//
// They need not the node's lock. Looks wait for each other by a lock of their own, on the build's
// directory: what is looked for lies in one map for all (bpf/tasks/search_abi.h). Threads that have
// gone to another namespace than their process do not count.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "base/result.hpp"

namespace socklid {

/// The processes in the namespace `netns` (inode) that are outside the cgroup `own` (id), by their
/// numbers in our PID namespace. The programs are loaded (SocketGuard::open). Exit::bpf; Exit::busy
/// if others look for longer than 20 seconds.
[[nodiscard]] Result<std::vector<pid_t>> processes_outside(std::uint64_t netns, std::uint64_t own);

/// The processes in the namespace `netns` by their numbers in our PID namespace, in no order;
/// nothing if this build is not loaded. One may have ended since. Errors as above.
[[nodiscard]] Result<std::optional<std::vector<pid_t>>> processes_in(std::uint64_t netns);

}  // namespace socklid
