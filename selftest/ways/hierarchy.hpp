// SPDX-License-Identifier: Apache-2.0
//
// hierarchy: the cgroup tree as an attempt sees it that may mount it, and its own place there.
#pragma once

#include <cstdint>
#include <string>

#include "base/unique_fd.hpp"

namespace socklid::selftest {

/// The root of a file system of its own, that no one else sees and no directory shows (fsopen(2)):
/// "cgroup2" or "bpf". Needs CAP_SYS_ADMIN; empty and errno without.
[[nodiscard]] UniqueFd private_mount(const char* type);

/// Where the calling process is below `root`, which is private_mount("cgroup2"): a directory. Empty
/// and errno if it is nowhere.
[[nodiscard]] UniqueFd own_cgroup(int root);

}  // namespace socklid::selftest
