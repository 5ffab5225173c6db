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
  Placement placement;
  Plan plan;
  std::optional<NftRuleset> rules;
};

InForce in_force(const annotations::Policy& policy, Placement placement,
                 const ContainerTarget& target) {
  InForce result{.placement = placement, .plan = compile(policy, placement), .rules = std::nullopt};
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

Saved saved_of(const Kernel& kernel, const ContainerState& container, const ContainerTarget& target,
               const Identity& identity, Placement placement, const Plan& plan) {
  Saved saved{.record = {.id = target.id,
                         .cgroup_id = target.cgroup.id,
                         .netns = target.netns.inode,
                         .placement = placement,
                         .object_hash = kernel.programs(),
                         .mark = plan.mark,
                         .rules = plan.rules,
                         .created = kernel.now(),
                         .pid = target.pid,
                         .start_time = target.start_time,
                         .view = kernel.view()},
              .details = {.cgroup_path = target.cgroup.path,
                          .annotations = only_ours(container.annotations),
                          .container = identity.container,
                          .hooks = {},
                          .notes = plan.notes}};
  for (const Hook hook : plan.hooks) saved.details.hooks.emplace_back(name(hook));
  return saved;
}

/// One cgroup is one container's: a second policy on it would be counted as the first one's, and
/// removed with it.
Result<> check_unclaimed(const ContainerTarget& target, const std::vector<StoreEntry>& entries) {
  const std::string id = encode_id(target.id);
  for (const StoreEntry& entry : entries) {
    if (entry.parts.cgroup_id != target.cgroup.id || entry.parts.encoded_id == id) continue;
    const std::string owner = entry.record ? short_id(entry.record->id) : entry.parts.encoded_id;
    return fail(Exit::cgroup, "process ", target.pid, " is in the cgroup ", target.cgroup.path,
                " of container ", owner, ", which has a policy of its own");
  }
  return {};
}

/// Another container that has rules in the target's namespace.
struct Neighbour {
  std::uint8_t slot{0};
  std::optional<Record> record;  ///< none if it is lost
};

/// By their records, for whoever is in the namespace and has the capability can take a table away;
/// and by their tables, for a record can be lost. Numbers of namespaces are used again: what is on
/// record counts while its cgroup has processes.
std::vector<Neighbour> neighbours(Kernel& kernel, const ContainerTarget& target,
                                  const std::vector<StoreEntry>& entries) {
  std::vector<Neighbour> found;
  for (const StoreEntry& entry : entries) {
    if (entry.parts.cgroup_id == target.cgroup.id || !entry.record || !entry.record->rules)
      continue;
    if (entry.record->netns != target.netns.inode) continue;
    if (kernel.liveness(entry.parts.cgroup_id) != Liveness::populated) continue;
    found.push_back({entry.record->placement.slot, entry.record});
  }
  for (const RulesOwner& owner : target.rules_owners) {
    if (owner.cgroup_id == target.cgroup.id) continue;
    if (kernel.liveness(owner.cgroup_id) == Liveness::gone) continue;
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

/// How the policy is put in force in the namespace the container is in (I6, D6).
Result<Placement> place(Kernel& kernel, const annotations::Policy& policy,
                        const ContainerTarget& target, const std::vector<StoreEntry>& entries,
                        const std::optional<Saved>& saved) {
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
  const std::vector<Neighbour> others = neighbours(kernel, target, entries);
  if (!others.empty()) placement.netns = NetnsKind::shared;
  SL_CHECK(check_placement(policy, placement.netns));
  if (placement.netns == NetnsKind::own) return placement;
  SL_CHECK(check_neighbours(others));
  placement.slot = SL_TRY(free_slot(others));
  return placement;
}

/// Tables whose container is gone, and which nobody has taken away: one would go on judging what
/// has no slot.
Result<> remove_stale_tables(Kernel& kernel, const ContainerTarget& target) {
  for (const RulesOwner& owner : target.rules_owners) {
    if (owner.cgroup_id == target.cgroup.id) continue;
    if (kernel.liveness(owner.cgroup_id) != Liveness::gone) continue;
    SL_CHECK(kernel.uninstall_rules(target, table_name(owner.slot)));
  }
  return {};
}

/// What an earlier call for the same container and cgroup has left, if it did. Without its details,
/// its record alone.
std::optional<Saved> find_saved(Kernel& kernel, const std::vector<StoreEntry>& entries,
                                const std::string& key) {
  for (const StoreEntry& entry : entries) {
    if (entry.key != key || !entry.record) continue;
    return Saved{*entry.record, kernel.details(key).value_or(Details{})};
  }
  return std::nullopt;
}

void append(std::vector<Error>& all, std::vector<Error> more) {
  std::move(more.begin(), more.end(), std::back_inserter(all));
}

/// Removes the entries of containers that are gone, also from `entries`, as long as there is time.
std::vector<Error> remove_gone(Kernel& kernel, std::vector<StoreEntry>& entries) {
  std::vector<Error> errors;
  std::erase_if(entries, [&](const StoreEntry& entry) {
    if (kernel.has_collected_enough()) return false;
    if (kernel.liveness(entry.parts.cgroup_id) != Liveness::gone) return false;
    append(errors, remove_entry(kernel, entry));
    return true;
  });
  return errors;
}

/// A cgroup that is used again by another container, whose own poststop never came for it.
std::vector<Error> remove_predecessors(Kernel& kernel, const ContainerTarget& target,
                                       std::vector<StoreEntry>& entries) {
  std::vector<Error> errors;
  const std::string id = encode_id(target.id);
  std::erase_if(entries, [&](const StoreEntry& entry) {
    if (entry.parts.cgroup_id != target.cgroup.id || entry.parts.encoded_id == id) return false;
    if (!entry.record || !kernel.has_ended(*entry.record)) return false;
    append(errors, remove_entry(kernel, entry));
    return true;
  });
  return errors;
}

/// What is gone of the target's own past and namespace, and a few others.
void collect_a_share(Kernel& kernel, const ContainerTarget& target,
                     std::vector<StoreEntry>& related) {
  std::vector<Error> errors = remove_predecessors(kernel, target, related);
  append(errors, remove_gone(kernel, related));
  if (auto gone = kernel.some_gone()) {
    append(errors, remove_gone(kernel, *gone));
  } else {
    errors.push_back(gone.error());
  }
  for (const Error& error : errors) kernel.warn(error.message);
}

/// `rules` in place of `others`, of which at least one is there.
Result<> put_rules(Kernel& kernel, const ContainerTarget& target,
                   const std::optional<NftRuleset>& rules,
                   const std::optional<NftRuleset>& others) {
  return rules ? kernel.install_rules(target, *rules)
               : kernel.uninstall_rules(target, others->table);
}

/// What an earlier call for the same container and cgroup has put in force, if that is known.
std::optional<InForce> earlier(const std::optional<Saved>& saved, const ContainerTarget& target) {
  if (!saved || saved->details.annotations.empty()) return std::nullopt;
  const auto policy = annotations::parse(saved->details.annotations, saved->details.container);
  if (!policy) return std::nullopt;  // written by a version with another language
  return in_force(*policy, saved->record.placement, target);
}

/// Of a container that had a policy which nobody knows any more, the new one stays.
Result<> write_back(Kernel& kernel, const ContainerTarget& target, const Record& record,
                    const std::optional<Saved>& saved, const std::optional<InForce>& before) {
  if (before) return kernel.write_policy(target, before->plan);
  return saved ? Result<>{} : kernel.forget(record.object_hash, target.cgroup.id);
}

/// Runs the steps that put `wanted` in force; a failure returns to `saved`.
Result<> apply(Kernel& kernel, const ContainerTarget& target, const InForce& wanted,
               const Saved& next, const std::optional<Saved>& saved) {
  const std::optional<InForce> before = earlier(saved, target);
  const std::optional<NftRuleset> old_rules = before ? before->rules : std::nullopt;
  const std::string key = key_of(target.id, target.cgroup.id);
  const Intent intent{.key = key,
                      .object_hash = next.record.object_hash,
                      .netns = next.record.rules ? std::optional(next.record.netns) : std::nullopt};

  Transaction transaction([&](const Error& error) { kernel.warn(error.message); });  // I2
  SL_CHECK(transaction.step(
      "write down what is begun", [&] { return kernel.intend(intent); },
      [&] { return kernel.intend_no_more(); }));
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
      [&] { return write_back(kernel, target, next.record, saved, before); }));
  SL_CHECK(transaction.step(
      "stage", [&] { return kernel.stage(key); }, [&] { return kernel.unstage(key); }));
  SL_CHECK(transaction.step(
      "publish", [&] { return kernel.publish(next); },
      [&] { return kernel.withdraw(key, saved); }));
  SL_CHECK(kernel.check_unchanged(target));
  transaction.commit();

  // What was published before, if anything, is in the staging directory now.
  for (const auto& done : {kernel.intend_no_more(), kernel.unstage(key)}) {
    if (!done) kernel.warn(done.error().message);
  }
  return {};
}

}  // namespace

Result<> create(Kernel& kernel, const ContainerState& container) {
  if (!annotations::any(container.annotations)) return {};      // I1
  SL_CHECK(annotations::check_outlets(container.annotations));  // I11
  SL_CHECK(check_ready(container));
  const Identity identity = SL_TRY(kernel.identify(container));
  if (identity.is_sandbox) return {};
  const annotations::Policy policy =
      SL_TRY(annotations::parse(container.annotations, identity.container));  // I8
  if (policy == annotations::Policy{}) return {};                             // I1

  // All that can be worked out beforehand is, for others wait for the lock.
  ContainerTarget target = SL_TRY(kernel.open_target(container, identity));
  InForce wanted = in_force(policy, {.netns = target.netns_kind, .slot = 0}, target);

  SL_CHECK(kernel.begin());
  if (policy.egress && target.netns_kind != NetnsKind::host) SL_CHECK(kernel.look_around(target));
  std::vector<StoreEntry> entries = SL_TRY(kernel.related(target));
  collect_a_share(kernel, target, entries);
  SL_CHECK(check_unclaimed(target, entries));

  const auto saved = find_saved(kernel, entries, key_of(target.id, target.cgroup.id));
  const Placement placement = SL_TRY(place(kernel, policy, target, entries, saved));
  if (placement != wanted.placement) wanted = in_force(policy, placement, target);
  SL_CHECK(remove_stale_tables(kernel, target));
  SL_CHECK(apply(kernel, target, wanted,
                 saved_of(kernel, container, target, identity, placement, wanted.plan), saved));
  for (const std::string& note : wanted.plan.notes) {
    kernel.note(short_id(target.id) + ": " + note);
  }
  return {};
}

std::vector<Error> remove(Kernel& kernel, const ContainerState& container) {
  // Most containers have no policy: look before waiting for the lock, and again under it.
  auto entries = kernel.entries_of(container.id);
  if (entries && entries->empty()) return {};
  if (const auto begun = kernel.begin(); !begun) return {begun.error()};
  entries = kernel.entries_of(container.id);
  if (!entries) return {entries.error()};

  std::vector<Error> errors;
  for (const StoreEntry& entry : *entries) {
    const Liveness liveness = kernel.liveness(entry.parts.cgroup_id);
    // Others may be in the cgroup still, or have been put there: the container has ended with its
    // first process.
    const bool ended =
        liveness == Liveness::empty || (entry.record && kernel.has_ended(*entry.record));
    const bool stopped = container.status == "stopped" && ended;
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
