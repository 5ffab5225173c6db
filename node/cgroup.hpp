// SPDX-License-Identifier: Apache-2.0
//
// CgroupRef: the cgroup v2 directory that holds all of one container and nothing else. Programs
// attached there cover every cgroup below it (I4), and must not cover anything more (I6).
//
//   const CgroupMount mount = SL_TRY(find_cgroup_mount());
//   const CgroupRef cgroup = SL_TRY(open_container_cgroup(mount, process, state));
//
// Paths of cgroups are as in the `0::` line of /proc/PID/cgroup: absolute from the root of our
// cgroup namespace (cgroup_namespaces(7)). The mount is wherever mountinfo says: hybrid nodes
// have it at /sys/fs/cgroup/unified.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "annotations/parser.hpp"
#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "node/container_state.hpp"
#include "system/mountinfo.hpp"
#include "system/process.hpp"

namespace socklid {

struct CgroupRef {
  std::string path;     ///< "/machine.slice/libpod-ID.scope"
  UniqueFd fd;          ///< the directory
  std::uint64_t id{0};  ///< see cgroup_id()
};

/// A mount of cgroup2. `root` is the cgroup that is seen at `point`: "/" but in containers.
struct CgroupMount {
  std::string root;
  std::string point;
  friend bool operator==(const CgroupMount&, const CgroupMount&) = default;
};

/// How many levels below our root a container's own cgroup may lie. The programs look at
/// SL_POLICY_LEVELS (bpf/policy_abi.h) below the node's root, and ours may be some levels below
/// that, where the node is a container itself.
inline constexpr std::ptrdiff_t deepest_level = 24;

// Pure parts ------------------------------------------------------------------------------------

/// The cgroup2 mount to use: one that shows the whole hierarchy if there is one. Exit::node if
/// the node has cgroup v1 only.
[[nodiscard]] Result<CgroupMount> choose_cgroup_mount(const std::vector<Mount>& mounts);

/// The path in the `0::` line of /proc/PID/cgroup. Exit::cgroup: there is none (cgroup v1 only),
/// the cgroup is deleted, or it lies outside our view ("/../x").
[[nodiscard]] Result<std::string> parse_unified_path(std::string_view proc_cgroup);

/// Whether the cgroup `outer` is `inner` or above it.
[[nodiscard]] bool contains(std::string_view outer, std::string_view inner);

/// What crun puts below a container's own cgroup before it calls the hooks (libcrun/cgroup.c:
/// libcrun_cgroup_enter_finalize, libcrun/cgroup-systemd.c). An exec may go into the upper one.
struct CrunCgroups {
  std::string below_scope{"container"};  ///< run.oci.systemd.subgroup; empty: none
  std::string delegated;                 ///< run.oci.delegate-cgroup, below that; empty: none
};
/// Exit::cgroup, naming the annotation, if one climbs: its value has an empty component, "." or
/// "..". crun follows it (libcrun: append_paths), so that whoever may write it, an image under
/// podman before 4.6, would choose another's cgroup.
[[nodiscard]] Result<CrunCgroups> crun_cgroups(const annotations::Annotations& annotations);

/// The cgroup of the whole container, at or above `path`, the cgroup of its first process:
///  1. where an engine has given the container its id, 64 hexadecimal digits: the deepest scope
///     named after it (systemd driver), or else the deepest cgroup named after it (cgroupfs driver:
///     libpod-ID, libpod-payload-ID, crio-ID, ID);
///  2. else `path` without what crun puts below.
/// Named after means: ID or PREFIX-ID, with or without ".scope". Shorter ids name nothing: "web"
/// may be part of the name of a cgroup that holds others.
[[nodiscard]] std::string container_cgroup_of(std::string_view path, std::string_view id,
                                              const CrunCgroups& crun);

/// Refuses (Exit::cgroup) what would put others under the policy: the root, and a cgroup that
/// holds the hook or PID 1; and one that lies so deep that not all programs find its policy. Each
/// with the cause and the remedy.
[[nodiscard]] Result<> check_own_cgroup(std::string_view path, std::string_view own,
                                        std::string_view init);

/// Refuses (Exit::cgroup) a cgroup that does not bear the id of an engine's container: every engine
/// gives it one that does, so this is another's.
[[nodiscard]] Result<> check_bears_id(std::string_view path, std::string_view id);

/// Where the cgroup `path` is found below the mount. Exit::cgroup if the mount does not show it.
[[nodiscard]] Result<std::string> path_below(const CgroupMount& mount, std::string_view path);

// What looks at the node ------------------------------------------------------------------------

/// /sys/fs/cgroup, or unified in it, if the whole hierarchy is there; else what mountinfo says.
/// That file has a line for each mount of the node's containers, and may be long.
[[nodiscard]] Result<CgroupMount> find_cgroup_mount();

/// The inode number of an open cgroup directory, which is what BPF and nft call the cgroup id:
/// cgroup_id() is the kernfs node's id, and with 64-bit inode numbers that is the inode number
/// (include/linux/cgroup.h: cgroup_id; include/linux/kernfs.h: kernfs_id_ino).
[[nodiscard]] Result<std::uint64_t> cgroup_id(int directory);

/// Opens `path` and checks that it lies on cgroup2. Exit::cgroup.
[[nodiscard]] Result<CgroupRef> open_cgroup(const CgroupMount& mount, const std::string& path);

/// The cgroup of `process`, as in the `0::` line. Exit::cgroup.
[[nodiscard]] Result<std::string> cgroup_path_of(const ContainerProcess& process);

/// All of the above for `container`, whose first process is `process`; and nobody else is in there
/// (node/occupants.hpp).
[[nodiscard]] Result<CgroupRef> open_container_cgroup(const CgroupMount& mount,
                                                      const ContainerProcess& process,
                                                      const ContainerState& container);

/// Whether `process` is still in `cgroup` or below. Exit::process if not.
[[nodiscard]] Result<> check_inside(const CgroupRef& cgroup, const ContainerProcess& process);

/// Opens the cgroup with this id, whatever path leads to it and whatever is mounted over that: a
/// cgroup's id is the file handle of its directory (kernfs_fh_to_dentry() in fs/kernfs/mount.c),
/// and all mounts of cgroup2 are of one file system. `mount` is any file on it. Invalid if there is
/// no such cgroup any more. Needs CAP_DAC_READ_SEARCH. Errors: Exit::cgroup.
[[nodiscard]] Result<UniqueFd> open_cgroup_by_id(int mount, std::uint64_t id);

enum class Liveness { gone, empty, populated };
/// Whether the cgroup with `id` is still there, and whether a process lives in it or below
/// (`populated` of cgroup.events, Documentation/admin-guide/cgroup-v2.rst).
[[nodiscard]] Result<Liveness> cgroup_liveness(int mount, std::uint64_t id);

}  // namespace socklid
