// SPDX-License-Identifier: Apache-2.0
#include "hook/repair.hpp"

#include <algorithm>

#include "hook/expected.hpp"

namespace socklid {
namespace {

/// A table with this container's name may have become another's, where records were lost.
Result<> check_table_is_free(LinuxKernel& kernel, const ContainerTarget& target,
                             const Record& record) {
  const std::vector<StoreEntry> entries = SL_TRY(kernel.entries());
  for (const RulesOwner& owner : target.rules_owners) {
    if (owner.slot != record.placement.slot || owner.cgroup_id == record.cgroup_id) continue;
    // A comment says what whoever is in there likes: only a container on record is a neighbour.
    const auto is_neighbour = [&](const StoreEntry& entry) {
      return entry.parts.cgroup_id == owner.cgroup_id &&
             kernel.liveness(owner.cgroup_id) != Liveness::gone;
    };
    if (std::any_of(entries.begin(), entries.end(), is_neighbour)) {
      return fail(Exit::netns, "table inet ", table_name(owner.slot),
                  " of its network namespace is container ", short_id(owner.id), "'s by now");
    }
  }
  return {};
}

/// It may have ended while nobody held the lock, and its rules would be left behind.
Result<> check_still_there(LinuxKernel& kernel, const StoreEntry& entry) {
  const std::vector<StoreEntry> entries = SL_TRY(kernel.entries_of(entry.record->id));
  const auto is_it = [&](const StoreEntry& one) {
    return one.key == entry.key && one.record == entry.record;
  };
  if (std::any_of(entries.begin(), entries.end(), is_it)) return {};
  if (entry.record->rules) SL_CHECK(kernel.uninstall_abandoned_rules(*entry.record));
  return fail(Exit::busy, "it has ended, or was started again, meanwhile");
}

}  // namespace

Result<> repair(LinuxKernel& kernel, const StoreEntry& entry, bool with_rules) {
  const Details details = SL_TRY(kernel.details(entry.key));
  const Expected expected = SL_TRY(expected_of(entry, details));
  if (!expected.exact) {
    return fail(Exit::unsupported, "it is under programs of another version (", expected.hash,
                "), which only that version can put back: stop and start "
                "the container");
  }
  const ContainerTarget target = SL_TRY(kernel.reopen_target(*entry.record));
  if (with_rules && expected.rules) {
    SL_CHECK(check_table_is_free(kernel, target, *entry.record));
    SL_CHECK(kernel.install_rules(target, *expected.rules));
  }
  SL_CHECK(kernel.begin());
  SL_CHECK(check_still_there(kernel, entry));
  SL_CHECK(kernel.pin_again(expected.key));
  SL_CHECK(kernel.drop_dead_anchors(expected.plan.hooks));
  SL_CHECK(kernel.attach(target, expected.plan.hooks));
  SL_CHECK(kernel.rewrite_policy(target, expected.plan));
  SL_CHECK(kernel.stage(expected.key));
  if (auto published = kernel.publish({*entry.record, details}); !published) {
    if (auto done = kernel.unstage(expected.key); !done) kernel.warn(done.error().message);
    return published;
  }
  return kernel.unstage(expected.key);
}

}  // namespace socklid
