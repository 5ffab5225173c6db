// SPDX-License-Identifier: Apache-2.0
//
// What the verifier has to follow before a program may run: a node's first container waits for it,
// and one that grows past a million instructions does not load at all. Fails when a change makes it
// follow one loop's turns, or one function's callers, each by itself.
#include <gtest/gtest.h>
#include <linux/bpf.h>

#include <cstdio>

#include "guard/guard.hpp"
#include "guard/pins.hpp"
#include "system/bpf_calls.hpp"

namespace socklid::test {
namespace {

const std::string mount = "/sys/fs/cgroup";

/// bpf_prog_info.verified_insns, linux/bpf.h; 0 if the program is not there.
std::uint32_t verified(const std::string& pin) {
  const UniqueFd program(bpf::get(pin));
  bpf_prog_info about{};
  if (!program || bpf::info(program.get(), about) != 0) return 0;
  return about.verified_insns;
}

TEST(LoadCost, IsSmallForEveryProgram) {
  constexpr std::uint32_t of_one = 100'000, of_socket_calls = 40'000, of_all = 1'000'000;
  ASSERT_TRUE(SocketGuard::unload(object_hash(), mount));
  const auto guard = SocketGuard::open({}, mount);
  ASSERT_TRUE(guard) << guard.error().message;
  std::uint32_t sum = 0;
  for (const Hook hook : every_hook()) {
    const std::string pin = pins::directory(object_hash()) + "/" + pins::program(hook);
    const std::uint32_t count = verified(pin);
    sum += count;
    if (row_of(hook).is_newer && count == 0) continue;
    EXPECT_GT(count, 0U) << name(hook);
    EXPECT_LT(count, name(hook).starts_with("socket_") ? of_socket_calls : of_one) << name(hook);
  }
  std::printf("%u instructions are verified\n", sum);
  EXPECT_LT(sum, of_all);
  EXPECT_TRUE(SocketGuard::unload(object_hash(), mount));
}

}  // namespace
}  // namespace socklid::test
