// SPDX-License-Identifier: Apache-2.0
//
// Occupants: the processes that are in a cgroup or below it. A policy holds for all of them. So
// when a container starts, its first process must be the only one there (I6). An annotation of an
// image can make a runtime use another's cgroup, and so can one cgroupsPath for two containers.
//
//   SL_CHECK(check_alone(cgroup, process, state));
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "node/cgroup.hpp"
#include "node/container_state.hpp"
#include "node/netns.hpp"
#include "system/process.hpp"

namespace socklid {

/// Processes in `cgroup` and all cgroups below, by number, 0 for one outside our PID namespace.
/// Zombies are in no list (Documentation/admin-guide/cgroup-v2.rst: "Processes"). Exit::cgroup,
/// also where cgroups are nested more than 64 deep, which only a container does.
[[nodiscard]] Result<std::vector<pid_t>> occupants(const CgroupRef& cgroup);

/// The network namespace `netns` if a thread of the process is in it. Of each: the first may have
/// ended, and is in none then.
[[nodiscard]] std::optional<NetnsRef> open_netns_of(pid_t pid, std::uint64_t netns);
/// The same of any process in `cgroup` or below. Exit::cgroup.
[[nodiscard]] Result<std::optional<NetnsRef>> open_netns_of(const CgroupRef& cgroup,
                                                            std::uint64_t netns);

/// Refuses (Exit::cgroup) a cgroup in which there is another process than `process`. At a restore
/// by runc, whose state is "stopped", CRIU is there too, and what it has restored: these are
/// children of the runtime that called us, or further below it, and so can be nobody else's.
[[nodiscard]] Result<> check_alone(const CgroupRef& cgroup, const ContainerProcess& process,
                                   const ContainerState& container);

/// Whether a process in the cgroup of podman's container `id` beside the cgroup `own`, in its pod's
/// parent, is in the network namespace `netns`. Nobody but podman makes cgroups there, so this is
/// proof of what a state only claims. False if there is no such cgroup.
[[nodiscard]] bool is_shared_with(const CgroupMount& mount, const std::string& own,
                                  const std::string& id, std::uint64_t netns);

}  // namespace socklid
