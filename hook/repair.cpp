// SPDX-License-Identifier: Apache-2.0
#include "hook/repair.hpp"

#include <algorithm>

#include "guard/expected.hpp"

namespace socklid {
namespace {

/// A table with this container's name may have become another's, where records were lost.
Result<> check_table_is_free(LinuxNode& node, const ContainerTarget& target, const Record& record) {
  const std::vector<StoreEntry> entries = SL_TRY(node.entries());
  for (const RulesOwner& owner : target.rules_owners) {
    if (owner.slot != record.placement.slot || owner.cgroup_id == record.cgroup_id) continue;
    // A comment says what whoever is in there likes: only a container on record is a neighbour.
    const auto is_neighbour = [&](const StoreEntry& entry) {
      return entry.parts.cgroup_id == owner.cgroup_id &&
             node.liveness(owner.cgroup_id) != Liveness::gone;
    };
    if (std::any_of(entries.begin(), entries.end(), is_neighbour)) {
      return fail(Exit::netns, "table inet ", table_name(owner.slot),
                  " of its network namespace now belongs to container ", short_id(owner.id));
    }
  }
  return {};
}

/// It may have ended while nobody held the lock, and its rules would be left behind.
Result<> check_still_there(LinuxNode& node, const StoreEntry& entry) {
  const std::vector<StoreEntry> entries = SL_TRY(node.entries_of(entry.record->id));
  const auto is_it = [&](const StoreEntry& one) {
    return one.key == entry.key && one.record == entry.record;
  };
  if (std::any_of(entries.begin(), entries.end(), is_it)) return {};
  if (entry.record->rules) SL_CHECK(node.uninstall_abandoned_rules(*entry.record));
  return fail(Exit::busy, "it has ended, or was started again, meanwhile");
}

}  // namespace

Result<> repair(LinuxNode& node, const StoreEntry& entry, bool with_rules) {
  const Details details = SL_TRY(node.details(entry.key));
  const Expected expected = SL_TRY(expected_of(entry, details));
  if (!expected.exact) {
    return fail(Exit::unsupported, "it is under programs of another version (", expected.hash,
                "), which only that version can put back: stop and start "
                "the container");
  }
  const ContainerTarget target = SL_TRY(node.reopen_target(*entry.record));
  if (with_rules && expected.rules) {
    SL_CHECK(check_table_is_free(node, target, *entry.record));
    SL_CHECK(node.install_rules(target, *expected.rules));
  }
  SL_CHECK(node.begin());
  SL_CHECK(check_still_there(node, entry));
  SL_CHECK(node.pin_again(expected.key));
  SL_CHECK(node.drop_dead_anchors(expected.plan.hooks));
  SL_CHECK(node.attach(target, expected.plan.hooks));
  SL_CHECK(node.rewrite_policy(target, expected.plan, expected.looked_up));
  SL_CHECK(node.stage(expected.key));
  if (auto published = node.publish({*entry.record, details}); !published) {
    if (auto done = node.unstage(expected.key); !done) node.warn(done.error().message);
    return published;
  }
  return node.unstage(expected.key);
}

}  // namespace socklid
