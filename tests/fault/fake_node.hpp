// SPDX-License-Identifier: Apache-2.0
//
// FakeRun: a node as a value, behind the seam. Any call can be made to fail, or be the last one
// before the run is killed.
//
//   FakeRun kernel(node);
//   kernel.fail_at = 3;                        // the fourth call fails, having done nothing
//   kernel.kill_at = 3;                        // from the fourth call on nothing happens any more
//   (void)create(kernel, state);  kernel.end_run();
//   EXPECT_EQ(node.on_node, before);
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "hook/node.hpp"

namespace socklid {

/// What one container looks like from outside.
struct FakeContainer {
  std::uint64_t cgroup_id{0};
  std::uint64_t netns{0};
  NetnsKind kind{NetnsKind::own};
  Liveness liveness{Liveness::populated};
  bool ended{false};     ///< its first process has; others may be in its cgroup
  std::string cgroup{};  ///< its path, by which its engine is known
};

/// What socklid keeps on the node. Links are numbered, so that old and new ones differ.
struct OnNode {
  using LinkIds = std::set<int>;
  using TableId = std::pair<std::uint64_t, std::string>;
  std::map<TableId, NftRuleset> rules;                           ///< by namespace and table
  std::map<std::uint64_t, std::vector<unsigned char>> policies;  ///< by cgroup
  std::map<std::string, LinkIds> staged;                         ///< by key
  std::map<std::string, LinkIds> pinned;                         ///< by key
  std::map<std::string, Saved> records;                          ///< by key
  std::map<std::string, Record> begun;                           ///< by key
  friend bool operator==(const OnNode&, const OnNode&) = default;
};

struct FakeNode {
  OnNode on_node;
  std::map<pid_t, FakeContainer> containers;
  int next_link{1};
  View view{31, 4026531835, 4026531836};
  std::int64_t time{1000};
  std::map<std::string, Record> in_flight;  ///< what runs have begun that live elsewhere, by key
  std::set<std::uint64_t> hostile;          ///< namespaces whose nf_tables answer nobody in time

  /// The container's cgroup and namespace are removed, and what the kernel keeps with them.
  void destroy(pid_t pid);
  [[nodiscard]] const FakeContainer* with_cgroup(std::uint64_t id) const;
};

class FakeRun final : public Node {
 public:
  explicit FakeRun(FakeNode& node) : node_(node) {}

  int fail_at{-1};
  int kill_at{-1};
  int removes{1000};  ///< entries of what is gone, before the run has collected enough
  int calls{0};       ///< of those that can fail
  std::vector<std::string> warnings;
  std::vector<std::string> notes;
  std::vector<std::string> journal;  ///< names of the calls
  /// If set: this cgroup must never be without links and a policy (checked after every call).
  std::optional<std::uint64_t> never_open;

  /// The process ends: links that are not pinned go.
  void end_run() { open_links_.clear(); }
  /// Links and a policy are there.
  [[nodiscard]] bool in_force(std::uint64_t cgroup_id) const;

  void warn(std::string_view message) override { warnings.emplace_back(message); }
  void note(std::string_view message) override { notes.emplace_back(message); }
  [[nodiscard]] std::int64_t now() const override { return node_.time; }
  [[nodiscard]] Result<std::vector<StoreEntry>> entries() override;
  [[nodiscard]] Result<std::vector<StoreEntry>> entries_of(const std::string& id) override;
  [[nodiscard]] Result<std::vector<StoreEntry>> related(const ContainerTarget& target) override;
  [[nodiscard]] Result<std::vector<StoreEntry>> some_gone() override;
  [[nodiscard]] bool has_collected_enough() const override { return removed_ >= removes; }
  [[nodiscard]] Result<Details> details(const std::string& key) override;
  [[nodiscard]] Result<> begin() override;
  void let_go() override { locked_ = false; }
  [[nodiscard]] Result<std::vector<Record>> in_flight() override;
  [[nodiscard]] Liveness liveness(std::uint64_t cgroup_id) override;
  [[nodiscard]] bool has_process_in(std::uint64_t cgroup_id, std::uint64_t netns) override;
  [[nodiscard]] bool has_ended(const Record& record) override;
  [[nodiscard]] std::optional<View> view() const override { return node_.view; }
  [[nodiscard]] Result<> check_view() override { return {}; }
  [[nodiscard]] std::string programs() const override { return "0123456789abcdef"; }
  [[nodiscard]] Result<std::vector<std::uint64_t>> known_cgroups() override;
  [[nodiscard]] Result<Identity> identify(const ContainerState& container) override;
  [[nodiscard]] Result<ContainerTarget> open_target(const ContainerState& container,
                                                    const Identity& identity) override;
  [[nodiscard]] Result<> look_for_rules(ContainerTarget& target) override;
  [[nodiscard]] Result<> look_around(ContainerTarget& target) override;
  [[nodiscard]] Result<> check_unchanged(const ContainerTarget& target) override;
  [[nodiscard]] Result<> install_rules(const ContainerTarget& target,
                                       const NftRuleset& rules) override;
  [[nodiscard]] Result<> uninstall_rules(const ContainerTarget& target,
                                         const std::string& table) override;
  [[nodiscard]] Result<> uninstall_rules_of(const ContainerTarget& target,
                                            const RulesOwner& owner) override;
  [[nodiscard]] Result<> attach(const ContainerTarget& target, const Hooks& hooks) override;
  [[nodiscard]] Result<> detach(const ContainerTarget& target) override;
  [[nodiscard]] Result<LookedUp> look_up(const ContainerState& container,
                                         const Plan& plan) override;
  [[nodiscard]] Result<> write_policy(const ContainerTarget& target, const Plan& plan,
                                      const LookedUp& looked_up) override;
  [[nodiscard]] Result<> forget(const std::string& hash, std::uint64_t cgroup_id) override;
  [[nodiscard]] Result<> intend(const Record& wanted) override;
  [[nodiscard]] Result<> intend_no_more() override;
  [[nodiscard]] Result<> stage(const std::string& key) override;
  [[nodiscard]] Result<> unstage(const std::string& key) override;
  [[nodiscard]] Result<> publish(const Saved& saved) override;
  [[nodiscard]] Result<> withdraw(const std::string& key,
                                  const std::optional<Saved>& previous) override;
  [[nodiscard]] Result<> unpin(const std::string& key) override;
  [[nodiscard]] Result<> uninstall_saved_rules(const Record& record) override;
  [[nodiscard]] Result<> uninstall_abandoned_rules(const Record& record) override;
  [[nodiscard]] Result<> erase(const std::string& key) override;

 private:
  [[nodiscard]] Result<> call(const std::string& name);
  /// Of what needs the node's lock, and of what may wait for a namespace and must not have it.
  [[nodiscard]] Result<> locked_call(const std::string& name);
  [[nodiscard]] Result<> waiting_call(const std::string& name);
  void uninstall(std::uint64_t netns, std::uint8_t slot, std::uint64_t cgroup_id);
  [[nodiscard]] std::vector<StoreEntry> all() const;
  int removed_{0};
  bool locked_{false};
  std::string begun_;  ///< the key of this run's intent
  FakeNode& node_;
  std::map<std::uint64_t, OnNode::LinkIds> open_links_;  ///< by cgroup
};

}  // namespace socklid
