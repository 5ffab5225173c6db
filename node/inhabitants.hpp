// SPDX-License-Identifier: Apache-2.0
//
// Inhabitants: who else is in a container's network namespace. A container is a cgroup that bears
// an engine's id, or that is on record here; everything else is a process of the host that has
// entered it. In which PID namespace a process is says nothing: monitoring agents are in the
// host's, and services of the host in some of their own.
//
//   const auto any = has_a_container(where, known, SL_TRY(processes_outside(netns, cgroup)));
//   if (any && *any) return shared;
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "node/cgroup.hpp"

namespace socklid {

/// Whether a component of a cgroup's path is an engine's id, perhaps with a prefix and ".scope":
/// "/machine.slice/libpod-ID.scope/container". Pure.
[[nodiscard]] bool bears_engine_id(std::string_view cgroup);

/// Whether one of the processes is a container's. `known`: ids of the cgroups that are under a
/// policy. A process whose cgroup cannot be read is a container's, for its owner has made that so.
/// Nothing if no process is, but one has ended meanwhile: it may have left a child that nobody has
/// looked at.
[[nodiscard]] std::optional<bool> has_a_container(const CgroupMount& where,
                                                  const std::vector<std::uint64_t>& known,
                                                  const std::vector<pid_t>& processes);

}  // namespace socklid
