// SPDX-License-Identifier: Apache-2.0
//
// Protected files on a bare cgroup. Fails when there is a way to change one, to take its name, or
// to put something else where it is, and when what is not protected is refused. Each way is tried
// without a policy first, where it must succeed.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/mount.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include "tests/kernel/subject_fixture.hpp"

namespace socklid::test {
namespace {

int result(long value) {
  return value < 0 ? errno : 0;
}

/// What is tried, below the container's directory.
using Act = std::function<int(const std::string& root)>;
struct Way {
  const char* name;
  Act act;
};

int opened(const std::string& path, int flags) {
  return result(UniqueFd(::open(path.c_str(), flags | O_CLOEXEC, 0644)).release());
}

/// The least access list that is more than the mode: version 2, u:: u:0 g:: m:: o:: (acl(5)).
constexpr std::array<unsigned char, 44> access_list{
    2, 0, 0,   0,   1,   0,   6,  0, 255, 255, 255, 255, 2,   0,   6,  0, 0, 0, 0,   0,   4,   0,
    4, 0, 255, 255, 255, 255, 16, 0, 6,   0,   255, 255, 255, 255, 32, 0, 4, 0, 255, 255, 255, 255};

int set_access_list(const std::string& path) {
  return result(::setxattr(path.c_str(), "system.posix_acl_access", access_list.data(),
                           access_list.size(), 0));
}

int exchange(const std::string& one, const std::string& other) {
  return result(::renameat2(AT_FDCWD, one.c_str(), AT_FDCWD, other.c_str(), RENAME_EXCHANGE));
}

int bind_over(const std::string& what, const std::string& where, unsigned long flags = 0) {
  return result(::mount(what.c_str(), where.c_str(), nullptr, MS_BIND | flags, nullptr));
}

/// As util-linux does it today: a copy of the mount that is nowhere yet, and then there.
int attach_over(const std::string& what, const std::string& where) {
  const UniqueFd tree(static_cast<int>(
      ::syscall(SYS_open_tree, AT_FDCWD, what.c_str(), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC)));
  if (!tree) return errno;
  return result(
      ::syscall(SYS_move_mount, tree.get(), "", AT_FDCWD, where.c_str(), MOVE_MOUNT_F_EMPTY_PATH));
}

int make_shared(const std::string& mount) {
  struct {
    std::uint64_t set, clear, propagation, userns;
  } wanted{0, 0, MS_SHARED, 0};
  return result(::syscall(SYS_mount_setattr, AT_FDCWD, mount.c_str(), 0, &wanted, sizeof(wanted)));
}

int in_own_mounts(const std::function<int()>& act) {
  if (::unshare(CLONE_NEWNS) != 0) return 251;
  return act();
}

int copy_over(const std::string& path) {
  std::ofstream file(path, std::ios::app);
  file << "worm" << std::flush;
  return file ? 0 : EPERM;
}

/// On what the files hold.
std::vector<Way> ways_to_write() {
  const auto at = [](const char* path, int flags) {
    return [path, flags](const std::string& root) { return opened(root + path, flags); };
  };
  return {
      {"open for writing", at("/sbin/prog", O_WRONLY)},
      {"open for both", at("/sbin/prog", O_RDWR)},
      {"open to append", at("/sbin/sub/deep", O_WRONLY | O_APPEND)},
      {"O_TRUNC alone", at("/sbin/prog", O_RDONLY | O_TRUNC)},
      {"by another name", at("/free/link", O_WRONLY)},
      {"by a symlink", at("/free/symlink", O_WRONLY)},
      {"a file by itself", at("/etc/single", O_WRONLY)},
      {"its other name", at("/free/single", O_WRONLY)},
      {"truncate(2)",
       [](const std::string& root) {
         return result(::truncate((root + "/sbin/prog").c_str(), 0));
       }},
      {"chmod",
       [](const std::string& root) {
         return result(::chmod((root + "/sbin/prog").c_str(), 0777));
       }},
      {"chmod of the directory",
       [](const std::string& root) { return result(::chmod((root + "/sbin").c_str(), 0777)); }},
      {"chown",
       [](const std::string& root) {
         return result(::chown((root + "/sbin/prog").c_str(), 1, 1));
       }},
      {"setxattr",
       [](const std::string& root) {
         return result(::setxattr((root + "/sbin/prog").c_str(), "trusted.new", "1", 1, 0));
       }},
      {"removexattr",
       [](const std::string& root) {
         return result(::removexattr((root + "/sbin/prog").c_str(), "trusted.old"));
       }},
      {"an access list",
       [](const std::string& root) { return set_access_list(root + "/sbin/prog"); }},
      {"no access list",
       [](const std::string& root) {
         return result(::removexattr((root + "/sbin/sub/deep").c_str(), "system.posix_acl_access"));
       }},
      {"under another root",
       [](const std::string& root) {
         if (::chroot(root.c_str()) != 0) return 251;
         return opened("/sbin/prog", O_WRONLY);
       }},
      {"where it is mounted too",
       [](const std::string& root) {
         if (bind_over(root + "/sbin", root + "/free/mounted") != 0) return 251;
         return opened(root + "/free/mounted/prog", O_WRONLY);
       }},
      {"in namespaces of one's own",
       [](const std::string& root) {
         return in_own_mounts([&] { return opened(root + "/sbin/prog", O_WRONLY); });
       }},
      {"once nobody remembers it",
       [](const std::string& root) {
         std::ofstream("/proc/sys/vm/drop_caches") << 3 << std::flush;
         return opened(root + "/sbin/prog", O_WRONLY);
       }},
  };
}

/// On names, and what is at them.
std::vector<Way> ways_to_rename() {
  const auto moved = [](const char* from, const char* to) {
    return [from, to](const std::string& root) {
      return result(::rename((root + from).c_str(), (root + to).c_str()));
    };
  };
  return {
      {"a new file",
       [](const std::string& root) { return opened(root + "/sbin/new", O_WRONLY | O_CREAT); }},
      {"a new file that is only read",
       [](const std::string& root) { return opened(root + "/sbin/new", O_RDONLY | O_CREAT); }},
      {"a file without a name",
       [](const std::string& root) { return opened(root + "/sbin", O_WRONLY | O_TMPFILE); }},
      {"mkdir",
       [](const std::string& root) { return result(::mkdir((root + "/sbin/new").c_str(), 0755)); }},
      {"symlink",
       [](const std::string& root) {
         return result(::symlink("/", (root + "/sbin/new").c_str()));
       }},
      {"mknod",
       [](const std::string& root) {
         return result(::mknod((root + "/sbin/new").c_str(), S_IFIFO | 0644, 0));
       }},
      {"a link there",
       [](const std::string& root) {
         return result(::link((root + "/free/a").c_str(), (root + "/sbin/new").c_str()));
       }},
      {"a link from there",
       [](const std::string& root) {
         return result(::link((root + "/sbin/prog").c_str(), (root + "/free/new").c_str()));
       }},
      {"a link to what has no name yet",
       [](const std::string& root) {
         const UniqueFd fd(::open((root + "/free").c_str(), O_WRONLY | O_TMPFILE, 0644));
         const std::string path = "/proc/self/fd/" + std::to_string(fd.get());
         return result(::linkat(AT_FDCWD, path.c_str(), AT_FDCWD, (root + "/sbin/new").c_str(),
                                AT_SYMLINK_FOLLOW));
       }},
      {"unlink",
       [](const std::string& root) { return result(::unlink((root + "/sbin/prog").c_str())); }},
      {"unlink a name that leads there",
       [](const std::string& root) { return result(::unlink((root + "/way").c_str())); }},
      {"unlink an only file",
       [](const std::string& root) { return result(::unlink((root + "/etc/single").c_str())); }},
      {"rmdir",
       [](const std::string& root) { return result(::rmdir((root + "/sbin/empty").c_str())); }},
      {"rename out", moved("/sbin/prog", "/free/new")},
      {"rename in", moved("/free/a", "/sbin/new")},
      {"rename over", moved("/free/a", "/sbin/prog")},
      {"rename the directory", moved("/sbin", "/free/new")},
      {"rename what is above", moved("/etc", "/free/new")},
      {"rename an exception out", moved("/etc/conf/run", "/free/new")},
      {"rename over a name that leads there", moved("/free/a", "/way")},
      {"exchange",
       [](const std::string& root) { return exchange(root + "/free/a", root + "/sbin/prog"); }},
      {"exchange the other way",
       [](const std::string& root) { return exchange(root + "/sbin/prog", root + "/free/a"); }},
  };
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
      {"from a namespace of one's own, once it is shared",
       [](const std::string& root) {
         if (make_shared(root) != 0) return 251;
         return in_own_mounts([&] { return bind_over(root + "/free", root + "/sbin"); });
       }},
      {"unmount from there",
       [](const std::string& root) {
         if (bind_over(root + "/sbin", root + "/free/mounted") != 0) return 251;
         if (make_shared(root) != 0) return 252;
         return in_own_mounts(
             [&] { return result(::umount2((root + "/free/mounted").c_str(), MNT_DETACH)); });
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

void make_file(const std::string& path) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  std::ofstream(path) << "text";
}

void make_files(const SubjectContainer& container) {
  const std::string& root = container.root();
  for (const char* path : {"/sbin/prog", "/sbin/sub/deep", "/free/a", "/etc/conf/file",
                           "/etc/conf/run/pid", "/etc/single"}) {
    make_file(root + path);
  }
  for (const char* path : {"/sbin/empty", "/free/mounted"}) {
    std::filesystem::create_directory(root + path);
  }
  ASSERT_EQ(::link((root + "/etc/single").c_str(), (root + "/free/single").c_str()), 0);
  ASSERT_EQ(::link((root + "/etc/conf/file").c_str(), (root + "/free/link").c_str()), 0);
  ASSERT_EQ(::symlink("../sbin/prog", (root + "/free/symlink").c_str()), 0);
  ASSERT_EQ(::symlink("sbin", (root + "/way").c_str()), 0);
  ASSERT_EQ(::setxattr((root + "/sbin/prog").c_str(), "trusted.old", "1", 1, 0), 0);
  ASSERT_EQ(set_access_list(root + "/sbin/sub/deep"), 0);
}

/// What the hook would find of: readonly /sbin (by /way too) /etc/conf !/etc/conf/run /etc/single.
void protect(SubjectContainer& container) {
  const std::string& root = container.root();
  container.file(root + "/sbin", SL_FILE_TREE | SL_FILE_ENTRY);
  container.file(root + "/etc/conf", SL_FILE_TREE | SL_FILE_ENTRY);
  container.file(root + "/etc/conf/run", SL_FILE_EXCEPT);
  // As a subject's own program has it, whatever its name.
  container.file(root + "/etc/single", SL_FILE_SELF | SL_FILE_ENTRY);
  container.file(root + "/free/link", SL_FILE_SELF);
  for (const char* above : {"", "/etc", "/way"}) container.file(root + above, SL_FILE_ENTRY);
}

int with_policy(const Act& act, std::uint64_t* denials = nullptr) {
  SubjectContainer container("protected");
  make_files(container);
  protect(container);
  container.enforce();
  const int done = container.run_here([&] { return act(container.root()); });
  if (denials != nullptr) *denials = container.denials(SL_REASON_FILE);
  return done;
}

int without(const Act& act) {
  SubjectContainer container("plain");
  make_files(container);
  const int done = container.run_here([&] { return act(container.root()); });
  ::umount2("/mnt", MNT_DETACH);  // what was moved there
  return done;
}

void expect_refused(const std::vector<Way>& ways) {
  for (const Way& way : ways) {
    EXPECT_EQ(without(way.act), 0) << way.name;
    std::uint64_t denials = 0;
    EXPECT_EQ(with_policy(way.act, &denials), EPERM) << way.name;
    EXPECT_GE(denials, 1U) << way.name;
  }
}

TEST(ProtectedFiles, WhatTheyHoldStays) {
  expect_refused(ways_to_write());
}

TEST(ProtectedFiles, TheirNamesStay) {
  expect_refused(ways_to_rename());
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

TEST(ProtectedFiles, TheHostMayChangeThem) {
  SubjectContainer container("protected");
  make_files(container);
  protect(container);
  container.enforce();
  EXPECT_EQ(copy_over(container.root() + "/sbin/prog"), 0);
  EXPECT_EQ(container.run_here([&] { return copy_over(container.root() + "/sbin/prog"); }), EPERM);
}

TEST(ProtectedFiles, ThoseOfTheOuterContainerHoldInTheInner) {
  SubjectContainer outer("protected");
  make_files(outer);
  protect(outer);
  outer.enforce();
  const TestCgroup nested("nested", outer.cgroup());
  EXPECT_EQ(nested.run([&] { return copy_over(outer.root() + "/sbin/prog"); }), EPERM);
  EXPECT_EQ(nested.run([&] { return copy_over(outer.root() + "/free/a"); }), 0);
}

}  // namespace
}  // namespace socklid::test
