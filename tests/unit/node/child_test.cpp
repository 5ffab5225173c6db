// SPDX-License-Identifier: Apache-2.0
//
// Fails if work in a child returns something else than it did here, or keeps us past its deadline.
#include "hook/child.hpp"

#include <gtest/gtest.h>
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

}  // namespace
}  // namespace socklid
