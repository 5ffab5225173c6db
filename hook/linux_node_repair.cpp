// SPDX-License-Identifier: Apache-2.0
//
// The steps of LinuxNode that only repair() takes: the hook's programs are linked without them.
#include <algorithm>

#include "guard/repin.hpp"
#include "guard/state.hpp"
#include "hook/linux_node.hpp"
#include "nft/nft.hpp"
#include "node/occupants.hpp"

namespace socklid {
Result<ContainerTarget> LinuxNode::reopen_target(const Record& record) {
  const int root = SL_TRY(mount_fd());
  ContainerTarget target{.id = record.id,
                         .pid = static_cast<pid_t>(record.pid),
                         .cgroup = {.path = {},
                                    .fd = SL_TRY(open_cgroup_by_id(root, record.cgroup_id)),
                                    .id = record.cgroup_id},
                         .netns = {},
                         .netns_kind = record.placement.netns,
                         .start_time = record.start_time,
                         .restored = true,
                         .rules_owners = {}};
  if (!target.cgroup.fd) return fail(Exit::cgroup, "its cgroup is gone");
  target.netns.inode = record.netns;
  if (!record.rules) return target;
  // A number is used again: rules go only where somebody of this container is.
  auto netns = SL_TRY(open_netns_of(target.cgroup, record.netns));
  if (!netns) {
    return fail(Exit::netns, "none of its processes is in its network namespace any more");
  }
  target.netns = std::move(*netns);
  NetlinkSocket netlink = SL_TRY(NetlinkSocket::open_in(target.netns));
  for (const Table& table : SL_TRY(tables(netlink))) {
    auto owner = parse_rules_owner(table.owner);
    if (!owner) continue;
    owner->slot = table.slot;
    target.rules_owners.push_back(std::move(*owner));
  }
  return target;
}

Result<> LinuxNode::pin_again(const std::string& key) {
  return socklid::pin_again(programs(), paths_.bpffs + "/containers/" + key);
}

Result<> LinuxNode::drop_dead_anchors(const Hooks& hooks) {
  const auto state = SL_TRY(GuardState::open(programs()));
  if (!state) return {};
  std::vector<std::string> names;
  for (const Hook hook : hooks) names.emplace_back(name(hook));
  return state->drop_dead_anchors(names);
}

Result<> LinuxNode::rewrite_policy(const ContainerTarget& target, const Plan& plan,
                                   const LookedUp& looked_up) {
  if (!guard_) return fail(Exit::internal, "rewrite_policy before attach()");
  return guard_->rewrite_policy({.cgroup_id = target.cgroup.id,
                                 .netns = static_cast<std::uint32_t>(target.netns.inode),
                                 .pid = target.pid,
                                 .first_start = 0,
                                 .looked_up = looked_up},
                                plan);
}

}  // namespace socklid
