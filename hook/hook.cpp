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

Result<InForce> in_force(const annotations::Annotations& annotations,
                         const ContainerTarget& target) {
  const annotations::Policy policy = SL_TRY(annotations::parse(annotations));
  InForce result{.plan = compile(policy), .rules = std::nullopt};
  if (result.plan.rules && result.plan.mark) {
    result.rules = compile_rules(policy, *result.plan.mark, target.id, target.cgroup.id);
  }
  return result;
}

annotations::Annotations only_ours(const annotations::Annotations& all) {
  annotations::Annotations ours;
  for (const auto& [key, value] : all) {
    if (key.starts_with(annotations::key_prefix)) ours.emplace(key, value);
  }
  // Which of KEY/CONTAINER is ours depends on it.
  for (const std::string_view key :
       {"io.kubernetes.container.name", "io.kubernetes.cri.container-name"}) {
    if (const auto found = all.find(key); found != all.end()) ours.insert(*found);
  }
  return ours;
}

Record record_of(const Kernel& kernel, const ContainerState& container,
                 const ContainerTarget& target, const Plan& plan) {
  Record record{.id = target.id,
                .cgroup_id = target.cgroup.id,
                .cgroup_path = target.cgroup.path,
                .netns = target.netns.inode,
                .object_hash = kernel.programs(),
                .hooks = {},
                .mark = plan.mark,
                .rules = plan.rules,
                .annotations = only_ours(container.annotations),
                .notes = plan.notes,
                .created = kernel.now(),
                .pid = target.pid};
  for (const Hook hook : plan.hooks) record.hooks.emplace_back(name(hook));
  return record;
}

/// The other container whose rules are in force in the namespace, if there is one.
std::optional<RulesOwner> neighbour(Kernel& kernel, const ContainerTarget& target,
                                    const std::vector<StoreEntry>& entries) {
  // Cgroup ids are not reused while the node is up; container ids are.
  if (!target.rules_owner || target.rules_owner->cgroup_id == target.cgroup.id) return {};
  for (const StoreEntry& entry : entries) {
    if (entry.parts.cgroup_id == target.rules_owner->cgroup_id &&
        kernel.liveness(entry) != Liveness::gone) {
      return target.rules_owner;
    }
  }
  return {};
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

/// Rules of ours drop what is not marked: in a namespace of others that would be their packets
/// (I6, D6).
Result<> check_namespace(Kernel& kernel, const ContainerTarget& target,
                         const std::vector<StoreEntry>& entries) {
  const auto refuse = [&](const std::string& which, const std::string& mend) {
    return fail(Exit::unsupported, "io.socklid.egress is not available in a " + which +
                                       " in this version (net:[" +
                                       std::to_string(target.netns.inode) + "]); " + mend);
  };
  if (target.netns_kind == NetnsKind::host) {
    return refuse("host network namespace",
                  "leave io.socklid.egress out or give the container a network of its own");
  }
  const std::string mend =
      "leave io.socklid.egress out, or run the container outside the pod with a network of its own";
  if (const auto other = neighbour(kernel, target, entries)) {
    return refuse("network namespace shared with container " + short_id(other->id), mend);
  }
  if (target.netns_kind == NetnsKind::shared) {
    return refuse("network namespace shared with pod " + short_id(target.sandbox.value_or("?")),
                  mend);
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

Result<> put_rules(Kernel& kernel, const ContainerTarget& target,
                   const std::optional<NftRuleset>& rules) {
  return rules ? kernel.install_rules(target, *rules) : kernel.uninstall_rules(target);
}

/// What an earlier call for the same container and cgroup has put in force, if it did.
std::optional<InForce> earlier(const std::optional<Record>& saved, const ContainerTarget& target) {
  if (!saved) return std::nullopt;
  auto before = in_force(saved->annotations, target);
  if (!before) return std::nullopt;  // written by a version with another language
  return std::move(*before);
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
        "install nft rules", [&] { return put_rules(kernel, target, wanted.rules); },
        [&] { return put_rules(kernel, target, old_rules); }));
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
  if (!annotations::any(container.annotations)) return {};                               // I1
  const annotations::Policy policy = SL_TRY(annotations::parse(container.annotations));  // I8
  if (policy == annotations::Policy{}) return {};                                        // I1
  const Plan plan = compile(policy);
  SL_CHECK(check_ready(container));

  SL_CHECK(kernel.begin());
  const ContainerTarget target = SL_TRY(kernel.open_target(container, plan.rules));
  std::vector<StoreEntry> entries = SL_TRY(kernel.entries());
  for (const Error& error : remove_gone(kernel, entries)) kernel.warn(error.message);
  SL_CHECK(check_unclaimed(kernel, target, entries));
  if (plan.rules) SL_CHECK(check_namespace(kernel, target, entries));

  const InForce wanted = SL_TRY(in_force(container.annotations, target));
  SL_CHECK(apply(kernel, target, wanted, record_of(kernel, container, target, plan),
                 find_record(entries, key_of(target.id, target.cgroup.id))));
  for (const std::string& note : plan.notes) kernel.note(short_id(target.id) + ": " + note);
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
