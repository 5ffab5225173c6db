// SPDX-License-Identifier: Apache-2.0
//
// Fails if a namespace that others use is taken for the container's own (I6, D6), or if removal
// would not find a namespace that is still there.
#include "node/netns.hpp"
#include "guard/find_netns.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include "system/privileges.hpp"
#include "system/process.hpp"

namespace socklid {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(Netns, IsHostBeforeAnythingElse) {
  EXPECT_EQ(classify(5, {5, 6}, true), NetnsKind::host);
  EXPECT_EQ(classify(6, {5, 6}, false), NetnsKind::host);
}

TEST(Netns, IsSharedInAPodAndElseOwn) {
  EXPECT_EQ(classify(7, {5, 6}, true), NetnsKind::shared);
  EXPECT_EQ(classify(7, {5, 6}, false), NetnsKind::own);
}

TEST(RulesOwner, IsReadFromTheComment) {
  EXPECT_EQ(parse_rules_owner("container web cgroup 4711"), (RulesOwner{"web", 4711}));
  EXPECT_EQ(parse_rules_owner("container web cgroup 0x1f"), (RulesOwner{"web", 31}));
  for (const char* other : {"", "container web", "container web cgroup", "container web cgroup x",
                            "container web cgroup 12x", "container a b cgroup 1", "my own table"}) {
    EXPECT_EQ(parse_rules_owner(other), std::nullopt) << other;
  }
}

TEST(NetnsMounts, AreFoundByInode) {
  const auto mounts = parse_mountinfo(
      "40 26 0:4 net:[4026532145] /run/netns/a rw shared:5 - nsfs nsfs rw\n"
      "41 26 0:4 net:[4026532146] /run/netns/b rw shared:5 - nsfs nsfs rw\n"
      "42 26 0:4 mnt:[4026532145] /run/mntns/a rw shared:5 - nsfs nsfs rw\n"
      "43 26 0:4 net:[4026532145] /run/net\\040ns/c rw shared:5 - nsfs nsfs rw\n");
  EXPECT_THAT(netns_mounts(mounts, 4026532145), ElementsAre("/run/netns/a", "/run/net ns/c"));
}

TEST(MountInfo, SaysWhichAreShared) {
  const auto mounts = parse_mountinfo(
      "40 26 8:1 / / rw master:1 shared:5 - ext4 /dev/sda1 rw\n"
      "41 40 8:2 / /a rw master:1 - ext4 /dev/sda2 rw\n"
      "42 40 8:2 / /shared:1 rw - ext4 shared:1 rw\n");
  ASSERT_EQ(mounts.size(), 3U);
  EXPECT_TRUE(mounts[0].is_shared);
  EXPECT_FALSE(mounts[1].is_shared);
  EXPECT_FALSE(mounts[2].is_shared);
}

TEST(FindNetns, FindsThatOfAProcessAndNoOther) {
  const auto self = ContainerProcess::open(::getpid());
  ASSERT_TRUE(self);
  const std::uint64_t inode = open_netns(*self)->inode;
  const auto found = find_netns(inode);
  ASSERT_TRUE(found) << found.error().message;
  ASSERT_TRUE(found->has_value());
  EXPECT_EQ((*found)->inode, inode);
  EXPECT_FALSE(find_netns(1)->has_value());
}

TEST(Process, IsHeldUntilItEnds) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::pause();
    ::_exit(0);
  }
  const auto process = ContainerProcess::open(child);
  ASSERT_TRUE(process) << process.error().message;
  EXPECT_TRUE(process->check_same());
  EXPECT_THAT(process->read("cgroup").value(), HasSubstr(":/"));
  ::kill(child, SIGKILL);
  siginfo_t ended{};
  ::waitid(P_PID, static_cast<id_t>(child), &ended, WEXITED | WNOWAIT);
  ASSERT_FALSE(process->check_same());  // a zombie
  EXPECT_EQ(process->check_same().error().exit, Exit::process);
  ::waitpid(child, nullptr, 0);
  EXPECT_FALSE(process->check_same());  // gone
  EXPECT_FALSE(process->read("cgroup"));
  const auto again = ContainerProcess::open(child);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().exit, Exit::process);
}

TEST(Process, StartTimeIsFieldTwentyTwo) {
  const std::string rest = " S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 8150 20 21\n";
  EXPECT_EQ(parse_start_time("7 (sh)" + rest).value(), 8150U);
  EXPECT_EQ(parse_start_time("7 (a) S 1 (b)" + rest).value(), 8150U);
  EXPECT_FALSE(parse_start_time("7 (sh) S 1 2"));
  EXPECT_FALSE(parse_start_time(""));
}

TEST(Privileges, InitialUserNamespaceMapsEveryIdToItself) {
  EXPECT_TRUE(is_initial_user_namespace("         0          0 4294967295\n"));
  EXPECT_FALSE(is_initial_user_namespace("         0       1000          1\n"));
  EXPECT_FALSE(is_initial_user_namespace("         0          0 1\n"));
  EXPECT_FALSE(is_initial_user_namespace("0 0 100\n100 100 4294967195\n"));
  EXPECT_FALSE(is_initial_user_namespace(""));
}

}  // namespace
}  // namespace socklid
