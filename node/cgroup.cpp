// SPDX-License-Identifier: Apache-2.0
#include "node/cgroup.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>

#include "base/text.hpp"
#include "node/engine.hpp"
#include "node/occupants.hpp"
#include "system/files.hpp"

namespace socklid {
namespace {

static_assert(sizeof(ino_t) == 8, "a cgroup id is an inode number only where that has 64 bits");

bool is_scope(std::string_view component) {
  return component.ends_with(".scope");
}

/// `path` without "/NAME" at its end, if that is how it ends and something is left.
std::string_view without(std::string_view path, std::string_view name) {
  if (name.empty() || !path.ends_with(name)) return path;
  const std::string_view above = path.substr(0, path.size() - name.size());
  return above.size() > 1 && above.ends_with('/') ? above.substr(0, above.size() - 1) : path;
}

Failure refuse(std::string_view path, std::string_view cause) {
  return fail(Exit::cgroup, "cgroup ", path, " ", cause,
              ": give the container a cgroup of its own (not --cgroups=disabled; "
              "linux.cgroupsPath in its config.json)");
}

bool has_parent_component(std::string_view path) {
  for (const std::string_view component : split(path, '/')) {
    if (component == "..") return true;
  }
  return false;
}

/// The root cgroup's id is 1: the first inode of its file system (kernfs_create_root()).
bool shows_whole_hierarchy(const char* point) {
  struct statfs filesystem {};
  struct stat status {};
  return ::statfs(point, &filesystem) == 0 && filesystem.f_type == CGROUP2_SUPER_MAGIC &&
         ::stat(point, &status) == 0 && status.st_ino == 1;
}

Result<std::string> unified_path_of(const std::string& proc_file) {
  return parse_unified_path(SL_TRY(read_file(AT_FDCWD, proc_file, Exit::cgroup)));
}

/// One that goes down only, and by whole steps.
bool goes_down(std::string_view relative) {
  const auto steps = split(relative, '/');
  return std::none_of(steps.begin(), steps.end(), [](std::string_view step) {
    return step.empty() || step == "." || step == "..";
  });
}

/// The value of an annotation that names a cgroup below the container's; empty means none.
Result<std::optional<std::string>> subgroup_at(const annotations::Annotations& annotations,
                                               std::string_view key) {
  const auto found = annotations.find(key);
  if (found == annotations.end()) return std::optional<std::string>{};
  if (found->second.empty() || goes_down(found->second)) return std::optional(found->second);
  return fail(Exit::cgroup, key,
              ": may lead out of the container's own cgroup: name one below it, "
              "without empty parts, . and ..");
}

}  // namespace

Result<CgroupMount> choose_cgroup_mount(const std::vector<Mount>& mounts) {
  const Mount* chosen = nullptr;
  for (const Mount& mount : mounts) {
    if (mount.type != "cgroup2" || has_parent_component(mount.root)) continue;
    if (chosen == nullptr || (chosen->root != "/" && mount.root == "/")) chosen = &mount;
  }
  if (chosen == nullptr) {
    return fail(Exit::node,
                "no cgroup v2 is mounted, and policies are bound to cgroup v2: boot "
                "with systemd.unified_cgroup_hierarchy=1, or mount cgroup2");
  }
  return CgroupMount{.root = chosen->root, .point = chosen->point};
}

Result<std::string> parse_unified_path(std::string_view proc_cgroup) {
  // A cgroup's name cannot hold a newline (kernel/cgroup/cgroup.c: cgroup_mkdir).
  constexpr std::string_view prefix = "0::";
  for (std::string_view line : split(proc_cgroup, '\n')) {
    if (!line.starts_with(prefix)) continue;
    line.remove_prefix(prefix.size());
    if (!line.starts_with('/')) break;
    if (has_parent_component(line)) {
      return fail(Exit::cgroup, "cgroup ", line,
                  " lies outside the hook's cgroup namespace: run the container "
                  "engine in the host's");
    }
    return std::string(line);
  }
  return fail(Exit::cgroup,
              "the process is in no cgroup v2 (no 0:: line in /proc/PID/cgroup): boot with "
              "systemd.unified_cgroup_hierarchy=1, or use a runtime that joins cgroup2 on hybrid "
              "nodes, such as runc 1.1");
}

bool contains(std::string_view outer, std::string_view inner) {
  if (outer == "/") return true;
  if (!inner.starts_with(outer)) return false;
  inner.remove_prefix(outer.size());
  return inner.empty() || inner.front() == '/';
}

Result<CrunCgroups> crun_cgroups(const annotations::Annotations& annotations) {
  CrunCgroups crun;
  if (auto below = SL_TRY(subgroup_at(annotations, "run.oci.systemd.subgroup"))) {
    crun.below_scope = std::move(*below);
  }
  if (auto delegated = SL_TRY(subgroup_at(annotations, "run.oci.delegate-cgroup"))) {
    crun.delegated = std::move(*delegated);
  }
  return crun;
}

std::string container_cgroup_of(std::string_view path, std::string_view id,
                                const CrunCgroups& crun) {
  if (is_engine_id(id)) {
    if (const auto found = cgroup_named_after(path, id)) return std::string(*found);
  }
  const std::string_view undelegated = without(path, crun.delegated);
  const std::string_view above = without(undelegated, crun.below_scope);
  return std::string(is_scope(above) ? above : undelegated);
}

Result<> check_own_cgroup(std::string_view path, std::string_view own, std::string_view init) {
  if (path == "/") return refuse(path, "is the root, which holds every process of the node");
  if (contains(path, own))
    return refuse(path, "also holds the container runtime that runs this hook");
  if (contains(path, init)) return refuse(path, "also holds process 1");
  if (std::count(path.begin(), path.end(), '/') > deepest_level) {
    return refuse(path, "lies more than " + std::to_string(deepest_level) +
                            " levels deep, where not all programs would find its policy");
  }
  return {};
}

Result<> check_bears_id(std::string_view path, std::string_view id) {
  if (!is_engine_id(id) || is_named_after(path.substr(path.rfind('/') + 1), id)) return {};
  return refuse(path, "does not bear the container's id, as every engine's own cgroup does");
}

Result<std::string> path_below(const CgroupMount& mount, std::string_view path) {
  if (!contains(mount.root, path)) {
    return fail(Exit::cgroup, "cgroup ", path, " is not below ", mount.root,
                ", which is all that is mounted at ", mount.point);
  }
  if (mount.root != "/") path.remove_prefix(mount.root.size());
  if (path == "/") path = "";
  return mount.point + std::string(path);
}

Result<CgroupMount> find_cgroup_mount() {
  for (const char* point : {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"}) {
    if (shows_whole_hierarchy(point)) return CgroupMount{.root = "/", .point = point};
  }
  const std::string text =
      SL_TRY(read_file(AT_FDCWD, "/proc/self/mountinfo", Exit::node, mountinfo_limit));
  return choose_cgroup_mount(parse_mountinfo(text));
}

Result<std::uint64_t> cgroup_id(int directory) {
  struct stat status {};
  if (::fstat(directory, &status) != 0) return fail_errno(Exit::cgroup, "stat cgroup");
  return status.st_ino;
}

Result<CgroupRef> open_cgroup(const CgroupMount& mount, const std::string& path) {
  const std::string directory = SL_TRY(path_below(mount, path));
  CgroupRef cgroup{.path = path, .fd = {}, .id = 0};
  cgroup.fd.reset(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
  if (!cgroup.fd) return fail_errno(Exit::cgroup, "open cgroup " + directory);
  struct statfs filesystem {};
  if (::fstatfs(cgroup.fd.get(), &filesystem) != 0) {
    return fail_errno(Exit::cgroup, "statfs " + directory);
  }
  if (filesystem.f_type != CGROUP2_SUPER_MAGIC) {
    return fail(Exit::cgroup, directory, " is not on cgroup2: something is mounted over it");
  }
  cgroup.id = SL_TRY(cgroup_id(cgroup.fd.get()));
  return cgroup;
}

Result<CgroupRef> open_container_cgroup(const CgroupMount& mount, const ContainerProcess& process,
                                        const ContainerState& container) {
  const std::string path = SL_TRY(cgroup_path_of(process));
  const std::string own = SL_TRY(unified_path_of("/proc/self/cgroup"));
  const std::string init = SL_TRY(unified_path_of("/proc/1/cgroup"));
  CrunCgroups crun = SL_TRY(crun_cgroups(container.annotations));
  // Of those that put anything below only crun calls its hooks with this status; what its
  // annotations say would be a wrong name for another runtime's cgroup.
  if (container.status != "created") crun = {.below_scope = {}, .delegated = {}};
  const std::string raised = container_cgroup_of(path, container.id, crun);
  SL_CHECK(check_own_cgroup(raised, own, init));
  SL_CHECK(check_bears_id(raised, container.id));
  CgroupRef cgroup = SL_TRY(open_cgroup(mount, raised));
  SL_CHECK(check_alone(cgroup, process, container));
  return cgroup;
}

Result<std::string> cgroup_path_of(const ContainerProcess& process) {
  return parse_unified_path(SL_TRY(process.read("cgroup")));
}

Result<> check_inside(const CgroupRef& cgroup, const ContainerProcess& process) {
  const std::string now = SL_TRY(cgroup_path_of(process));
  if (contains(cgroup.path, now)) return {};
  return fail(Exit::process, "the container's process was moved from cgroup ", cgroup.path, " to ",
              now, " while it was set up");
}

Result<UniqueFd> open_cgroup_by_id(int mount, std::uint64_t id) {
  constexpr int fileid_kernfs = 0xfe;  // include/linux/exportfs.h
  alignas(file_handle) std::array<char, sizeof(file_handle) + sizeof(id)> bytes{};
  auto* const handle = reinterpret_cast<file_handle*>(bytes.data());
  handle->handle_bytes = sizeof(id);
  handle->handle_type = fileid_kernfs;
  std::memcpy(bytes.data() + sizeof(file_handle), &id, sizeof(id));
  UniqueFd cgroup(::open_by_handle_at(mount, handle, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!cgroup && errno != ESTALE) return fail_errno(Exit::cgroup, "open a cgroup by its id");
  return cgroup;
}

Result<Liveness> cgroup_liveness(int mount, std::uint64_t id) {
  const UniqueFd fd = SL_TRY(open_cgroup_by_id(mount, id));
  if (!fd) return Liveness::gone;
  const auto events = read_file(fd.get(), "cgroup.events", Exit::cgroup);
  // The root, which is no container's, has no such file, and one that was removed since has none.
  if (!events) return SL_TRY(open_cgroup_by_id(mount, id)) ? Liveness::populated : Liveness::gone;
  const bool empty = ("\n" + *events).find("\npopulated 0\n") != std::string::npos;
  return empty ? Liveness::empty : Liveness::populated;
}

}  // namespace socklid
