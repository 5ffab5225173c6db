// SPDX-License-Identifier: Apache-2.0
//
// What is pinned was pinned by another version, with other maps. Fails when looking at it or
// removing it is an error, reads past the end of a value, or loses a counter or a map that it has.
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "guard/guard.hpp"
#include "guard/pins.hpp"

namespace socklid::test {
namespace {

constexpr const char* other_hash = "0123456789abcdef";
constexpr std::uint64_t cgroup_id = 4711;

std::uint64_t possible_cpus() {
  return static_cast<std::uint64_t>(std::max(libbpf_num_possible_cpus(), 1));
}

class OtherBuild : public testing::Test {
 protected:
  void SetUp() override {
    for (const std::string& path :
         {std::string(bpffs_root), pins::root(), pins::directory(other_hash)}) {
      ASSERT_TRUE(::mkdir(path.c_str(), 0700) == 0 || errno == EEXIST) << path;
    }
  }
  void TearDown() override {
    EXPECT_TRUE(SocketGuard::unload(other_hash, "/sys/fs/cgroup"));
    EXPECT_NE(::access(pins::directory(other_hash).c_str(), F_OK), 0);
  }

  static UniqueFd make(const char* pin, bpf_map_type type, std::uint32_t key, std::uint32_t value) {
    LIBBPF_OPTS(bpf_map_create_opts, options);
    if (type == BPF_MAP_TYPE_LPM_TRIE) options.map_flags = BPF_F_NO_PREALLOC;
    UniqueFd map(bpf_map_create(type, "other", key, value, 16, &options));
    EXPECT_TRUE(map) << std::strerror(errno);
    const std::string path = pins::directory(other_hash) + "/" + pin;
    EXPECT_EQ(bpf_obj_pin(map.get(), path.c_str()), 0) << path;
    return map;
  }

  static SocketGuard find() {
    auto guard = SocketGuard::find(other_hash);
    if (!guard || !*guard) std::abort();
    return std::move(**guard);
  }

  /// An entry whose first counter is 1 on each CPU, and whose others are 2.
  static void count(const UniqueFd& denials, std::size_t counters) {
    const std::uint64_t cpus = possible_cpus();
    std::vector<std::uint64_t> values(counters * cpus, 2);
    for (std::size_t cpu = 0; cpu < cpus; ++cpu) values[cpu * counters] = 1;
    EXPECT_EQ(bpf_map_update_elem(denials.get(), &cgroup_id, values.data(), BPF_ANY), 0);
  }
};

TEST_F(OtherBuild, WithoutAnyMapHasNothingToTell) {
  const SocketGuard guard = find();
  EXPECT_EQ(guard.denials(cgroup_id)->count[1], 0u);
  EXPECT_FALSE(guard.read_seal(cgroup_id)->has_value());
  EXPECT_TRUE(guard.known_cgroups()->empty());
  EXPECT_TRUE(guard.forget(cgroup_id));
}

TEST_F(OtherBuild, WithMoreCountersTellsThoseWeKnow) {
  const std::size_t counters = SL_REASON_COUNT + 40;
  const UniqueFd denials =
      make(pins::denials, BPF_MAP_TYPE_PERCPU_HASH, 8, static_cast<std::uint32_t>(counters * 8));
  count(denials, counters);
  const SocketGuard guard = find();
  const std::uint64_t cpus = possible_cpus();
  const auto counted = guard.denials(cgroup_id);
  ASSERT_TRUE(counted) << counted.error().message;
  EXPECT_EQ(counted->count[0], cpus);
  EXPECT_EQ(counted->count[SL_REASON_COUNT - 1], 2 * cpus);
  EXPECT_TRUE(guard.forget(cgroup_id));
  EXPECT_TRUE(guard.known_cgroups()->empty());
}

TEST_F(OtherBuild, WithFewerCountersTellsThoseItHas) {
  const UniqueFd denials = make(pins::denials, BPF_MAP_TYPE_PERCPU_HASH, 8, 16);
  count(denials, 2);
  const auto counted = find().denials(cgroup_id);
  ASSERT_TRUE(counted) << counted.error().message;
  EXPECT_EQ(counted->count[1], 2 * possible_cpus());
  EXPECT_EQ(counted->count[2], 0u);
}

TEST_F(OtherBuild, WithListsAndKeysOfAnotherLayoutIsLeftAlone) {
  const UniqueFd prefixes = make(pins::prefixes, BPF_MAP_TYPE_LPM_TRIE, 64, 200);
  const UniqueFd policies = make(pins::policies_by_cgroup, BPF_MAP_TYPE_HASH, 200, 8);
  const std::vector<char> key(200, 1);
  const std::uint64_t value = 0;
  EXPECT_EQ(bpf_map_update_elem(policies.get(), key.data(), &value, BPF_ANY), 0);
  const SocketGuard guard = find();
  EXPECT_TRUE(guard.known_cgroups()->empty());
  EXPECT_TRUE(guard.forget(cgroup_id));
}

TEST_F(OtherBuild, WithMapsOfFormerNamesHasThem) {
  const UniqueFd policies =
      make("map_guards", BPF_MAP_TYPE_HASH, sizeof(cgroup_id), sizeof(sl_policy));
  const UniqueFd prefixes =
      make("map_places", BPF_MAP_TYPE_LPM_TRIE, sizeof(sl_prefix_key), sizeof(sl_prefix));
  make(pins::ports, BPF_MAP_TYPE_LPM_TRIE, sizeof(sl_port_key), sizeof(__u32));
  make(pins::denials, BPF_MAP_TYPE_PERCPU_HASH, 8, sizeof(sl_denials));
  make(pins::seals, BPF_MAP_TYPE_HASH, 8, sizeof(sl_seal));
  sl_policy policy{};
  policy.cgroup_id = cgroup_id;
  policy.mark = 3;
  ASSERT_EQ(bpf_map_update_elem(policies.get(), &cgroup_id, &policy, BPF_ANY), 0);
  sl_prefix_key first{};  // what a container's lists are found by
  first.bits = (sizeof(first) - sizeof(first.bits)) * 8;
  first.cgroup_id = cgroup_id;
  const sl_prefix size{};
  ASSERT_EQ(bpf_map_update_elem(prefixes.get(), &first, &size, BPF_ANY), 0);

  const SocketGuard guard = find();
  EXPECT_THAT(guard.missing_maps(),
              testing::ElementsAre(pins::policies, pins::packet_policies, pins::joins, pins::tasks,
                                   pins::task_counts, pins::files, pins::named, pins::devices,
                                   pins::subjects, pins::subject_denials, pins::subject_runs));
  const auto found = guard.read_node_wide_policy(cgroup_id);
  ASSERT_TRUE(found && *found);
  EXPECT_EQ((*found)->mark, 3u);
  EXPECT_THAT(*guard.known_cgroups(), testing::ElementsAre(cgroup_id));
  const auto use = guard.map_use();
  ASSERT_TRUE(use) << use.error().message;
  EXPECT_EQ(use->at(3).used, 1u);

  EXPECT_TRUE(guard.forget(cgroup_id));
  EXPECT_TRUE(guard.known_cgroups()->empty());
  sl_prefix value{};
  EXPECT_NE(bpf_map_lookup_elem(prefixes.get(), &first, &value), 0);
}

/// What follows a container's own entries is not its own.
TEST_F(OtherBuild, IsLeftWithTheListsOfOtherContainers) {
  const UniqueFd prefixes =
      make(pins::prefixes, BPF_MAP_TYPE_LPM_TRIE, sizeof(sl_prefix_key), sizeof(sl_prefix));
  const auto add = [&](std::uint64_t cgroup) {
    sl_prefix_key first{};
    first.bits = (sizeof(first) - sizeof(first.bits)) * 8;
    first.cgroup_id = cgroup;
    const sl_prefix size{};
    EXPECT_EQ(bpf_map_update_elem(prefixes.get(), &first, &size, BPF_ANY), 0);
    return first;
  };
  const sl_prefix_key ours = add(cgroup_id);
  const sl_prefix_key others = add(cgroup_id + 1);
  EXPECT_TRUE(find().forget(cgroup_id));
  sl_prefix value{};
  EXPECT_NE(bpf_map_lookup_elem(prefixes.get(), &ours, &value), 0);
  EXPECT_EQ(bpf_map_lookup_elem(prefixes.get(), &others, &value), 0);
}

}  // namespace
}  // namespace socklid::test
