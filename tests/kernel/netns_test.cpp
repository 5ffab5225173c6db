// SPDX-License-Identifier: Apache-2.0
//
// Fails if the host's namespace is not known for what it is, or if a visit to another namespace
// does not end where it began.
#include "node/netns.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include "system/process.hpp"

namespace socklid {
namespace {

TEST(HostNetns, HoldsOurOwn) {
  const auto host = host_netns();
  ASSERT_TRUE(host) << host.error().message;
  const auto self = ContainerProcess::open(::getpid());
  ASSERT_TRUE(self) << self.error().message;
  EXPECT_THAT(*host, testing::Contains(open_netns(*self)->inode));
}

TEST(NetnsGuard, ComesBack) {
  const auto self = ContainerProcess::open(::getpid());
  ASSERT_TRUE(self);
  const std::uint64_t home = open_netns(*self)->inode;
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const char outcome = ::unshare(CLONE_NEWNET) == 0 ? '1' : '0';
    (void)!::write(ends[1], &outcome, 1);
    ::pause();
    ::_exit(0);
  }
  char outcome = '0';
  ASSERT_EQ(::read(ends[0], &outcome, 1), 1);
  EXPECT_EQ(outcome, '1') << "needs CAP_SYS_ADMIN";
  if (outcome == '1') {
    const auto process = ContainerProcess::open(child);
    ASSERT_TRUE(process) << process.error().message;
    const auto away = open_netns(*process);
    ASSERT_TRUE(away) << away.error().message;
    EXPECT_NE(away->inode, home);
    {
      const auto inside = NetnsGuard::enter(*away);
      ASSERT_TRUE(inside) << inside.error().message;
      EXPECT_EQ(open_netns(*self)->inode, away->inode);
    }
    EXPECT_EQ(open_netns(*self)->inode, home);
  }
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  ::close(ends[0]);
  ::close(ends[1]);
}

}  // namespace
}  // namespace socklid
