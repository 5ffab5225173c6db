// SPDX-License-Identifier: Apache-2.0
//
// Fails if the mounted cgroup2 is not found, or a cgroup that is gone is taken for one that is
// there.
#include "node/cgroup.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>

namespace socklid {
namespace {

TEST(OpenCgroup, GivesTheInodeAsId) {
  const auto mount = find_cgroup_mount();
  ASSERT_TRUE(mount) << mount.error().message;
  const auto cgroup = open_cgroup(*mount, mount->root);
  ASSERT_TRUE(cgroup) << cgroup.error().message;
  EXPECT_NE(cgroup->id, 0U);
}

/// A cgroup of the test's own, removed with it.
class OwnCgroup : public testing::Test {
 protected:
  void SetUp() override {
    const auto mount = find_cgroup_mount();
    ASSERT_TRUE(mount) << mount.error().message;
    path_ = mount->point + "/socklid.test." + std::to_string(::getpid());
    ASSERT_EQ(::mkdir(path_.c_str(), 0755), 0) << std::strerror(errno);
    mount_.reset(::open(mount->point.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    const UniqueFd directory(::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    id_ = cgroup_id(directory.get()).value();
  }
  void TearDown() override { ::rmdir(path_.c_str()); }

  std::string path_;
  UniqueFd mount_;
  std::uint64_t id_{0};
};

TEST_F(OwnCgroup, IsFoundByItsIdWhileItIsThere) {
  EXPECT_TRUE(open_cgroup_by_id(mount_.get(), id_).value());
  EXPECT_EQ(cgroup_liveness(mount_.get(), id_).value(), Liveness::empty);
  EXPECT_EQ(cgroup_liveness(mount_.get(), 1).value(), Liveness::populated) << "the root";
  EXPECT_EQ(cgroup_liveness(mount_.get(), id_ + 1'000'000).value(), Liveness::gone);
  ASSERT_EQ(::rmdir(path_.c_str()), 0);
  EXPECT_EQ(cgroup_liveness(mount_.get(), id_).value(), Liveness::gone);
}

TEST_F(OwnCgroup, IsNotGoneBehindAMount) {
  ASSERT_EQ(::unshare(CLONE_NEWNS), 0);
  ASSERT_EQ(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0);
  ASSERT_EQ(::mount("tmpfs", path_.c_str(), "tmpfs", 0, nullptr), 0);
  EXPECT_EQ(cgroup_liveness(mount_.get(), id_).value(), Liveness::empty);
  ASSERT_EQ(::umount(path_.c_str()), 0);
}

TEST_F(OwnCgroup, IsNotGoneInAnotherCgroupNamespace) {
  ASSERT_EQ(::unshare(CLONE_NEWCGROUP), 0);
  EXPECT_EQ(cgroup_liveness(mount_.get(), id_).value(), Liveness::empty);
}

}  // namespace
}  // namespace socklid
