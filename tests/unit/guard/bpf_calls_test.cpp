// SPDX-License-Identifier: Apache-2.0
//
// Fails if the possible CPUs are miscounted, which per-CPU maps are read and written by: one too
// few would have the kernel write past the end of what it is given.
#include "system/bpf_calls.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

namespace socklid::bpf {
namespace {

TEST(Cpus, AreCountedByRangesAndNumbers) {
  EXPECT_EQ(count_cpus("0\n"), 1U);
  EXPECT_EQ(count_cpus("0-3\n"), 4U);
  EXPECT_EQ(count_cpus("0-3,8,10-11\n"), 7U);
  EXPECT_EQ(count_cpus("0-8191"), 8192U);
}

TEST(Cpus, OfWhatIsNoListAreNone) {
  for (const char* const list : {"", "\n", "-", "3-1", "0-", "-3", "0,,1", "0-3,x", "all"}) {
    EXPECT_EQ(count_cpus(list), 0U) << list;
  }
}

// Where it is, each call says what the kernel says: here that it is no descriptor of bpf(2)'s.
TEST(Calls, OfWhatIsNoObjectFail) {
  bpf_map_info about{};
  EXPECT_EQ(info(STDIN_FILENO, about), -1);
  EXPECT_EQ(get("/no/such/pin"), -1);
}

}  // namespace
}  // namespace socklid::bpf
