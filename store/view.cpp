// SPDX-License-Identifier: Apache-2.0
#include "store/view.hpp"

#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <string>

namespace socklid {
namespace {

Result<std::uint64_t> namespace_inode(const char* path) {
  struct stat status {};
  if (::stat(path, &status) != 0) return fail_errno(Exit::node, std::string("look at ") + path);
  return status.st_ino;
}

Failure elsewhere(std::string_view what, std::uint64_t recorded, std::uint64_t here,
                  std::string_view where) {
  return fail(Exit::node, "this run sees another ", what, " (", here,
              ") than the one in which the node's policies were made (", recorded,
              "), so that running containers look gone: run it in ", where,
              "; if no container under policy runs any more, `socklid load` takes this view");
}

}  // namespace

Result<View> view_here(const Paths& paths) {
  struct statfs filesystem {};
  struct stat status {};
  if (::statfs(paths.bpffs_mount.c_str(), &filesystem) != 0 ||
      filesystem.f_type != static_cast<decltype(filesystem.f_type)>(BPF_FS_MAGIC) ||
      ::stat(paths.bpffs_mount.c_str(), &status) != 0) {
    return fail(Exit::node, "no bpffs at ", paths.bpffs_mount);
  }
  return View{.bpffs = status.st_dev,
              .cgroup_namespace = SL_TRY(namespace_inode("/proc/self/ns/cgroup")),
              .pid_namespace = SL_TRY(namespace_inode("/proc/self/ns/pid"))};
}

Result<> check_same(const View& recorded, const View& here) {
  if (recorded.bpffs != here.bpffs) {
    return elsewhere("bpffs, by its device number", recorded.bpffs, here.bpffs,
                     "the mount namespace of the engine, where that bpffs is mounted (not in `ip "
                     "netns exec`, not behind a second mount)");
  }
  if (recorded.cgroup_namespace != here.cgroup_namespace) {
    return elsewhere("cgroup namespace", recorded.cgroup_namespace, here.cgroup_namespace,
                     "the engine's cgroup namespace");
  }
  if (recorded.pid_namespace != here.pid_namespace) {
    return elsewhere("PID namespace", recorded.pid_namespace, here.pid_namespace,
                     "the engine's PID namespace");
  }
  return {};
}

}  // namespace socklid
