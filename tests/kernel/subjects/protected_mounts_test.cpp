// SPDX-License-Identifier: Apache-2.0
//
// Mounts and protected files. Fails when something can be put where one is, or one be taken from
// there, by mounts of the container's namespace or by such as go on to it, and when what is free is
// refused.
#include <linux/mount.h>
#include <sys/syscall.h>

#include <cstdint>

#include "tests/kernel/subjects/protected_files.hpp"

namespace socklid::test {
namespace {

/// As util-linux does it today: a copy of the mount that is nowhere yet, and then there.
int attach_over(const std::string& what, const std::string& where) {
  const UniqueFd tree(static_cast<int>(
      ::syscall(SYS_open_tree, AT_FDCWD, what.c_str(), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC)));
  if (!tree) return errno;
  return result(
      ::syscall(SYS_move_mount, tree.get(), "", AT_FDCWD, where.c_str(), MOVE_MOUNT_F_EMPTY_PATH));
}

int share(const std::string& mount) {
  mount_attr wanted{};
  wanted.propagation = MS_SHARED;
  return result(::syscall(SYS_mount_setattr, AT_FDCWD, mount.c_str(), 0, &wanted, sizeof(wanted)));
}

/// From a namespace of one's own, with a way back to the mount that was there before.
template <class Act>
int from_own_mounts(const std::string& root, Act act) {
  const UniqueFd theirs(::open(root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  return in_own_mounts([&] { return act("/proc/self/fd/" + std::to_string(theirs.get())); });
}

/// Makes the mount behind `theirs` a peer of one's own copy of it.
int join_group(const std::string& root, const std::string& theirs) {
  if (share(root) != 0) return 251;
  return result(::syscall(SYS_move_mount, AT_FDCWD, root.c_str(), AT_FDCWD, theirs.c_str(),
                          MOVE_MOUNT_SET_GROUP | MOVE_MOUNT_T_SYMLINKS));
}

std::vector<Way> ways_to_mount() {
  return {
      {"bind over",
       [](const std::string& root) { return bind_over(root + "/free", root + "/sbin"); }},
      {"bind over a file",
       [](const std::string& root) { return bind_over(root + "/free/a", root + "/etc/single"); }},
      {"bind over what is above",
       [](const std::string& root) { return bind_over(root + "/free", root + "/etc"); }},
      {"bind over the root",
       [](const std::string& root) { return bind_over(root + "/free", root); }},
      {"bind over, with a flag that counts elsewhere",
       [](const std::string& root) {
         return bind_over(root + "/free", root + "/sbin", MS_PRIVATE);
       }},
      {"a new file system over",
       [](const std::string& root) {
         return result(::mount("none", (root + "/sbin").c_str(), "tmpfs", 0, nullptr));
       }},
      {"a tree over",
       [](const std::string& root) { return attach_over(root + "/free", root + "/sbin"); }},
      {"move over",
       [](const std::string& root) {
         if (bind_over(root + "/free", root + "/free/mounted") != 0) return 251;
         return result(::mount((root + "/free/mounted").c_str(), (root + "/sbin").c_str(), nullptr,
                               MS_MOVE, nullptr));
       }},
      {"move away",
       [](const std::string& root) {
         return result(::mount(root.c_str(), "/mnt", nullptr, MS_MOVE, nullptr));
       }},
      {"move away by descriptors",
       [](const std::string& root) {
         return result(::syscall(SYS_move_mount, AT_FDCWD, root.c_str(), AT_FDCWD, "/mnt", 0));
       }},
      {"unmount",
       [](const std::string& root) { return result(::umount2(root.c_str(), MNT_DETACH)); }},
      {"share", share},
      {"share by mount(2)",
       [](const std::string& root) {
         return result(::mount(nullptr, root.c_str(), nullptr, MS_SHARED, nullptr));
       }},
      {"share by mount(2) from a namespace of one's own",
       [](const std::string& root) {
         return from_own_mounts(root, [](const std::string& theirs) {
           return result(::mount(nullptr, theirs.c_str(), nullptr, MS_SHARED, nullptr));
         });
       }},
      {"join a group of peers from there",
       [](const std::string& root) {
         return from_own_mounts(
             root, [&](const std::string& theirs) { return join_group(root, theirs); });
       }},
  };
}

std::vector<Way> what_is_free() {
  return {
      {"reading", [](const std::string& root) { return opened(root + "/sbin/prog", O_RDONLY); }},
      {"writing elsewhere",
       [](const std::string& root) { return opened(root + "/free/a", O_WRONLY | O_TRUNC); }},
      {"writing in an exception",
       [](const std::string& root) { return opened(root + "/etc/conf/run/pid", O_WRONLY); }},
      {"a new file in an exception",
       [](const std::string& root) {
         return opened(root + "/etc/conf/run/new", O_WRONLY | O_CREAT);
       }},
      {"chmod of an exception",
       [](const std::string& root) {
         return result(::chmod((root + "/etc/conf/run").c_str(), 0700));
       }},
      {"a new file beside",
       [](const std::string& root) { return opened(root + "/etc/new", O_WRONLY | O_CREAT); }},
      {"mount elsewhere",
       [](const std::string& root) { return bind_over(root + "/sbin", root + "/free/mounted"); }},
      {"a tree elsewhere",
       [](const std::string& root) { return attach_over(root + "/sbin", root + "/free/mounted"); }},
      {"make private",
       [](const std::string& root) {
         return result(::mount(nullptr, root.c_str(), nullptr, MS_PRIVATE, nullptr));
       }},
      {"remount",
       [](const std::string& root) {
         return result(::mount(nullptr, root.c_str(), nullptr, MS_REMOUNT | MS_BIND, nullptr));
       }},
      {"mount over in a namespace of one's own",
       [](const std::string& root) {
         return in_own_mounts([&] { return bind_over(root + "/free", root + "/sbin"); });
       }},
      {"share in a namespace of one's own",
       [](const std::string& root) { return in_own_mounts([&] { return share(root); }); }},
      {"another root in a namespace of one's own",
       [](const std::string& root) {
         return in_own_mounts([&] {
           if (::chdir(root.c_str()) != 0) return 251;
           return result(::syscall(SYS_pivot_root, ".", "free/mounted"));
         });
       }},
      {"move in a namespace of one's own",
       [](const std::string& root) {
         return in_own_mounts(
             [&] { return result(::mount(root.c_str(), "/mnt", nullptr, MS_MOVE, nullptr)); });
       }},
  };
}

TEST(ProtectedFiles, NothingIsMountedOverThemNorTheyAway) {
  expect_refused(ways_to_mount());
}

TEST(ProtectedFiles, AllElseIsFree) {
  for (const Way& way : what_is_free()) {
    EXPECT_EQ(without(way.act), 0) << way.name;
    EXPECT_EQ(with_policy(way.act), 0) << way.name;
  }
}

/// That it would succeed is shown by "another root in a namespace of one's own".
TEST(ProtectedFiles, TheRootStays) {
  EXPECT_EQ(with_policy([](const std::string& root) {
              if (::chdir(root.c_str()) != 0) return 251;
              return result(::syscall(SYS_pivot_root, ".", "free/mounted"));
            }),
            EPERM);
}

}  // namespace
}  // namespace socklid::test
