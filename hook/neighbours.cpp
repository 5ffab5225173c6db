// SPDX-License-Identifier: Apache-2.0
#include "hook/neighbours.hpp"

#include <algorithm>

#include "node/container_state.hpp"

namespace socklid {
namespace {

/// Another container that has rules in the target's namespace.
struct Neighbour {
  std::uint8_t slot{0};
  std::optional<Record> record;  ///< none if it is lost
};

/// By their records, for whoever is in the namespace and has the capability can take a table away;
/// and by their tables, for a record can be lost. Numbers of namespaces are used again, also while
/// the container lives that gave one up: what is on record counts while a process of its cgroup is
/// there. What a run has begun counts as what is on record.
std::vector<Neighbour> neighbours(Node& node, const ContainerTarget& target,
                                  const std::vector<StoreEntry>& entries,
                                  const std::vector<Record>& in_flight) {
  std::vector<Neighbour> found;
  for (const Record& other : in_flight) {
    if (!other.rules || other.netns != target.netns.inode) continue;
    found.push_back({other.placement.slot, other});
  }
  for (const StoreEntry& entry : entries) {
    if (entry.parts.cgroup_id == target.cgroup.id || !entry.record || !entry.record->rules)
      continue;
    if (entry.record->netns != target.netns.inode) continue;
    if (!node.has_process_in(entry.parts.cgroup_id, target.netns.inode)) continue;
    found.push_back({entry.record->placement.slot, entry.record});
  }
  for (const RulesOwner& owner : target.rules_owners) {
    if (owner.cgroup_id == target.cgroup.id) continue;
    if (node.liveness(owner.cgroup_id) == Liveness::gone) continue;
    found.push_back({owner.slot, std::nullopt});
  }
  return found;
}

Result<std::uint8_t> free_slot(const std::vector<Neighbour>& others) {
  for (unsigned slot = 1; slot <= slot_max; ++slot) {
    const auto has_it = [slot](const Neighbour& other) { return other.slot == slot; };
    if (std::none_of(others.begin(), others.end(), has_it)) return static_cast<std::uint8_t>(slot);
  }
  return fail(Exit::unsupported,
              "io.socklid.egress: the network namespace has " + std::to_string(slot_max) +
                  " containers with rules, and no more can be told apart",
              {.key = "io.socklid.egress"});
}

/// A neighbour in a namespace of its own tells others by the same bits of the mark as we do.
Result<> check_neighbours(const std::vector<Neighbour>& others) {
  for (const Neighbour& other : others) {
    if (other.slot != 0 || !other.record || !other.record->mark) continue;
    if ((other.record->mark->mask & slot_mask) == 0) continue;
    return fail(Exit::unsupported,
                "io.socklid.egress: container " + short_id(other.record->id) +
                    ", whose network namespace this is, has the mark " +
                    annotations::to_string(*other.record->mark) +
                    " and with it bits 24..31, which tell containers in a shared namespace apart: "
                    "give it a mask within 0x00ffffff",
                {.key = "io.socklid.egress"});
  }
  return {};
}

}  // namespace

Result<> check_unclaimed(const ContainerTarget& target, const std::vector<StoreEntry>& entries,
                         const std::vector<Record>& in_flight) {
  for (const Record& other : in_flight) {
    if (other.cgroup_id != target.cgroup.id) continue;
    return fail(Exit::busy, "another run, which has not ended, sets up container ",
                short_id(other.id), " in the cgroup ", target.cgroup.path,
                ": it waits for nf_tables of the network namespace, or the node "
                "is too busy; start the container again");
  }
  const std::string id = encode_id(target.id);
  for (const StoreEntry& entry : entries) {
    if (entry.parts.cgroup_id != target.cgroup.id || entry.parts.encoded_id == id) continue;
    const std::string owner = entry.record ? short_id(entry.record->id) : entry.parts.encoded_id;
    return fail(Exit::cgroup, "process ", target.pid, " is in the cgroup ", target.cgroup.path,
                " of container ", owner,
                ", which has a policy of its own: delete that container, or name another cgroup");
  }
  return {};
}

Result<Placement> place(Node& node, const annotations::Policy& policy,
                        const ContainerTarget& target, const std::vector<StoreEntry>& entries,
                        const std::vector<Record>& in_flight, const std::optional<Saved>& saved) {
  Placement placement{.netns = target.netns_kind, .slot = 0};
  if (!policy.egress || placement.netns == NetnsKind::host) {
    SL_CHECK(check_placement(policy, placement.netns));
    return placement;
  }
  // The second call for a container finds its own rules: they stay where they are.
  if (saved && saved->record.rules && saved->record.netns == target.netns.inode) {
    SL_CHECK(check_placement(policy, saved->record.placement.netns));
    return saved->record.placement;
  }
  const std::vector<Neighbour> others = neighbours(node, target, entries, in_flight);
  if (!others.empty()) placement.netns = NetnsKind::shared;
  SL_CHECK(check_placement(policy, placement.netns));
  if (placement.netns == NetnsKind::own) return placement;
  SL_CHECK(check_neighbours(others));
  placement.slot = SL_TRY(free_slot(others));
  return placement;
}

std::vector<RulesOwner> stale_owners(Node& node, const ContainerTarget& target) {
  std::vector<RulesOwner> stale;
  for (const RulesOwner& owner : target.rules_owners) {
    if (owner.cgroup_id == target.cgroup.id) continue;
    if (node.liveness(owner.cgroup_id) == Liveness::gone) stale.push_back(owner);
  }
  return stale;
}

}  // namespace socklid
