// SPDX-License-Identifier: Apache-2.0
//
// Ways to change files, each tried in a container that protects them and in one that does not.
//
//   const Way way{"unlink", [](const std::string& root) {
//     return result(::unlink((root + "/sbin/prog").c_str()));
//   }};
//   expect_refused({way});
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include "selftest/ways/inside/files.hpp"
#include "tests/kernel/subjects/subject_fixture.hpp"

namespace socklid::test {

inline int result(long value) {
  return value < 0 ? errno : 0;
}

/// What is tried, below the container's directory.
using Act = std::function<int(const std::string& root)>;
struct Way {
  const char* name;
  Act act;
};

inline int opened(const std::string& path, int flags) {
  return result(UniqueFd(::open(path.c_str(), flags | O_CLOEXEC, 0644)).release());
}

inline int set_access_list(const std::string& path) {
  return result(::setxattr(path.c_str(), "system.posix_acl_access", selftest::access_list.data(),
                           selftest::access_list.size(), 0));
}

inline int bind_over(const std::string& what, const std::string& where, unsigned long flags = 0) {
  return result(::mount(what.c_str(), where.c_str(), nullptr, MS_BIND | flags, nullptr));
}

inline int in_own_mounts(const std::function<int()>& act) {
  if (::unshare(CLONE_NEWNS) != 0) return 251;
  return act();
}

inline void make_file(const std::string& path) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  std::ofstream(path) << "text";
}

inline void make_files(const SubjectContainer& container) {
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
inline void protect(SubjectContainer& container) {
  const std::string& root = container.root();
  container.file(root + "/sbin", SL_FILE_TREE | SL_FILE_ENTRY);
  container.file(root + "/etc/conf", SL_FILE_TREE | SL_FILE_ENTRY);
  container.file(root + "/etc/conf/run", SL_FILE_EXCEPT);
  // As a subject's own program has it, whatever its name.
  container.file(root + "/etc/single", SL_FILE_SELF | SL_FILE_ENTRY);
  container.file(root + "/free/link", SL_FILE_SELF);
  for (const char* above : {"", "/etc", "/way"}) container.file(root + above, SL_FILE_ENTRY);
}

inline int with_policy(const Act& act, std::uint64_t* denials = nullptr) {
  SubjectContainer container("protected");
  make_files(container);
  protect(container);
  container.enforce();
  const int done = container.run_here([&] { return act(container.root()); });
  if (denials != nullptr) *denials = container.denials(SL_REASON_FILE);
  return done;
}

inline int without(const Act& act) {
  SubjectContainer container("plain");
  make_files(container);
  const int done = container.run_here([&] { return act(container.root()); });
  ::umount2("/mnt", MNT_DETACH);  // what was moved there
  return done;
}

inline void expect_refused(const std::vector<Way>& ways) {
  for (const Way& way : ways) {
    EXPECT_EQ(without(way.act), 0) << way.name;
    std::uint64_t denials = 0;
    EXPECT_EQ(with_policy(way.act, &denials), EPERM) << way.name;
    EXPECT_GE(denials, 1U) << way.name;
  }
}

}  // namespace socklid::test
