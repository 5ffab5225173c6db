// SPDX-License-Identifier: Apache-2.0
//
// Whose memory the node's maps are. Fails when the one who loads the programs pays for the lists of
// all containers: then its limit refuses them.
#include <bpf/bpf.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <fstream>

#include "annotations/parser.hpp"
#include "guard/guard.hpp"
#include "plan/endpoint_lists.hpp"
#include "tests/kernel/cgroup_fixture.hpp"

namespace socklid::test {
namespace {

const std::string mount = "/sys/fs/cgroup";
constexpr std::uint64_t other_cgroup = 4711;
constexpr std::uint64_t little = 512 * 1024;

void write_to(const std::string& path, const std::string& text) {
  std::ofstream file(path);
  file << text << std::flush;
  ASSERT_TRUE(file) << path << ": " << std::strerror(errno);
}

std::uint64_t memory_of(const TestCgroup& cgroup) {
  std::ifstream file(cgroup.path() + "/memory.current");
  std::uint64_t bytes = 0;
  file >> bytes;
  EXPECT_TRUE(file) << "no memory controller";
  return bytes;
}

/// A list whose entries take far more than `little`.
Plan long_list() {
  annotations::Policy policy;
  policy.connect.emplace();
  for (std::uint32_t i = 0; i < 20000; i++) {
    const annotations::Prefix prefix{
        annotations::AddressFamily::ipv4,
        {10, static_cast<std::uint8_t>(i >> 8), static_cast<std::uint8_t>(i), 1},
        32};
    policy.connect->push_back({annotations::Protocol::tcp, {443, 443}, prefix});
  }
  Plan plan = compile(policy);
  plan.hooks = {};
  return plan;
}

class MapMemory : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(SocketGuard::unload(object_hash(), mount));
    write_to(mount + "/cgroup.subtree_control", "+memory");
    write_to(mount + "/socklid_test/cgroup.subtree_control", "+memory");
  }
  void TearDown() override { EXPECT_TRUE(SocketGuard::unload(object_hash(), mount)); }

  TestCgroup loader_{"loader"};
};

TEST_F(MapMemory, IsTheNodesWhoeverLoads) {
  ASSERT_EQ(loader_.run([] { return SocketGuard::open({}, mount) ? 0 : 1; }), 0);
  const std::uint64_t before = memory_of(loader_);
  write_to(loader_.path() + "/memory.max", std::to_string(before + little));
  const auto guard = SocketGuard::open({}, mount);
  ASSERT_TRUE(guard) << guard.error().message;
  const auto written = guard->write_policy({other_cgroup, 0, 0}, long_list());
  EXPECT_TRUE(written) << written.error().message;
  EXPECT_LT(memory_of(loader_), before + little / 2);
  EXPECT_TRUE(guard->forget(other_cgroup));
}

/// What the lists of one pod's author may take is far from all: 110 pods of four containers each.
TEST_F(MapMemory, ListsOfFiveHundredContainersFit) {
  const auto guard = SocketGuard::open({}, mount);
  ASSERT_TRUE(guard) << guard.error().message;
  std::size_t lists = 0;
  const std::vector<MapUse> uses = guard->map_use().value();
  for (const MapUse& use : uses) {
    if (use.what != "addresses" && use.what != "port ranges") continue;
    ++lists;
    EXPECT_GE(use.limit, 500 * max_list_entries) << use.what;
  }
  EXPECT_EQ(lists, 2U);
}

/// That IsTheNodesWhoeverLoads would see it: entries count where the map was made.
TEST_F(MapMemory, OfAMapIsItsMakers) {
  const std::string pin = std::string(bpffs_root) + "_memory_test";
  ASSERT_EQ(loader_.run([&] {
    LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_NO_PREALLOC);
    const UniqueFd map(
        bpf_map_create(BPF_MAP_TYPE_HASH, "memory", sizeof(std::uint32_t), 64, 50000, &options));
    return map && bpf_obj_pin(map.get(), pin.c_str()) == 0 ? 0 : 1;
  }),
            0);
  const UniqueFd map(bpf_obj_get(pin.c_str()));
  EXPECT_EQ(::unlink(pin.c_str()), 0);
  const std::uint64_t before = memory_of(loader_);
  const std::array<char, 64> value{};
  for (std::uint32_t key = 0; key < 20000; key++) {
    if (bpf_map_update_elem(map.get(), &key, value.data(), BPF_ANY) != 0) break;
  }
  EXPECT_GT(memory_of(loader_), before + little);
}

}  // namespace
}  // namespace socklid::test
