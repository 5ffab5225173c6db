// SPDX-License-Identifier: Apache-2.0
#include "tests/mutants/mutant_node.hpp"

#include <bpf/bpf.h>

#include <array>
#include <string_view>
#include <utility>

#include "guard/guard.hpp"
#include "guard/pins.hpp"
#include "node/cgroup.hpp"

namespace socklid::test {
namespace {

constexpr std::string_view switches = "mutant_off";

/// Of the maps that the loaded programs use, the one of that name.
Result<UniqueFd> open_switches() {
  const std::string path =
      pins::directory(object_hash()) + "/" + pins::program(Hook::socket_create);
  const UniqueFd program(bpf_obj_get(path.c_str()));
  std::array<__u32, 64> ids{};
  bpf_prog_info info{};
  info.nr_map_ids = ids.size();
  info.map_ids = reinterpret_cast<std::uint64_t>(ids.data());
  __u32 size = sizeof(info);
  if (!program || bpf_obj_get_info_by_fd(program.get(), &info, &size) != 0) {
    return fail_errno(Exit::bpf, "look at " + path);
  }
  for (__u32 i = 0; i < info.nr_map_ids; ++i) {
    UniqueFd map(bpf_map_get_fd_by_id(ids.at(i)));
    bpf_map_info details{};
    size = sizeof(details);
    if (map && bpf_obj_get_info_by_fd(map.get(), &details, &size) == 0 &&
        details.name == switches) {
      return map;
    }
  }
  return fail(Exit::bpf, "the programs have no switches: they were not compiled for this test");
}

Result<> switch_off(std::uint64_t guards) {
  const UniqueFd map = SL_TRY(open_switches());
  const __u32 key = 0;
  if (bpf_map_update_elem(map.get(), &key, &guards, BPF_ANY) != 0) {
    return fail_errno(Exit::bpf, "switch the guards");
  }
  return {};
}

}  // namespace

MutantNode::MutantNode(Guards guards)
    : LinuxNode(Paths{}, Deadline::after_seconds(run_seconds)), guards_(std::move(guards)) {}

Result<> MutantNode::install_rules(const ContainerTarget& target, const NftRuleset& rules) {
  return LinuxNode::install_rules(target, leave_only(guards_, rules));
}

Result<> load_programs() {
  LinuxNode node(Paths{}, Deadline::after_seconds(run_seconds));
  SL_CHECK(node.begin());
  const std::string mount = SL_TRY(find_cgroup_mount()).point;
  (void)SL_TRY(SocketGuard::open({Hook::socket_create}, mount));
  return {};
}

Result<> unload_programs() {
  LinuxNode node(Paths{}, Deadline::after_seconds(run_seconds));
  SL_CHECK(node.begin());
  const std::string mount = SL_TRY(find_cgroup_mount()).point;
  return SocketGuard::unload(object_hash(), mount);
}

Result<> leave_only_in_programs(const Guards& guards) {
  std::uint64_t off = ((1ULL << SL_REASON_COUNT) - 1) & ~(1ULL << SL_REASON_UNCONFIGURED);
  for (const selftest::Guard guard : guards) off &= ~(1ULL << selftest::reason_of(guard));
  return switch_off(off);
}

Result<> switch_off_in_programs(std::span<const unsigned> numbers) {
  std::uint64_t off = 0;
  for (const unsigned number : numbers) off |= 1ULL << number;
  return switch_off(off);
}

}  // namespace socklid::test
