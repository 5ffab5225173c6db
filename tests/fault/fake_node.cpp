// SPDX-License-Identifier: Apache-2.0
#include "tests/fault/fake_node.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <utility>

namespace socklid {
namespace {

std::vector<unsigned char> bytes_of(const Plan& plan) {
  std::vector<unsigned char> bytes(sizeof plan.image);
  std::memcpy(bytes.data(), &plan.image, sizeof plan.image);
  for (const PrefixEntry& entry : plan.lists.prefixes) {
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
  std::erase_if(on_node.rules, [&](const auto& table) { return table.first.first == gone.netns; });
}

const FakeContainer* FakeNode::with_cgroup(std::uint64_t id) const {
  for (const auto& [pid, container] : containers) {
    if (container.cgroup_id == id) return &container;
  }
  return nullptr;
}

Result<> FakeRun::call(const std::string& name) {
  journal.push_back(name);
  const int number = calls++;
  if (never_open) {
    EXPECT_TRUE(in_force(*never_open)) << "before " << name;
  }
  if (kill_at >= 0 && number >= kill_at) return fail(Exit::internal, "killed");
  if (number == fail_at) return fail(Exit::internal, name, " was made to fail");
  return {};
}

Result<> FakeRun::locked_call(const std::string& name) {
  SL_CHECK(call(name));
  EXPECT_TRUE(locked_) << name << " without the node's lock";
  return {};
}

Result<> FakeRun::waiting_call(const std::string& name) {
  SL_CHECK(call(name));
  EXPECT_FALSE(locked_) << name << " keeps everybody waiting";
  return {};
}

bool FakeRun::in_force(std::uint64_t cgroup_id) const {
  const auto belongs = [&](const auto& held) {
    const auto parts = parse_key(held.first);
    return parts && parts->cgroup_id == cgroup_id && !held.second.empty();
  };
  bool links = open_links_.contains(cgroup_id);
  for (const auto& held : node_.on_node.pinned) links = links || belongs(held);
  for (const auto& held : node_.on_node.staged) links = links || belongs(held);
  return links && node_.on_node.policies.contains(cgroup_id);
}

std::vector<StoreEntry> FakeRun::all() const {
  std::map<std::string, StoreEntry> found;
  for (const auto& [key, saved] : node_.on_node.records) {
    found[key].record = saved.record;
    found[key].recorded = true;
  }
  for (const auto& [key, links] : node_.on_node.pinned) found[key].pinned = true;
  std::vector<StoreEntry> result;
  for (auto& [key, entry] : found) {
    entry.key = key;
    entry.parts = parse_key(key).value();
    result.push_back(std::move(entry));
  }
  return result;
}

Result<std::vector<StoreEntry>> FakeRun::entries() {
  SL_CHECK(call("entries"));
  return all();
}

Result<std::vector<StoreEntry>> FakeRun::entries_of(const std::string& id) {
  SL_CHECK(call("entries_of"));
  std::vector<StoreEntry> found = all();
  std::erase_if(found, [&](const auto& one) { return one.parts.encoded_id != encode_id(id); });
  return found;
}

Result<std::vector<StoreEntry>> FakeRun::related(const ContainerTarget& target) {
  SL_CHECK(locked_call("related"));
  std::vector<StoreEntry> found = all();
  std::erase_if(found, [&](const StoreEntry& one) {
    return one.parts.encoded_id != encode_id(target.id) &&
           one.parts.cgroup_id != target.cgroup.id &&
           !(one.record && one.record->rules && one.record->netns == target.netns.inode);
  });
  return found;
}

Result<std::vector<StoreEntry>> FakeRun::some_gone() {
  SL_CHECK(locked_call("some_gone"));
  std::vector<StoreEntry> found = all();
  std::erase_if(found, [&](const StoreEntry& one) {
    return liveness(one.parts.cgroup_id) != Liveness::gone;
  });
  return found;
}

Result<Details> FakeRun::details(const std::string& key) {
  SL_CHECK(call("details"));
  return node_.on_node.records.at(key).details;
}

/// As LinuxNode: what a killed run had begun is in force, or taken back, but for its rules.
Result<> FakeRun::begin() {
  SL_CHECK(call("begin"));
  EXPECT_FALSE(locked_) << "it has the lock";
  locked_ = true;
  OnNode& on_node = node_.on_node;
  on_node.staged.clear();
  std::erase_if(on_node.begun, [&](const auto& begun) {
    if (begun.first == begun_) return false;
    if (on_node.pinned.contains(begun.first)) return true;
    on_node.policies.erase(begun.second.cgroup_id);
    on_node.records.erase(begun.first);
    if (begun.second.rules) on_node.records[begun.first].record = begun.second;
    return true;
  });
  return {};
}

Result<std::vector<Record>> FakeRun::in_flight() {
  SL_CHECK(locked_call("in_flight"));
  std::vector<Record> records;
  for (const auto& [key, record] : node_.in_flight) records.push_back(record);
  return records;
}

Liveness FakeRun::liveness(std::uint64_t cgroup_id) {
  const FakeContainer* container = node_.with_cgroup(cgroup_id);
  return container == nullptr ? Liveness::gone : container->liveness;
}

bool FakeRun::has_process_in(std::uint64_t cgroup_id, std::uint64_t netns) {
  const FakeContainer* container = node_.with_cgroup(cgroup_id);
  return container != nullptr && container->liveness == Liveness::populated &&
         container->netns == netns;
}

bool FakeRun::has_ended(const Record& record) {
  const FakeContainer* container = node_.with_cgroup(record.cgroup_id);
  return container == nullptr || container->ended;
}

Result<std::vector<std::uint64_t>> FakeRun::known_cgroups() {
  SL_CHECK(call("known_cgroups"));
  std::vector<std::uint64_t> ids;
  for (const auto& [id, policy] : node_.on_node.policies) ids.push_back(id);
  return ids;
}

Result<Identity> FakeRun::identify(const ContainerState& container) {
  SL_CHECK(call("identify"));
  return socklid::identify(node_.containers.at(container.pid).cgroup, container.id,
                           container.annotations);
}

Result<ContainerTarget> FakeRun::open_target(const ContainerState& container, const Identity&) {
  SL_CHECK(call("open_target"));
  const FakeContainer& found = node_.containers.at(container.pid);
  ContainerTarget target{.id = container.id,
                         .pid = container.pid,
                         .cgroup = {.path = "/" + container.id, .fd = {}, .id = found.cgroup_id},
                         .netns = {.fd = {}, .inode = found.netns},
                         .netns_kind = found.kind,
                         .start_time = 1,
                         .rules_owners = {}};
  return target;
}

Result<> FakeRun::look_around(ContainerTarget&) {
  return locked_call("look_around");
}

Result<> FakeRun::look_for_rules(ContainerTarget& target) {
  SL_CHECK(waiting_call("look_for_rules"));
  for (const auto& [id, rules] : node_.on_node.rules) {
    if (id.first != target.netns.inode) continue;
    target.rules_owners.push_back(parse_rules_owner(rules.comment).value());
    target.rules_owners.back().slot = slot_of_table(id.second).value();
  }
  return {};
}

Result<> FakeRun::check_unchanged(const ContainerTarget&) {
  return call("check_unchanged");
}

Result<> FakeRun::install_rules(const ContainerTarget& target, const NftRuleset& rules) {
  SL_CHECK(waiting_call("install_rules"));
  node_.on_node.rules[{target.netns.inode, rules.table}] = rules;
  return {};
}

Result<> FakeRun::uninstall_rules(const ContainerTarget& target, const std::string& table) {
  SL_CHECK(waiting_call("uninstall_rules"));
  node_.on_node.rules.erase({target.netns.inode, table});
  return {};
}

Result<> FakeRun::attach(const ContainerTarget& target, const Hooks&) {
  SL_CHECK(locked_call("attach"));
  open_links_[target.cgroup.id] = {node_.next_link++};
  return {};
}

Result<> FakeRun::detach(const ContainerTarget& target) {
  SL_CHECK(call("detach"));
  open_links_.erase(target.cgroup.id);
  return {};
}

Result<LookedUp> FakeRun::look_up(const ContainerState&, const Plan&) {
  SL_CHECK(call("look_up"));
  return LookedUp{
      .mntns = 7, .tai_offset = 0, .files = {}, .named = {}, .programs = {}, .zones = {}};
}

Result<> FakeRun::write_policy(const ContainerTarget& target, const Plan& plan,
                               const LookedUp& looked_up) {
  SL_CHECK(locked_call("write_policy"));
  EXPECT_TRUE(open_links_.contains(target.cgroup.id)) << "the run has no place for it yet";
  node_.on_node.policies[target.cgroup.id] = bytes_of(plan);
  const bool wants = !plan.subjects.empty() || !plan.readonly.empty();
  EXPECT_EQ(looked_up.mntns, wants ? 7U : 0U) << "what was looked up is written";
  return {};
}

Result<> FakeRun::forget(const std::string&, std::uint64_t cgroup_id) {
  SL_CHECK(call("forget"));
  node_.on_node.policies.erase(cgroup_id);
  return {};
}

Result<> FakeRun::intend(const Record& wanted) {
  SL_CHECK(locked_call("intend"));
  begun_ = key_of(wanted.id, wanted.cgroup_id);
  node_.on_node.begun[begun_] = wanted;
  return {};
}

Result<> FakeRun::intend_no_more() {
  SL_CHECK(call("intend_no_more"));
  node_.on_node.begun.erase(begun_);
  return {};
}

Result<> FakeRun::stage(const std::string& key) {
  SL_CHECK(locked_call("stage"));
  node_.on_node.staged[key] = open_links_.at(parse_key(key)->cgroup_id);
  return {};
}

Result<> FakeRun::unstage(const std::string& key) {
  SL_CHECK(call("unstage"));
  node_.on_node.staged.erase(key);
  return {};
}

Result<> FakeRun::publish(const Saved& saved) {
  SL_CHECK(locked_call("publish"));
  const std::string key = key_of(saved.record.id, saved.record.cgroup_id);
  const std::map<std::string, Saved> before = node_.on_node.records;
  node_.on_node.records[key] = saved;
  // The run can be killed between the two halves.
  if (auto second = call("publish: rename"); !second) {
    if (kill_at < 0) node_.on_node.records = before;
    return second;
  }
  OnNode::LinkIds links = node_.on_node.staged.at(key);
  node_.on_node.staged.erase(key);
  if (const auto old = node_.on_node.pinned.find(key); old != node_.on_node.pinned.end()) {
    node_.on_node.staged[key] = old->second;
  }
  node_.on_node.pinned[key] = std::move(links);
  return {};
}

Result<> FakeRun::withdraw(const std::string& key, const std::optional<Saved>& previous) {
  SL_CHECK(call("withdraw"));
  if (const auto old = node_.on_node.staged.find(key); old != node_.on_node.staged.end()) {
    std::swap(node_.on_node.pinned[key], old->second);
  } else {
    node_.on_node.pinned.erase(key);
  }
  node_.on_node.records.erase(key);
  if (previous) node_.on_node.records[key] = *previous;
  return {};
}

Result<> FakeRun::unpin(const std::string& key) {
  SL_CHECK(locked_call("unpin"));
  node_.on_node.pinned.erase(key);
  return {};
}

void FakeRun::uninstall(std::uint64_t netns, std::uint8_t slot, std::uint64_t cgroup_id) {
  const auto rules = node_.on_node.rules.find({netns, table_name(slot)});
  if (rules == node_.on_node.rules.end()) return;
  const auto owner = parse_rules_owner(rules->second.comment);
  if (owner && owner->cgroup_id == cgroup_id) node_.on_node.rules.erase(rules);
}

Result<> FakeRun::uninstall_rules_of(const ContainerTarget& target, const RulesOwner& owner) {
  SL_CHECK(waiting_call("uninstall_rules_of"));
  uninstall(target.netns.inode, owner.slot, owner.cgroup_id);
  return {};
}

Result<> FakeRun::uninstall_saved_rules(const Record& record) {
  SL_CHECK(waiting_call("uninstall_saved_rules"));
  uninstall(record.netns, record.placement.slot, record.cgroup_id);
  return {};
}

Result<> FakeRun::uninstall_abandoned_rules(const Record& record) {
  SL_CHECK(locked_call("uninstall_abandoned_rules"));
  if (node_.hostile.contains(record.netns)) return fail(Exit::busy, "it took too long");
  uninstall(record.netns, record.placement.slot, record.cgroup_id);
  return {};
}

Result<> FakeRun::erase(const std::string& key) {
  SL_CHECK(locked_call("erase"));
  node_.on_node.records.erase(key);
  removed_++;
  return {};
}

}  // namespace socklid
