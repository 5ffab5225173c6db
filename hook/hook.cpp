// SPDX-License-Identifier: Apache-2.0
#include "hook/hook.hpp"

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

#include "annotations/parser.hpp"
#include "hook/nft_rules.hpp"
#include "hook/transaction.hpp"

namespace socklid {
namespace {

/// A policy as it is, or was, in force.
struct InForce {
  Plan plan;
  std::optional<NftRuleset> rules;
};

InForce in_force(const annotations::Policy& policy, Placement placement,
                 const ContainerTarget& target) {
  InForce result{.plan = compile(policy, placement), .rules = std::nullopt};
  if (result.plan.rules && result.plan.mark) {
    result.rules =
        compile_rules(policy, *result.plan.mark, placement.slot, target.id, target.cgroup.id);
  }
  return result;
}

annotations::Annotations only_ours(const annotations::Annotations& all) {
  annotations::Annotations ours;
  for (const auto& [key, value] : all) {
    if (key.starts_with(annotations::key_prefix)) ours.emplace(key, value);
  }
  return ours;
}

Record record_of(const Kernel& kernel, const ContainerState& container,
                 const ContainerTarget& target, const Identity& identity, Placement placement,
                 const Plan& plan) {
  Record record{.id = target.id,
                .cgroup_id = target.cgroup.id,
                .cgroup_path = target.cgroup.path,
                .netns = target.netns.inode,
                .placement = placement,
                .object_hash = kernel.programs(),
                .hooks = {},
                .mark = plan.mark,
                .rules = plan.rules,
                .annotations = only_ours(container.annotations),
                .container = identity.container,
                .notes = plan.notes,
                .created = kernel.now(),
                .pid = target.pid};
  for (const Hook hook : plan.hooks) record.hooks.emplace_back(name(hook));
  return record;
}

/// One cgroup is one container's: a second policy on it would be counted as the first one's, and
/// removed with it.
Result<> check_unclaimed(Kernel& kernel, const ContainerTarget& target,
                         const std::vector<StoreEntry>& entries) {
  const std::string id = encode_id(target.id);
  for (const StoreEntry& entry : entries) {
    if (entry.parts.cgroup_id != target.cgroup.id || entry.parts.encoded_id == id) continue;
    if (kernel.liveness(entry) == Liveness::gone) continue;
    const std::string owner = entry.record ? short_id(entry.record->id) : entry.parts.encoded_id;
    return fail(Exit::cgroup, "process " + std::to_string(target.pid) + " is in the cgroup " +
                                  target.cgroup.path + " of container " + owner +
                                  ", which has a policy of its own");
  }
  return {};
}

/// Another container that has rules in the target's namespace.
struct Neighbour {
  std::uint8_t slot{0};
  const Record* record{nullptr};  ///< of `entries`; none if the record is lost
};

std::vector<Neighbour> neighbours(const ContainerTarget& target,
                                  const std::vector<StoreEntry>& entries) {
  std::vector<Neighbour> found;
  for (const StoreEntry& entry : entries) {
    if (entry.parts.cgroup_id == target.cgroup.id) continue;
    const Record* record = entry.record ? &*entry.record : nullptr;
    const auto table = std::find_if(
        target.rules_owners.begin(), target.rules_owners.end(),
        [&](const RulesOwner& owner) { return owner.cgroup_id == entry.parts.cgroup_id; });
    // Its table may be gone: whoever is in the namespace and has the capability can delete it.
    if (record != nullptr && record->rules && record->netns == target.netns.inode) {
      found.push_back({record->placement.slot, record});
    } else if (table != target.rules_owners.end()) {
      found.push_back({table->slot, record});
    }
  }
  return found;
}

Result<std::uint8_t> free_slot(const std::vector<Neighbour>& others) {
  for (unsigned slot = 1; slot <= slot_max; ++slot) {
    const auto has_it = [slot](const Neighbour& other) { return other.slot == slot; };
    if (std::none_of(others.begin(), others.end(), has_it)) return static_cast<std::uint8_t>(slot);
  }
  return fail(Exit::unsupported, "io.socklid.egress: the network namespace has " +
                                     std::to_string(slot_max) +
                                     " containers with rules, and no more can be told apart");
}

/// A neighbour in a namespace of its own tells others by the same bits of the mark as we do.
Result<> check_neighbours(const std::vector<Neighbour>& others) {
  for (const Neighbour& other : others) {
    if (other.slot != 0 || other.record == nullptr || !other.record->mark) continue;
    if ((other.record->mark->mask & slot_mask) == 0) continue;
    return fail(Exit::unsupported,
                "io.socklid.egress: container " + short_id(other.record->id) +
                    ", whose network namespace this is, has the mark " +
                    annotations::to_string(*other.record->mark) +
                    " and with it bits 24..31, which tell containers in a shared namespace apart: "
                    "give it a mask within 0x00ffffff");
  }
  return {};
}

/// How the policy is put in force in the namespace the container is in (I6, D6).
Result<Placement> place(const annotations::Policy& policy, const ContainerTarget& target,
                        const std::vector<StoreEntry>& entries,
                        const std::optional<Record>& saved) {
  Placement placement{.netns = target.netns_kind, .slot = 0};
  if (!policy.egress || placement.netns == NetnsKind::host) {
    SL_CHECK(check_placement(policy, placement.netns));
    return placement;
  }
  // The second call for a container finds its own rules: they stay where they are.
  if (saved && saved->rules && saved->netns == target.netns.inode) return saved->placement;
  const std::vector<Neighbour> others = neighbours(target, entries);
  if (!others.empty()) placement.netns = NetnsKind::shared;
  SL_CHECK(check_placement(policy, placement.netns));
  if (placement.netns == NetnsKind::own) return placement;
  SL_CHECK(check_neighbours(others));
  placement.slot = SL_TRY(free_slot(others));
  return placement;
}

/// Tables whose container is gone, and which nobody has taken away: one would go on judging what
/// has no slot.
Result<> remove_stale_tables(Kernel& kernel, const ContainerTarget& target,
                             const std::vector<StoreEntry>& entries) {
  for (const RulesOwner& owner : target.rules_owners) {
    const auto is_owner = [&owner](const StoreEntry& entry) {
      return entry.parts.cgroup_id == owner.cgroup_id;
    };
    if (owner.cgroup_id == target.cgroup.id) continue;
    if (std::any_of(entries.begin(), entries.end(), is_owner)) continue;
    SL_CHECK(kernel.uninstall_rules(target, table_name(owner.slot)));
  }
  return {};
}

std::optional<Record> find_record(const std::vector<StoreEntry>& entries, const std::string& key) {
  for (const StoreEntry& entry : entries) {
    if (entry.key == key) return entry.record;
  }
  return std::nullopt;
}

void append(std::vector<Error>& all, std::vector<Error> more) {
  std::move(more.begin(), more.end(), std::back_inserter(all));
}

/// Removes the entries of containers that are gone, also from `entries`.
std::vector<Error> remove_gone(Kernel& kernel, std::vector<StoreEntry>& entries) {
  std::vector<Error> errors;
  std::erase_if(entries, [&](const StoreEntry& entry) {
    if (kernel.liveness(entry) != Liveness::gone) return false;
    append(errors, remove_entry(kernel, entry));
    return true;
  });
  return errors;
}

/// `rules` in place of `others`, of which at least one is there.
Result<> put_rules(Kernel& kernel, const ContainerTarget& target,
                   const std::optional<NftRuleset>& rules,
                   const std::optional<NftRuleset>& others) {
  return rules ? kernel.install_rules(target, *rules)
               : kernel.uninstall_rules(target, others->table);
}

/// What an earlier call for the same container and cgroup has put in force, if it did.
std::optional<InForce> earlier(const std::optional<Record>& saved, const ContainerTarget& target) {
  if (!saved) return std::nullopt;
  const auto policy = annotations::parse(saved->annotations, saved->container);
  if (!policy) return std::nullopt;  // written by a version with another language
  return in_force(*policy, saved->placement, target);
}

/// Runs the steps that put `wanted` in force; a failure returns to `saved`.
Result<> apply(Kernel& kernel, const ContainerTarget& target, const InForce& wanted,
               const Record& record, const std::optional<Record>& saved) {
  const std::optional<InForce> before = earlier(saved, target);
  const std::optional<NftRuleset> old_rules = before ? before->rules : std::nullopt;
  const std::string key = key_of(target.id, target.cgroup.id);

  Transaction transaction([&](const Error& error) { kernel.warn(error.message); });  // I2
  if (wanted.rules || old_rules) {
    SL_CHECK(transaction.step(
        "install nft rules", [&] { return put_rules(kernel, target, wanted.rules, old_rules); },
        [&] { return put_rules(kernel, target, old_rules, wanted.rules); }));
  }
  SL_CHECK(transaction.step(
      "attach programs", [&] { return kernel.attach(target, wanted.plan.hooks); },
      [&] { return kernel.detach(target); }));
  SL_CHECK(transaction.step(
      "write policy", [&] { return kernel.write_policy(target, wanted.plan); },
      [&] {
        return before ? kernel.write_policy(target, before->plan)
                      : kernel.forget(record.object_hash, target.cgroup.id);
      }));
  SL_CHECK(transaction.step(
      "stage", [&] { return kernel.stage(key); }, [&] { return kernel.unstage(key); }));
  SL_CHECK(transaction.step(
      "publish", [&] { return kernel.publish(record); },
      [&] { return kernel.withdraw(key, saved); }));
  SL_CHECK(kernel.check_unchanged(target));
  transaction.commit();

  // What was published before, if anything, is in the staging directory now.
  if (auto done = kernel.unstage(key); !done) kernel.warn(done.error().message);
  return {};
}

}  // namespace

Result<> create(Kernel& kernel, const ContainerState& container) {
  if (!annotations::any(container.annotations)) return {};  // I1
  SL_CHECK(check_ready(container));
  const Identity identity = SL_TRY(kernel.identify(container));
  if (identity.is_sandbox) return {};
  const annotations::Policy policy =
      SL_TRY(annotations::parse(container.annotations, identity.container));  // I8
  if (policy == annotations::Policy{}) return {};                             // I1

  SL_CHECK(kernel.begin());
  const ContainerTarget target = SL_TRY(kernel.open_target(container, policy.egress.has_value()));
  std::vector<StoreEntry> entries = SL_TRY(kernel.entries());
  for (const Error& error : remove_gone(kernel, entries)) kernel.warn(error.message);
  SL_CHECK(check_unclaimed(kernel, target, entries));

  const auto saved = find_record(entries, key_of(target.id, target.cgroup.id));
  const Placement placement = SL_TRY(place(policy, target, entries, saved));
  const InForce wanted = in_force(policy, placement, target);
  SL_CHECK(remove_stale_tables(kernel, target, entries));
  SL_CHECK(apply(kernel, target, wanted,
                 record_of(kernel, container, target, identity, placement, wanted.plan), saved));
  for (const std::string& note : wanted.plan.notes) {
    kernel.note(short_id(target.id) + ": " + note);
  }
  return {};
}

std::vector<Error> remove(Kernel& kernel, const ContainerState& container) {
  const auto all_of_id = [&]() -> Result<std::vector<StoreEntry>> {
    std::vector<StoreEntry> entries = SL_TRY(kernel.entries());
    const std::string id = encode_id(container.id);
    std::erase_if(entries, [&](const StoreEntry& entry) { return entry.parts.encoded_id != id; });
    return entries;
  };
  // Most containers have no policy: look before waiting for the lock, and again under it.
  auto entries = all_of_id();
  if (entries && entries->empty()) return {};
  if (const auto begun = kernel.begin(); !begun) return {begun.error()};
  entries = all_of_id();
  if (!entries) return {entries.error()};

  std::vector<Error> errors;
  for (const StoreEntry& entry : *entries) {
    const Liveness liveness = kernel.liveness(entry);
    const bool stopped = container.status == "stopped" && liveness == Liveness::empty;
    if (liveness == Liveness::gone || stopped) append(errors, remove_entry(kernel, entry));
  }
  return errors;
}

std::vector<Error> collect_garbage(Kernel& kernel) {
  auto entries = kernel.entries();
  if (!entries) return {entries.error()};
  std::vector<Error> errors = remove_gone(kernel, *entries);
  const auto known = kernel.known_cgroups();
  if (!known) errors.push_back(known.error());
  if (!known || !errors.empty()) return errors;
  for (const std::uint64_t cgroup : *known) {
    const bool owned = std::any_of(entries->begin(), entries->end(), [&](const StoreEntry& entry) {
      return entry.parts.cgroup_id == cgroup;
    });
    if (owned) continue;
    if (auto done = kernel.forget(kernel.programs(), cgroup); !done) errors.push_back(done.error());
  }
  return errors;
}

std::vector<Error> remove_entry(Kernel& kernel, const StoreEntry& entry) {
  std::vector<Error> errors;
  const auto attempt = [&](Result<> done) {
    if (!done) errors.push_back(wrap("remove " + entry.key, done.error()).value());
  };
  if (entry.record && entry.record->rules) attempt(kernel.uninstall_saved_rules(*entry.record));
  attempt(kernel.unpin(entry.key));
  const std::string hash = entry.record ? entry.record->object_hash : kernel.programs();
  attempt(kernel.forget(hash, entry.parts.cgroup_id));
  if (errors.empty()) attempt(kernel.erase(entry.key));
  return errors;
}

}  // namespace socklid
