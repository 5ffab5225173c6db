// SPDX-License-Identifier: Apache-2.0
//
// Fails if work in a child returns something else than it did here, or keeps us past its deadline,
// and if a program that does it ends in a way that is taken for success, or told without its name.
#include "system/child.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

namespace socklid {
namespace {

TEST(Child, ReturnsWhatItsWorkDoes) {
  EXPECT_TRUE(in_child([] { return Result<>{}; }));
  const auto failed = in_child([]() -> Result<> { return fail(Exit::nft, "no"); });
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().exit, Exit::nft);
  EXPECT_EQ(failed.error().message, "no");
}

TEST(Child, IsWaitedForWhereOurParentIgnoresItsOwn) {
  (void)::signal(SIGCHLD, SIG_IGN);
  const auto done = in_child([] { return Result<>{}; });
  EXPECT_TRUE(done) << done.error().message;
}

TEST(Child, KeepsNobodyWaiting) {
  const auto started = Deadline::after_seconds(30);
  const auto given_up = in_child(
      []() -> Result<> {
        while (true) ::pause();
      },
      Deadline::after_milliseconds(50));
  ASSERT_FALSE(given_up);
  EXPECT_EQ(given_up.error().exit, Exit::busy);
  EXPECT_GT(started.milliseconds_left(), 0);
}

Result<> shell(std::string_view script) {
  return in_program("/bin/sh", {"-c", script});
}

TEST(Program, ReturnsWhatItsExitStatusSays) {
  EXPECT_TRUE(shell("echo of no concern"));
  const auto failed = shell("printf 'no room'; exit 20");
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().exit, Exit::bpf);
  EXPECT_EQ(failed.error().message, "no room");
}

TEST(Program, HasNoEnvironment) {
  const auto told = shell("printf %s \"[$HOME]\"; exit 20");
  ASSERT_FALSE(told);
  EXPECT_EQ(told.error().message, "[]");
}

// As the loader of shared libraries does, on standard error.
TEST(Program, ThatDoesNotRunIsNamedWithWhatItSaid) {
  const auto failed = shell("echo no libbpf.so.1 >&2; exit 127");
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().exit, Exit::internal);
  EXPECT_NE(failed.error().message.find("/bin/sh did not run"), std::string::npos);
  EXPECT_NE(failed.error().message.find("no libbpf.so.1"), std::string::npos);
}

TEST(Program, ThatIsKilledHasFailed) {
  const auto killed = shell("kill -KILL $$");
  ASSERT_FALSE(killed);
  EXPECT_EQ(killed.error().exit, Exit::internal);
  EXPECT_NE(killed.error().message.find("signal 9"), std::string::npos);
}

TEST(Program, ThatIsMissingIsNamed) {
  const auto failed = in_program(*path_beside("no-such-program"), {});
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().exit, Exit::internal);
  EXPECT_NE(failed.error().message.find("/no-such-program, which belongs to socklid"),
            std::string::npos);
}

}  // namespace
}  // namespace socklid
