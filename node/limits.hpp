// SPDX-License-Identifier: Apache-2.0
//
// Whoever holds the node's lock is nobody's to slow down. A hook runs in the cgroup of the engine's
// monitor, and CRI-O may keep that in the pod's (conmon_cgroup = "pod"; always by its cgroupfs
// driver): there the pod's author says how much time and memory the hook gets.
//
//   leave_limits(mount);   // before the lock is taken
#pragma once

#include <string_view>

#include "base/result.hpp"
#include "node/cgroup.hpp"

namespace socklid {

/// Whether the cgroup `path`, or one above it up to the mount's root, gives its processes less than
/// others get: cpu.max, memory.max or memory.high that is not "max", or a cpu.weight below 100, the
/// default (Documentation/admin-guide/cgroup-v2.rst). A file that is not there limits nothing.
[[nodiscard]] bool is_limited(const CgroupMount& mount, std::string_view path);

/// Moves this process to the cgroup that is seen at `point`, a mount of cgroup2. Errors:
/// Exit::cgroup.
[[nodiscard]] Result<> move_to_root(const std::string& point);

/// Moves this process, for the rest of its life, to the mount's root if its cgroup is limited. Only
/// then: to be moved costs a wait for RCU. What hinders it is a line in the system log.
void leave_limits(const CgroupMount& mount);

}  // namespace socklid
