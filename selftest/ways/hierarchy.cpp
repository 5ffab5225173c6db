// SPDX-License-Identifier: Apache-2.0
#include "selftest/ways/hierarchy.hpp"

#include <fcntl.h>
#include <sys/mount.h>

#include <cerrno>

#include "node/cgroup.hpp"
#include "system/files.hpp"

namespace socklid::selftest {

UniqueFd private_mount(const char* type) {
  const UniqueFd context(::fsopen(type, FSOPEN_CLOEXEC));
  if (!context) return {};
  if (::fsconfig(context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) != 0) return {};
  return UniqueFd(::fsmount(context.get(), FSMOUNT_CLOEXEC, 0));
}

UniqueFd own_cgroup(int root) {
  errno = ENOENT;
  const Result<std::string> text = read_file(AT_FDCWD, "/proc/self/cgroup", Exit::cgroup);
  if (!text) return {};
  const Result<std::string> path = parse_unified_path(*text);
  if (!path) return {};
  const std::string below = "." + *path;
  return UniqueFd(::openat(root, below.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

}  // namespace socklid::selftest
