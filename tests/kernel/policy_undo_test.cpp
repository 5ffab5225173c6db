// SPDX-License-Identifier: Apache-2.0
//
// Writing a policy in maps where one step does not fit, each step in turn, for a new container and
// for one that has a policy. Fails when anything is in the maps afterwards that was not there
// before, or anything is missing (I2), or when no error tells of it.
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <map>

#include "annotations/parser.hpp"
#include "guard/guard.hpp"
#include "guard/maps.hpp"
#include "guard/pins.hpp"

namespace socklid::test {
namespace {

constexpr const char* made_up_hash = "00000000000000ff";
constexpr std::uint64_t ours = 4711;
constexpr std::uint64_t other = 4712;

enum class Map {
  denials,
  seals,
  ports,
  prefixes,
  policies_by_cgroup,
  policies,
  subjects,
  subject_denials,
  files,
  named,
  devices
};

struct Layout {
  const char* pin;
  bpf_map_type type;
  std::uint32_t key;
  std::uint32_t value;
};
Layout layout(Map map) {
  switch (map) {
    case Map::denials:
      return {pins::denials, BPF_MAP_TYPE_PERCPU_HASH, 8, sizeof(sl_denials)};
    case Map::seals:
      return {pins::seals, BPF_MAP_TYPE_HASH, 8, sizeof(sl_seal)};
    case Map::ports:
      return {pins::ports, BPF_MAP_TYPE_LPM_TRIE, sizeof(sl_port_key), sizeof(__u32)};
    case Map::prefixes:
      return {pins::prefixes, BPF_MAP_TYPE_LPM_TRIE, sizeof(sl_prefix_key), sizeof(sl_prefix)};
    case Map::policies_by_cgroup:
      return {pins::policies_by_cgroup, BPF_MAP_TYPE_HASH, 8, sizeof(sl_policy)};
    case Map::policies:
      return {pins::policies, BPF_MAP_TYPE_CGROUP_STORAGE, 8, sizeof(sl_policy)};
    case Map::subjects:
      return {pins::subjects, BPF_MAP_TYPE_HASH, sizeof(sl_subject_key), sizeof(sl_subject)};
    case Map::subject_denials:
      return {pins::subject_denials, BPF_MAP_TYPE_PERCPU_HASH, sizeof(sl_subject_key),
              sizeof(sl_denials)};
    case Map::files:
      return {pins::files, BPF_MAP_TYPE_HASH, sizeof(sl_file_key), sizeof(sl_file)};
    case Map::named:
      return {pins::named, BPF_MAP_TYPE_HASH, sizeof(sl_named_key), sizeof(__u32)};
    case Map::devices:
      return {pins::devices, BPF_MAP_TYPE_HASH, sizeof(__u32), sizeof(__u32)};
  }
  return {};
}
constexpr Map every_map[] = {Map::denials,         Map::seals,    Map::ports,
                             Map::prefixes,        Map::policies, Map::policies_by_cgroup,
                             Map::subjects,        Map::files,    Map::named,
                             Map::subject_denials, Map::devices};
constexpr Map maps_of_subjects[] = {Map::subjects, Map::subject_denials, Map::files, Map::named,
                                    Map::devices};

/// `count` addresses with a port each; sealed by hand.
Plan plan_of(int count, Hooks hooks) {
  std::string list;
  for (int i = 1; i <= count; i++) {
    list += "tcp/" + std::to_string(i) + "@10.0.0." + std::to_string(i) + " ";
  }
  const auto policy =
      annotations::parse({{"io.socklid.connect", list}, {"io.socklid.seal", "manual"}});
  EXPECT_TRUE(policy) << policy.error().message;
  Plan plan = compile(*policy);
  plan.hooks = std::move(hooks);
  return plan;
}

/// A container with `count` subjects, each with a file on a file system of its own and a name.
GuardedContainer with_subjects(std::uint64_t cgroup, std::uint32_t count) {
  GuardedContainer container{.cgroup_id = cgroup};
  for (std::uint32_t i = 0; i < count; i++) {
    const FileNumber file{.inode = cgroup + i,
                          .device = static_cast<std::uint32_t>(cgroup * 100) + i};
    container.looked_up.files.push_back({.number = file, .subjects = 1u << i, .flags = 0});
    container.looked_up.named.push_back(
        {.directory = file, .name = "program", .subjects = 1u << i});
  }
  return container;
}

Plan plan_with_subjects(std::uint32_t count) {
  annotations::Annotations given;
  for (std::uint32_t i = 0; i < count; i++) {
    given["io.socklid.subject.s" + std::to_string(i)] =
        "/bin/program" + std::to_string(i) + " bind=deny";
  }
  const auto policy = annotations::parse(given);
  EXPECT_TRUE(policy) << policy.error().message;
  Plan plan = compile(*policy);
  plan.hooks.clear();
  return plan;
}

using Bytes = std::vector<char>;
using Content = std::map<Bytes, std::vector<Bytes>>;

class Undo : public testing::Test {
 protected:
  void SetUp() override {
    for (const std::string& path :
         {std::string(bpffs_root), pins::root(), pins::directory(made_up_hash)}) {
      ASSERT_TRUE(::mkdir(path.c_str(), 0700) == 0 || errno == EEXIST) << path;
    }
  }
  void TearDown() override { EXPECT_TRUE(SocketGuard::unload(made_up_hash, "/sys/fs/cgroup")); }

  /// All maps, of which `small` has room for `entries`.
  void make_maps(Map small, std::uint32_t entries) {
    for (const Map map : every_map) {
      const Layout of = layout(map);
      LIBBPF_OPTS(bpf_map_create_opts, options);
      if (of.type == BPF_MAP_TYPE_LPM_TRIE) options.map_flags = BPF_F_NO_PREALLOC;
      std::uint32_t room = map == small ? entries : 1000;
      if (map == Map::policies) room = 0;  // as the kernel wants it
      maps_[map].reset(bpf_map_create(of.type, "undo", of.key, of.value, room, &options));
      ASSERT_TRUE(maps_[map]) << of.pin << ": " << std::strerror(errno);
      const std::string path = pins::directory(made_up_hash) + "/" + of.pin;
      ASSERT_EQ(bpf_obj_pin(maps_[map].get(), path.c_str()), 0) << path;
    }
  }

  /// Cgroup storage is made with a link; without one an update fails, and there is nothing to see.
  std::map<Map, Content> content() {
    std::map<Map, Content> all;
    for (const Map map : every_map) {
      if (map == Map::policies) continue;
      Bytes key;
      Bytes next(layout(map).key);
      const int fd = maps_[map].get();
      while (bpf_map_get_next_key(fd, key.empty() ? nullptr : key.data(), next.data()) == 0) {
        key = next;
        all[map][key] = value_of(map, key);
      }
      EXPECT_EQ(errno, ENOENT);
    }
    return all;
  }

  static SocketGuard guard() {
    auto guard = SocketGuard::find(made_up_hash);
    if (!guard || !*guard) std::abort();
    return std::move(**guard);
  }

  /// Nothing has changed, and it is an error.
  void fails_and_changes_nothing(const Plan& plan, const GuardedContainer& container = {ours}) {
    const auto before = content();
    const auto written = guard().write_policy(container, plan);
    ASSERT_FALSE(written);
    EXPECT_FALSE(written.error().message.empty());
    EXPECT_TRUE(content() == before) << written.error().message;
  }

 private:
  std::vector<Bytes> value_of(Map map, const Bytes& key) {
    if (layout(map).key == sizeof(std::uint64_t)) {
      std::uint64_t id = 0;
      std::memcpy(&id, key.data(), sizeof(id));
      const auto raw = RawMap::of(UniqueFd(::dup(maps_[map].get())));
      EXPECT_TRUE(raw);
      return raw->find(&id).value_or(std::vector<Bytes>{});
    }
    const bool per_cpu = layout(map).type == BPF_MAP_TYPE_PERCPU_HASH;
    Bytes value(layout(map).value *
                static_cast<std::size_t>(per_cpu ? libbpf_num_possible_cpus() : 1));
    EXPECT_EQ(bpf_map_lookup_elem(maps_[map].get(), key.data(), value.data()), 0);
    return {value};
  }

  std::map<Map, UniqueFd> maps_;
};

class NewContainer : public Undo, public testing::WithParamInterface<Map> {};
TEST_P(NewContainer, ThatDoesNotFitLeavesNothing) {
  const Map small = GetParam();
  const bool is_hash =
      small == Map::denials || small == Map::seals || small == Map::policies_by_cgroup;
  // A hash is full with the other container, a trie has room for half of ours.
  make_maps(small, is_hash ? 1 : 15);
  const bool storage = small == Map::policies;
  ASSERT_TRUE(guard().write_policy({other, 0, 0}, plan_of(5, {})));
  fails_and_changes_nothing(plan_of(20, storage ? Hooks{Hook::socket_connect} : Hooks{}));
}
INSTANTIATE_TEST_SUITE_P(EveryMap, NewContainer,
                         testing::Values(Map::denials, Map::seals, Map::ports, Map::prefixes,
                                         Map::policies_by_cgroup, Map::policies));

class Subjects : public Undo, public testing::WithParamInterface<Map> {};
TEST_P(Subjects, ThatDoNotFitLeaveNothing) {
  make_maps(GetParam(), 5);
  ASSERT_TRUE(guard().write_policy(with_subjects(other, 3), plan_with_subjects(3)));
  fails_and_changes_nothing(plan_with_subjects(4), with_subjects(ours, 4));
}
TEST_P(Subjects, ThatDoNotFitLeaveThoseThatWereThere) {
  make_maps(GetParam(), 5);
  ASSERT_TRUE(guard().write_policy(with_subjects(ours, 3), plan_with_subjects(3)));
  fails_and_changes_nothing(plan_with_subjects(8), with_subjects(ours, 8));
}
INSTANTIATE_TEST_SUITE_P(EveryMap, Subjects, testing::ValuesIn(maps_of_subjects));

class Replacement : public Undo, public testing::WithParamInterface<Map> {};
TEST_P(Replacement, ThatDoesNotFitLeavesTheOldPolicy) {
  make_maps(GetParam(), 15);
  const bool storage = GetParam() == Map::policies;
  ASSERT_TRUE(guard().write_policy({ours, 0, 0}, plan_of(5, {})));
  fails_and_changes_nothing(plan_of(20, storage ? Hooks{Hook::socket_connect} : Hooks{}));
  // What fits replaces it, and has nothing of it left.
  ASSERT_TRUE(guard().write_policy({ours, 0, 0}, plan_of(6, {})));
  EXPECT_EQ(content()[Map::prefixes].size(), 7u) << "six, and the first key";
  ASSERT_TRUE(guard().forget(ours));
  for (const auto& [map, entries] : content()) EXPECT_TRUE(entries.empty()) << layout(map).pin;
}
INSTANTIATE_TEST_SUITE_P(EveryMap, Replacement,
                         testing::Values(Map::ports, Map::prefixes, Map::policies));

TEST_F(Undo, MapsCountWhatIsInThem) {
  make_maps(Map::prefixes, 100);
  ASSERT_TRUE(guard().write_policy({ours, 0, 0}, plan_of(5, {})));
  ASSERT_TRUE(guard().write_policy({other, 0, 0}, plan_of(7, {})));
  const auto all = content();
  const auto use = guard().map_use();
  ASSERT_TRUE(use) << use.error().message;
  ASSERT_EQ(use->size(), 9u);
  EXPECT_EQ(use->at(0).used, 2u);
  EXPECT_EQ(use->at(0).limit, 1000u);
  EXPECT_EQ(use->at(7).used, all.at(Map::prefixes).size());
  EXPECT_EQ(use->at(7).limit, 100u);
  EXPECT_EQ(use->at(8).used, all.at(Map::ports).size());
}

}  // namespace
}  // namespace socklid::test
