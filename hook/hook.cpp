// SPDX-License-Identifier: Apache-2.0
#include "hook/hook.hpp"

#include <algorithm>
#include <iterator>
#include <optional>
#include <set>
#include <utility>

#include "annotations/parser.hpp"
#include "annotations/subject.hpp"
#include "base/transaction.hpp"
#include "hook/neighbours.hpp"
#include "plan/rules/rules.hpp"

namespace socklid {
namespace {

/// A policy as it is, or was, in force.
struct InForce {
  Placement placement;
  Plan plan;
  std::optional<NftRuleset> rules;
  LookedUp looked_up;
};

InForce in_force(const annotations::Policy& policy, Placement placement,
                 const ContainerTarget& target) {
  InForce result{.placement = placement,
                 .plan = compile(policy, placement),
                 .rules = std::nullopt,
                 .looked_up = {}};
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

Saved saved_of(const Node& node, const ContainerState& container, const ContainerTarget& target,
               const Identity& identity, const InForce& wanted) {
  const Plan& plan = wanted.plan;
  Saved saved{.record = {.id = target.id,
                         .cgroup_id = target.cgroup.id,
                         .netns = target.netns.inode,
                         .placement = wanted.placement,
                         .object_hash = node.programs(),
                         .mark = plan.mark,
                         .rules = plan.rules,
                         .created = node.now(),
                         .pid = target.pid,
                         .start_time = target.start_time,
                         .view = node.view()},
              .details = {.cgroup_path = target.cgroup.path,
                          .annotations = only_ours(container.annotations),
                          .container = identity.container,
                          .hooks = {},
                          .notes = plan.notes,
                          .looked_up = wanted.looked_up}};
  for (const Hook hook : plan.hooks) saved.details.hooks.emplace_back(name(hook));
  return saved;
}

/// What an earlier call for the same container and cgroup has left, if it did. Without its details,
/// its record alone.
std::optional<Saved> find_saved(Node& node, const std::vector<StoreEntry>& entries,
                                const std::string& key) {
  for (const StoreEntry& entry : entries) {
    if (entry.key != key || !entry.record) continue;
    return Saved{*entry.record, node.details(key).value_or(Details{})};
  }
  return std::nullopt;
}

void append(std::vector<Error>& all, std::vector<Error> more) {
  std::move(more.begin(), more.end(), std::back_inserter(all));
}

bool has_rules(const StoreEntry& entry) {
  return entry.record && entry.record->rules;
}

/// `keeps_record`: something else could not be removed.
std::vector<Error> remove_without_rules(Node& node, const StoreEntry& entry, bool keeps_record) {
  std::vector<Error> errors;
  const auto attempt = [&](Result<> done) {
    if (!done) errors.push_back(wrap("remove " + entry.key, done.error()).value());
  };
  attempt(node.unpin(entry.key));
  const std::string hash = entry.record ? entry.record->object_hash : node.programs();
  attempt(node.forget(hash, entry.parts.cgroup_id));
  if (errors.empty() && !keeps_record) attempt(node.erase(entry.key));
  return errors;
}

/// Those of the container that poststop may remove. Others may be in the cgroup still, or have been
/// put there: the container has ended with its first process.
Result<std::vector<StoreEntry>> ended_entries(Node& node, const ContainerState& container) {
  std::vector<StoreEntry> entries = SL_TRY(node.entries_of(container.id));
  std::erase_if(entries, [&](const StoreEntry& entry) {
    const Liveness liveness = node.liveness(entry.parts.cgroup_id);
    const bool ended =
        liveness == Liveness::empty || (entry.record && node.has_ended(*entry.record));
    return liveness != Liveness::gone && !(container.status == "stopped" && ended);
  });
  return entries;
}

/// Removes the entries of containers that are gone, also from `entries`, as long as there is time.
Collection remove_gone(Node& node, std::vector<StoreEntry>& entries) {
  Collection done;
  std::erase_if(entries, [&](const StoreEntry& entry) {
    if (node.liveness(entry.parts.cgroup_id) != Liveness::gone) return false;
    if (node.has_collected_enough()) {
      ++done.left;
      done.out_of_time = true;
      return false;
    }
    std::vector<Error> errors = remove_entry(node, entry);
    ++(errors.empty() ? done.removed : done.left);
    append(done.errors, std::move(errors));
    return true;
  });
  return done;
}

/// A cgroup that is used again by another container, whose own poststop never came for it. What
/// could not be removed stays in `entries`: a cgroup has one record, or the later end of the
/// predecessor would take the policy of whoever is there (check_unclaimed).
std::vector<Error> remove_predecessors(Node& node, const ContainerTarget& target,
                                       std::vector<StoreEntry>& entries) {
  std::vector<Error> errors;
  const std::string id = encode_id(target.id);
  std::erase_if(entries, [&](const StoreEntry& entry) {
    if (entry.parts.cgroup_id != target.cgroup.id || entry.parts.encoded_id == id) return false;
    if (!entry.record || !node.has_ended(*entry.record)) return false;
    std::vector<Error> failed = remove_entry(node, entry);
    const bool is_removed = failed.empty();
    append(errors, std::move(failed));
    return is_removed;
  });
  return errors;
}

/// What is gone of the target's own past and namespace, and a few others.
void collect_a_share(Node& node, const ContainerTarget& target, std::vector<StoreEntry>& related) {
  std::vector<Error> errors = remove_predecessors(node, target, related);
  append(errors, remove_gone(node, related).errors);
  if (auto gone = node.some_gone()) {
    append(errors, remove_gone(node, *gone).errors);
  } else {
    errors.push_back(gone.error());
  }
  for (const Error& error : errors) node.warn(error.message);
}

/// `rules` in place of `others`, of which at least one is there.
Result<> put_rules(Node& node, const ContainerTarget& target,
                   const std::optional<NftRuleset>& rules,
                   const std::optional<NftRuleset>& others) {
  return rules ? node.install_rules(target, *rules) : node.uninstall_rules(target, others->table);
}

/// What an earlier call for the same container and cgroup has put in force, if that is known.
std::optional<InForce> earlier(const std::optional<Saved>& saved, const ContainerTarget& target) {
  if (!saved || saved->details.annotations.empty()) return std::nullopt;
  const auto policy = annotations::parse(saved->details.annotations, saved->details.container);
  if (!policy) return std::nullopt;  // written by a version with another language
  InForce before = in_force(*policy, saved->record.placement, target);
  before.looked_up = saved->details.looked_up;
  return before;
}

/// Of a container that had a policy which nobody knows any more, the new one stays.
Result<> write_back(Node& node, const ContainerTarget& target, const Record& record,
                    const std::optional<Saved>& saved, const std::optional<InForce>& before) {
  if (before) return node.write_policy(target, before->plan, before->looked_up);
  return saved ? Result<>{} : node.forget(record.object_hash, target.cgroup.id);
}

/// The steps within the container's network namespace, where others of it may keep us waiting as
/// long as they like: meanwhile the node's lock is let go of, and what is intended stands for us.
Result<> change_rules(Node& node, const ContainerTarget& target, Transaction& transaction,
                      const std::optional<NftRuleset>& wanted,
                      const std::optional<NftRuleset>& old) {
  const std::vector<RulesOwner> stale = stale_owners(node, target);
  if (stale.empty() && !wanted && !old) return {};
  node.let_go();
  for (const RulesOwner& owner : stale) SL_CHECK(node.uninstall_rules_of(target, owner));
  if (wanted || old) {
    SL_CHECK(transaction.step(
        "install nft rules", [&] { return put_rules(node, target, wanted, old); },
        [&node, &target, &wanted, &old] { return put_rules(node, target, old, wanted); }));
  }
  return transaction.step(
      "go on with the node's lock", [&] { return node.begin(); },
      [&node] {
        node.let_go();
        return Result<>{};
      });
}

/// Runs the steps that put `wanted` in force; a failure returns to `saved`.
Result<> apply(Node& node, const ContainerTarget& target, const InForce& wanted, const Saved& next,
               const std::optional<Saved>& saved) {
  const std::optional<InForce> before = earlier(saved, target);
  const std::optional<NftRuleset> old_rules = before ? before->rules : std::nullopt;
  const std::string key = key_of(target.id, target.cgroup.id);

  Transaction transaction([&](const Error& error) { node.warn(error.message); });  // I2
  SL_CHECK(transaction.step(
      "write down what is begun", [&] { return node.intend(next.record); },
      [&] { return node.intend_no_more(); }));
  SL_CHECK(change_rules(node, target, transaction, wanted.rules, old_rules));
  SL_CHECK(transaction.step(
      "attach programs", [&] { return node.attach(target, wanted.plan.hooks); },
      [&] { return node.detach(target); }));
  SL_CHECK(transaction.step(
      "write policy", [&] { return node.write_policy(target, wanted.plan, wanted.looked_up); },
      [&] { return write_back(node, target, next.record, saved, before); }));
  SL_CHECK(transaction.step(
      "stage", [&] { return node.stage(key); }, [&] { return node.unstage(key); }));
  SL_CHECK(transaction.step(
      "publish", [&] { return node.publish(next); }, [&] { return node.withdraw(key, saved); }));
  SL_CHECK(node.check_unchanged(target));
  transaction.commit();

  // What was published before, if anything, is in the staging directory now.
  for (const auto& done : {node.intend_no_more(), node.unstage(key)}) {
    if (!done) node.warn(done.error().message);
  }
  return {};
}

}  // namespace

Result<> create(Node& node, const ContainerState& container) {
  if (!annotations::any(container.annotations)) return {};      // I1
  SL_CHECK(annotations::check_outlets(container.annotations));  // I11
  SL_CHECK(check_ready(container));
  const Identity identity = SL_TRY(node.identify(container));
  if (identity.is_sandbox) return {};
  const annotations::Policy policy =
      SL_TRY(annotations::parse(container.annotations, identity.container));  // I8
  if (policy == annotations::Policy{}) return {};                             // I1

  // All that can be worked out beforehand is, for others wait for the lock.
  ContainerTarget target = SL_TRY(node.open_target(container, identity));
  SL_CHECK(check_author(policy, target.netns_kind, is_written_by_pods_author(identity.engine)));
  InForce wanted = in_force(policy, {.netns = target.netns_kind, .slot = 0}, target);
  if (!policy.subjects.empty() || !policy.readonly.empty()) {
    wanted.looked_up = SL_TRY(node.look_up(container, wanted.plan));
  }

  const bool has_rules = policy.egress && target.netns_kind != NetnsKind::host;
  if (has_rules) SL_CHECK(node.look_for_rules(target));

  SL_CHECK(node.begin());
  if (has_rules || depends_on_others(wanted.plan)) SL_CHECK(node.look_around(target));
  std::vector<StoreEntry> entries = SL_TRY(node.related(target));
  collect_a_share(node, target, entries);
  const std::vector<Record> in_flight = SL_TRY(node.in_flight());
  SL_CHECK(check_unclaimed(target, entries, in_flight));

  const auto saved = find_saved(node, entries, key_of(target.id, target.cgroup.id));
  const Placement placement = SL_TRY(place(node, policy, target, entries, in_flight, saved));
  if (placement != wanted.placement) {
    LookedUp looked_up = std::move(wanted.looked_up);
    wanted = in_force(policy, placement, target);
    wanted.looked_up = std::move(looked_up);
  }
  SL_CHECK(apply(node, target, wanted, saved_of(node, container, target, identity, wanted), saved));
  for (const std::string& note : wanted.plan.notes) {
    node.note(short_id(target.id) + ": " + note);
  }
  return {};
}

std::vector<Error> remove(Node& node, const ContainerState& container) {
  // Most containers have no policy: look before waiting for the lock, and again under it.
  const auto any = node.entries_of(container.id);
  if (any && any->empty()) return {};
  if (const auto begun = node.begin(); !begun) return {begun.error()};
  auto entries = ended_entries(node, container);
  if (!entries) return {entries.error()};

  std::vector<Error> errors;
  std::set<std::string> with_rules;  // keys
  if (std::any_of(entries->begin(), entries->end(), has_rules)) {
    node.let_go();
    for (const StoreEntry& entry : *entries) {
      if (!has_rules(entry)) continue;
      if (auto done = node.uninstall_saved_rules(*entry.record); !done) {
        errors.push_back(wrap("remove " + entry.key, done.error()).value());
        with_rules.insert(entry.key);
      }
    }
    if (const auto begun = node.begin(); !begun) return {begun.error()};
    entries = ended_entries(node, container);
    if (!entries) return {entries.error()};
  }
  for (const StoreEntry& entry : *entries) {
    append(errors, remove_without_rules(node, entry, with_rules.contains(entry.key)));
  }
  return errors;
}

Collection collect_garbage(Node& node) {
  auto entries = node.entries();
  if (!entries) return {.removed = 0, .left = 0, .out_of_time = false, .errors = {entries.error()}};
  Collection done = remove_gone(node, *entries);
  const auto known = node.known_cgroups();
  const auto begun = node.in_flight();
  if (!known) done.errors.push_back(known.error());
  if (!begun) done.errors.push_back(begun.error());
  if (!done.errors.empty()) return done;
  std::set<std::uint64_t> owned;
  for (const StoreEntry& entry : *entries) owned.insert(entry.parts.cgroup_id);
  for (const Record& record : *begun) owned.insert(record.cgroup_id);
  for (const std::uint64_t cgroup : *known) {
    // Whoever lives there may be known to a run that sees another /run.
    if (owned.contains(cgroup) || node.liveness(cgroup) == Liveness::populated) continue;
    auto forgotten = node.forget(node.programs(), cgroup);
    if (!forgotten) done.errors.push_back(forgotten.error());
  }
  return done;
}

std::vector<Error> remove_entry(Node& node, const StoreEntry& entry) {
  std::vector<Error> errors;
  if (has_rules(entry)) {
    if (auto done = node.uninstall_abandoned_rules(*entry.record); !done) {
      errors.push_back(wrap("remove " + entry.key, done.error()).value());
    }
  }
  const bool keeps_record = !errors.empty();
  append(errors, remove_without_rules(node, entry, keeps_record));
  return errors;
}

}  // namespace socklid
