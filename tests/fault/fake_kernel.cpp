// SPDX-License-Identifier: Apache-2.0
#include "tests/fault/fake_kernel.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <utility>

namespace socklid {
namespace {

std::vector<unsigned char> bytes_of(const Plan& plan) {
  std::vector<unsigned char> bytes(sizeof plan.image);
  std::memcpy(bytes.data(), &plan.image, sizeof plan.image);
  for (const PlaceEntry& entry : plan.lists.places) {
    const auto* raw = reinterpret_cast<const unsigned char*>(&entry);
    bytes.insert(bytes.end(), raw, raw + sizeof entry);
  }
  return bytes;
}

}  // namespace

void FakeNode::destroy(pid_t pid) {
  const FakeContainer gone = containers.at(pid);
  containers.erase(pid);
  for (const auto& [other_pid, other] : containers) {
    if (other.netns == gone.netns) return;
  }
  std::erase_if(kept.rules, [&](const auto& table) { return table.first.first == gone.netns; });
}

const FakeContainer* FakeNode::with_cgroup(std::uint64_t id) const {
  for (const auto& [pid, container] : containers) {
    if (container.cgroup_id == id) return &container;
  }
  return nullptr;
}

Result<> FakeKernel::call(const std::string& name) {
  journal.push_back(name);
  const int number = calls++;
  if (never_open) {
    EXPECT_TRUE(in_force(*never_open)) << "before " << name;
  }
  if (kill_at >= 0 && number >= kill_at) return fail(Exit::internal, "killed");
  if (number == fail_at) return fail(Exit::internal, name + " was made to fail");
  return {};
}

bool FakeKernel::in_force(std::uint64_t cgroup_id) const {
  const auto belongs = [&](const auto& held) {
    const auto parts = parse_key(held.first);
    return parts && parts->cgroup_id == cgroup_id && !held.second.empty();
  };
  bool links = open_links_.contains(cgroup_id);
  for (const auto& held : node_.kept.pinned) links = links || belongs(held);
  for (const auto& held : node_.kept.staged) links = links || belongs(held);
  return links && node_.kept.policies.contains(cgroup_id);
}

Result<std::vector<StoreEntry>> FakeKernel::entries() {
  SL_CHECK(call("entries"));
  std::map<std::string, StoreEntry> found;
  for (const auto& [key, record] : node_.kept.records) {
    found[key].record = record;
    found[key].recorded = true;
  }
  for (const auto& [key, links] : node_.kept.pinned) found[key].pinned = true;
  std::vector<StoreEntry> result;
  for (auto& [key, entry] : found) {
    entry.key = key;
    entry.parts = parse_key(key).value();
    result.push_back(std::move(entry));
  }
  return result;
}

Result<> FakeKernel::begin() {
  SL_CHECK(call("begin"));
  node_.kept.staged.clear();
  return {};
}

Liveness FakeKernel::liveness(const StoreEntry& entry) {
  if (entry.recorded && !entry.pinned) return Liveness::gone;
  const FakeContainer* container = node_.with_cgroup(entry.parts.cgroup_id);
  return container == nullptr ? Liveness::gone : container->liveness;
}

Result<std::vector<std::uint64_t>> FakeKernel::known_cgroups() {
  SL_CHECK(call("known_cgroups"));
  std::vector<std::uint64_t> ids;
  for (const auto& [id, policy] : node_.kept.policies) ids.push_back(id);
  return ids;
}

Result<Identity> FakeKernel::identify(const ContainerState& container) {
  SL_CHECK(call("identify"));
  return socklid::identify(node_.containers.at(container.pid).cgroup, container.id,
                           container.annotations);
}

Result<ContainerTarget> FakeKernel::open_target(const ContainerState& container, bool with_rules) {
  SL_CHECK(call("open_target"));
  const FakeContainer& found = node_.containers.at(container.pid);
  ContainerTarget target{.id = container.id,
                         .pid = container.pid,
                         .cgroup = {.path = "/" + container.id, .fd = {}, .id = found.cgroup_id},
                         .netns = {.fd = {}, .inode = found.netns},
                         .netns_kind = found.kind,
                         .rules_owners = {}};
  for (const auto& [id, rules] : node_.kept.rules) {
    if (!with_rules || id.first != found.netns) continue;
    target.rules_owners.push_back(parse_rules_owner(rules.comment).value());
    target.rules_owners.back().slot = slot_of_table(id.second).value();
  }
  return target;
}

Result<> FakeKernel::check_unchanged(const ContainerTarget&) {
  return call("check_unchanged");
}

Result<> FakeKernel::install_rules(const ContainerTarget& target, const NftRuleset& rules) {
  SL_CHECK(call("install_rules"));
  node_.kept.rules[{target.netns.inode, rules.table}] = rules;
  return {};
}

Result<> FakeKernel::uninstall_rules(const ContainerTarget& target, const std::string& table) {
  SL_CHECK(call("uninstall_rules"));
  node_.kept.rules.erase({target.netns.inode, table});
  return {};
}

Result<> FakeKernel::attach(const ContainerTarget& target, const Hooks&) {
  SL_CHECK(call("attach"));
  open_links_[target.cgroup.id] = {node_.next_link++};
  return {};
}

Result<> FakeKernel::detach(const ContainerTarget& target) {
  SL_CHECK(call("detach"));
  open_links_.erase(target.cgroup.id);
  return {};
}

Result<> FakeKernel::write_policy(const ContainerTarget& target, const Plan& plan) {
  SL_CHECK(call("write_policy"));
  EXPECT_TRUE(open_links_.contains(target.cgroup.id)) << "the kernel has no place for it yet";
  node_.kept.policies[target.cgroup.id] = bytes_of(plan);
  return {};
}

Result<> FakeKernel::forget(const std::string&, std::uint64_t cgroup_id) {
  SL_CHECK(call("forget"));
  node_.kept.policies.erase(cgroup_id);
  return {};
}

Result<> FakeKernel::stage(const std::string& key) {
  SL_CHECK(call("stage"));
  node_.kept.staged[key] = open_links_.at(parse_key(key)->cgroup_id);
  return {};
}

Result<> FakeKernel::unstage(const std::string& key) {
  SL_CHECK(call("unstage"));
  node_.kept.staged.erase(key);
  return {};
}

Result<> FakeKernel::publish(const Record& record) {
  SL_CHECK(call("publish"));
  const std::string key = key_of(record.id, record.cgroup_id);
  const std::map<std::string, Record> before = node_.kept.records;
  node_.kept.records[key] = record;
  // The run can be killed between the two halves.
  if (auto second = call("publish: rename"); !second) {
    if (kill_at < 0) node_.kept.records = before;
    return second;
  }
  Kept::LinkIds links = node_.kept.staged.at(key);
  node_.kept.staged.erase(key);
  if (const auto old = node_.kept.pinned.find(key); old != node_.kept.pinned.end()) {
    node_.kept.staged[key] = old->second;
  }
  node_.kept.pinned[key] = std::move(links);
  return {};
}

Result<> FakeKernel::withdraw(const std::string& key, const std::optional<Record>& previous) {
  SL_CHECK(call("withdraw"));
  if (const auto old = node_.kept.staged.find(key); old != node_.kept.staged.end()) {
    std::swap(node_.kept.pinned[key], old->second);
  } else {
    node_.kept.pinned.erase(key);
  }
  node_.kept.records.erase(key);
  if (previous) node_.kept.records[key] = *previous;
  return {};
}

Result<> FakeKernel::unpin(const std::string& key) {
  SL_CHECK(call("unpin"));
  node_.kept.pinned.erase(key);
  return {};
}

Result<> FakeKernel::uninstall_saved_rules(const Record& record) {
  SL_CHECK(call("uninstall_saved_rules"));
  const auto rules = node_.kept.rules.find({record.netns, table_name(record.placement.slot)});
  if (rules == node_.kept.rules.end()) return {};
  const auto owner = parse_rules_owner(rules->second.comment);
  if (owner && owner->cgroup_id == record.cgroup_id) node_.kept.rules.erase(rules);
  return {};
}

Result<> FakeKernel::erase(const std::string& key) {
  SL_CHECK(call("erase"));
  node_.kept.records.erase(key);
  return {};
}

}  // namespace socklid
