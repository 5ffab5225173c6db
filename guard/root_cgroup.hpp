// SPDX-License-Identifier: Apache-2.0
//
// Work whose memory is to be the node's. The kernel charges BPF programs and maps, and for as long
// as a map lives every entry that it gets, to the memory cgroup of the process that made it
// (kernel/bpf/syscall.c, bpf_map_save_memcg). That process would be the first container's engine,
// whose limit then refuses the lists of others.
//
//   SL_CHECK(in_root_cgroup("/sys/fs/cgroup", [&] { return load_programs(directory); }));
#pragma once

#include <functional>
#include <string>

#include "base/result.hpp"

namespace socklid {

/// Does `work` in a child that has moved to the cgroup that is seen at `cgroup_mount`, and returns
/// what it returned. We stay where we are, so that nothing has to be put back and no cgroup of ours
/// is empty for a moment. The child ends with us. Where it cannot move there, as in a container
/// whose root is not the node's, the work is done all the same, with a line in the system log.
/// Errors: those of `work`; Exit::internal if there is no child, or it died.
[[nodiscard]] Result<> in_root_cgroup(const std::string& cgroup_mount,
                                      const std::function<Result<>()>& work);

}  // namespace socklid
