// SPDX-License-Identifier: Apache-2.0
//
// Protected files on a bare cgroup. Fails when there is a way to change one, to take its name, or
// to put something else where it is, and when what is not protected is refused. Each way is tried
// without a policy first, where it must succeed.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <fstream>
#include <string>
#include <vector>

#include "tests/kernel/subjects/protected_files.hpp"

namespace socklid::test {
namespace {

int exchange(const std::string& one, const std::string& other) {
  return result(::renameat2(AT_FDCWD, one.c_str(), AT_FDCWD, other.c_str(), RENAME_EXCHANGE));
}

int copy_over(const std::string& path) {
  std::ofstream file(path, std::ios::app);
  file << "worm" << std::flush;
  return file ? 0 : EPERM;
}

/// As chattr +d does, by a descriptor that is open for reading.
int flagged(const std::string& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  const int flags = FS_NODUMP_FL;
  return result(::ioctl(fd.get(), FS_IOC_SETFLAGS, &flags));
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
      {"a flag of the file system",
       [](const std::string& root) { return flagged(root + "/sbin/prog"); }},
      {"a flag of a directory", [](const std::string& root) { return flagged(root + "/sbin"); }},
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

TEST(ProtectedFiles, WhatTheyHoldStays) {
  expect_refused(ways_to_write());
}

TEST(ProtectedFiles, TheirNamesStay) {
  expect_refused(ways_to_rename());
}

/// Of the directory beside the protected one: what comes of it on a file system that does not know
/// it.
int order(const std::string& root, unsigned long command) {
  std::array<char, 4096> argument{};
  const UniqueFd fd(::open((root + "/free").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  return fd ? result(::ioctl(fd.get(), command, argument.data())) : errno;
}

TEST(ProtectedFiles, OrdersToAWholeFileSystemAreRefused) {
  const std::vector<unsigned long> orders = {
      _IOW(0x94, 15, char[4096]),  // BTRFS_IOC_SNAP_DESTROY
      _IOW(0x94, 63, char[4096]),  // BTRFS_IOC_SNAP_DESTROY_V2
      _IOW('X', 123, char[48])};   // XFS_IOC_ATTRMULTI_BY_HANDLE
  SubjectContainer container("protected");
  make_files(container);
  for (const unsigned long command : orders) {
    EXPECT_EQ(container.run_here([&] { return order(container.root(), command); }), ENOTTY);
  }
  protect(container);
  container.enforce();
  for (const unsigned long command : orders) {
    EXPECT_EQ(container.run_here([&] { return order(container.root(), command); }), EPERM);
  }
  EXPECT_EQ(container.run_here([&] { return order(container.root(), _IO('f', 99)); }), ENOTTY);
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
