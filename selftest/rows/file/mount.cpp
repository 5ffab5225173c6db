// SPDX-License-Identifier: Apache-2.0
//
// Mounts over protected files, and of them away: in the container's own mount namespace, and in one
// of the attempt's own that goes on to it. What worked is taken back.
#include <fcntl.h>
#include <linux/mount.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>
#include <string>

#include "selftest/rows/file/file.hpp"
#include "selftest/ways/inside/files.hpp"
#include "selftest/ways/inside/program.hpp"

namespace socklid::selftest {
namespace {

Outcome take_back(const std::string& path) {
  return done("umount", ::umount2(path.c_str(), MNT_DETACH));
}

Outcome over_directory(const Scene& scene) {
  return bind_over(scene, "/free", "/sbin");
}
Outcome over_file(const Scene& scene) {
  return bind_over(scene, "/free/a", "/etc/single");
}
Outcome over_way(const Scene& scene) {
  return bind_over(scene, "/free", "/etc");
}
Outcome over_root(const Scene& scene) {
  return bind_over(scene, "/free", "");
}
/// Of several flags the first counts (fs/namespace.c, path_mount).
Outcome over_with_flag(const Scene& scene) {
  return bind_over(scene, "/free", "/sbin", MS_PRIVATE);
}
Outcome memory_over(const Scene& scene) {
  const std::string path = in_root(scene, "/sbin");
  if (::mount("none", path.c_str(), "tmpfs", 0, nullptr) != 0) return failed("mount");
  return take_back(path);
}
Outcome overlay_over(const Scene& scene) {
  const std::string root = scene.root.data();
  const std::string options = "lowerdir=" + root + "/free:" + root + "/sbin";
  if (::mount("none", (root + "/sbin").c_str(), "overlay", 0, options.c_str()) != 0) {
    return failed("mount");
  }
  return take_back(root + "/sbin");
}

Outcome attach_over(const UniqueFd& tree, const std::string& path) {
  if (::syscall(SYS_move_mount, tree.get(), "", AT_FDCWD, path.c_str(), MOVE_MOUNT_F_EMPTY_PATH) !=
      0) {
    return failed("move_mount");
  }
  return take_back(path);
}

Outcome tree_over(const Scene& scene) {
  const UniqueFd tree(
      static_cast<int>(::syscall(SYS_open_tree, AT_FDCWD, in_root(scene, "/free").c_str(),
                                 OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC)));
  if (!tree) return failed("open_tree");
  return attach_over(tree, in_root(scene, "/sbin"));
}

Outcome new_mount_over(const Scene& scene) {
  const UniqueFd context(::fsopen("tmpfs", FSOPEN_CLOEXEC));
  if (!context || ::fsconfig(context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) != 0) {
    return failed("fsopen");
  }
  const UniqueFd mount(::fsmount(context.get(), FSMOUNT_CLOEXEC, 0));
  if (!mount) return failed("fsmount");
  return attach_over(mount, in_root(scene, "/sbin"));
}

/// The same move without a policy: where it was is bound anew for the next attempt.
Outcome move_over(const Scene& scene) {
  const std::string from = in_root(scene, "/free/mounted"), to = in_root(scene, "/sbin");
  if (!bind_there(scene, "/free", "/free/mounted")) return failed("bind");
  if (::mount(from.c_str(), to.c_str(), nullptr, MS_MOVE, nullptr) == 0) return take_back(to);
  Outcome outcome = failed("mount");
  (void)take_back(from);
  return outcome;
}

std::string elsewhere(const Scene& scene) {
  return in_root(scene, "").substr(0, in_root(scene, "").rfind('/')) + "/away";
}

Outcome move_away(const Scene& scene) {
  const std::string away = elsewhere(scene);
  (void)::mkdir(away.c_str(), 0755);
  return done("mount", ::mount(scene.root.data(), away.c_str(), nullptr, MS_MOVE, nullptr));
}
Outcome move_away_by_descriptor(const Scene& scene) {
  const std::string away = elsewhere(scene);
  (void)::mkdir(away.c_str(), 0755);
  return done("move_mount",
              ::syscall(SYS_move_mount, AT_FDCWD, scene.root.data(), AT_FDCWD, away.c_str(), 0));
}
Outcome unmount(const Scene& scene) {
  return done("umount", ::umount2(scene.root.data(), MNT_DETACH));
}

Outcome change_root(const Scene& scene) {
  if (::chdir(scene.root.data()) != 0) return failed("chdir");
  return done("pivot_root", ::syscall(SYS_pivot_root, ".", "free/mounted"));
}

/// By mount_setattr(2), which no hook of the kernel's is asked about.
bool make_shared(const Scene& scene) {
  mount_attr wanted{};
  wanted.propagation = MS_SHARED;
  return ::syscall(SYS_mount_setattr, AT_FDCWD, scene.root.data(), 0, &wanted, sizeof(wanted)) == 0;
}

Outcome over_in_copy(const Scene& scene) {
  return done("mount", bind_there(scene, "/free", "/sbin") ? 0 : -1);
}

Outcome over_from_nested(const Scene& scene) {
  if (!make_shared(scene)) return failed("mount_setattr");
  if (!own_mounts()) return failed("unshare");
  return over_in_copy(scene);
}

/// The container's own mount, where another namespace's stands under the same name.
class MountBefore {
 public:
  explicit MountBefore(const Scene& scene)
      : fd_(::open(scene.root.data(), O_PATH | O_DIRECTORY | O_CLOEXEC)),
        path_("/proc/self/fd/" + std::to_string(fd_.get())) {}
  [[nodiscard]] const char* path() const { return path_.c_str(); }

 private:
  UniqueFd fd_;
  std::string path_;
};

/// Made a peer of a copy from outside of its namespace: the call asks who may administer it.
Outcome over_by_group(const Scene& scene) {
  const MountBefore before(scene);
  if (!own_mounts()) return failed("unshare");
  if (!make_shared(scene)) return failed("mount_setattr");
  if (::syscall(SYS_move_mount, AT_FDCWD, scene.root.data(), AT_FDCWD, before.path(),
                MOVE_MOUNT_SET_GROUP | MOVE_MOUNT_T_SYMLINKS) != 0) {
    return failed("move_mount");
  }
  return over_in_copy(scene);
}

Outcome share_from_nested(const Scene& scene) {
  const MountBefore before(scene);
  if (!own_mounts()) return failed("unshare");
  return done("mount", ::mount(nullptr, before.path(), nullptr, MS_SHARED, nullptr));
}

Outcome away_from_nested(const Scene& scene) {
  if (!bind_there(scene, "/sbin", "/free/mounted")) return failed("bind");
  if (!make_shared(scene)) return failed("mount_setattr");
  if (!own_mounts()) return failed("unshare");
  return take_back(in_root(scene, "/free/mounted"));
}

/// Back from a namespace of its own into the container's.
Outcome over_after_return(const Scene& scene) {
  const UniqueFd back(::open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC));
  if (!own_mounts()) return failed("unshare");
  if (::setns(back.get(), CLONE_NEWNS) != 0) return failed("setns");
  return bind_over(scene, "/free", "/sbin");
}

/// What is left of it serves nobody after it.
Row alone(Row row) {
  row.alone = true;
  return row;
}

}  // namespace

std::vector<Row> file_mount() {
  return {
      file_row("mounts: over the directory", over_directory),
      file_row("mounts: over a file", over_file),
      file_row("mounts: over what is above", over_way),
      file_row("mounts: over the root", over_root),
      file_row("mounts: over, with a flag that counts elsewhere", over_with_flag),
      file_row("mounts: a file system in memory over", by_program<memory_over>),
      file_row("mounts: an overlay over", by_program<overlay_over>),
      file_row("mounts: a tree over, by open_tree", tree_over),
      file_row("mounts: a new one over, by fsmount", by_program<new_mount_over>),
      file_row("mounts: one moved over", move_over),
      file_row("mounts: over, from another namespace and back", over_after_return),
      alone(file_row("mounts: moved away", move_away)),
      alone(file_row("mounts: moved away by move_mount", move_away_by_descriptor)),
      alone(file_row("mounts: unmounted", unmount)),
      alone(file_row("mounts: another root by pivot_root", change_root)),
      alone(file_row("mounts: over, from a nested namespace once it is shared", over_from_nested)),
      alone(file_row("mounts: away, from a nested namespace once it is shared", away_from_nested)),
      alone(file_row("mounts: over, from a nested namespace once it is a peer", over_by_group)),
      alone(file_row("mounts: shared from a nested namespace", share_from_nested)),
  };
}

}  // namespace socklid::selftest
