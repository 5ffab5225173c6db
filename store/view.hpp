// SPDX-License-Identifier: Apache-2.0
//
// View: from where a run sees the node. Pins lie on one bpffs, and numbers of processes and paths
// of cgroups mean something in one namespace. What was made in one view may be out of sight in
// another, and is not gone for that: a run in another view changes nothing (D16).
//
//   const View here = SL_TRY(view_here(paths));
//   SL_CHECK(check_same(recorded, here));
#pragma once

#include <cstdint>

#include "base/result.hpp"
#include "system/paths.hpp"

namespace socklid {

/// Numbers of the kernel's; each mount of bpffs is a file system with a device number of its own
/// (bpf_get_tree() in kernel/bpf/inode.c).
struct View {
  std::uint64_t bpffs{0};             ///< st_dev of paths.bpffs_mount
  std::uint64_t cgroup_namespace{0};  ///< inode, see namespaces(7)
  std::uint64_t pid_namespace{0};     ///< inode
  friend bool operator==(const View&, const View&) = default;
};

/// Exit::node if there is no bpffs at paths.bpffs_mount, without a word on how to mount one: that
/// is for view_of_node() in store/policy_store.hpp.
[[nodiscard]] Result<View> view_here(const Paths& paths);

/// Exit::node, naming what differs and what to do, unless they are the same. Pure.
[[nodiscard]] Result<> check_same(const View& recorded, const View& here);

}  // namespace socklid
