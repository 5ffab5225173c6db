// SPDX-License-Identifier: Apache-2.0
//
// Cgroups of selftest's own: made, emptied, removed, with whatever attempts have made below them.
// Errors: Exit::cgroup.
#pragma once

#include <sys/types.h>

#include <string>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace socklid::selftest {

/// Of a cgroup or any other; invalid if it can't be opened, errno says why.
[[nodiscard]] UniqueFd open_directory(const std::string& path);
/// Makes the directory; it must not be there. Its parent is there.
[[nodiscard]] Result<> make_cgroup(const std::string& path);
/// cgroup.procs, to write "0" to: who writes goes there.
[[nodiscard]] Result<UniqueFd> open_procs(const std::string& path);
/// Ends every process in it and below, but `keep`, and returns when they are gone.
[[nodiscard]] Result<> empty_cgroup(const std::string& path, pid_t keep = 0);
/// Removes the cgroups below, and `path` itself unless `keep_top`. They are empty. Absent is done.
[[nodiscard]] Result<> remove_cgroup(const std::string& path, bool keep_top = false);

}  // namespace socklid::selftest
