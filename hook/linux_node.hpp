// SPDX-License-Identifier: Apache-2.0
//
// LinuxNode: the real Node. Making one costs nothing; the first call that needs something of
// the node opens it (I1).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "guard/guard.hpp"
#include "hook/node.hpp"
#include "system/lock.hpp"
#include "system/paths.hpp"
#include "system/process.hpp"

namespace socklid {

class LinuxNode : public Node {
 public:
  LinuxNode(Paths paths, Deadline deadline);

  void warn(std::string_view message) override;
  void note(std::string_view message) override;
  [[nodiscard]] std::int64_t now() const override;

  [[nodiscard]] Result<std::vector<StoreEntry>> entries() override;
  [[nodiscard]] Result<std::vector<StoreEntry>> entries_of(const std::string& id) override;
  [[nodiscard]] Result<std::vector<StoreEntry>> related(const ContainerTarget& target) override;
  [[nodiscard]] Result<std::vector<StoreEntry>> some_gone() override;
  [[nodiscard]] bool has_collected_enough() const override;
  [[nodiscard]] Result<Details> details(const std::string& key) override;
  [[nodiscard]] Result<> begin() override;
  void let_go() override;
  [[nodiscard]] Result<std::vector<Record>> in_flight() override;
  [[nodiscard]] Liveness liveness(std::uint64_t cgroup_id) override;
  [[nodiscard]] bool has_process_in(std::uint64_t cgroup_id, std::uint64_t netns) override;
  [[nodiscard]] bool has_ended(const Record& record) override;
  [[nodiscard]] std::string programs() const override;
  [[nodiscard]] std::optional<View> view() const override { return view_; }
  [[nodiscard]] Result<> check_view() override { return socklid::check_view(paths_); }
  [[nodiscard]] Result<std::vector<std::uint64_t>> known_cgroups() override;

  /// As begin(). Where the store was made in another view and no container on record has a process
  /// any more, this run's view becomes the store's.
  [[nodiscard]] Result<> begin_and_take_view();
  /// Network namespaces that have kept a run waiting get another chance.
  [[nodiscard]] Result<> forget_slow();

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

  // For repair() (linux_node_repair.cpp) -------------------------------------------------------

  /// The container of a record, by its cgroup and namespace as they are now; for attach() and what
  /// follows. `rules_owners` has those of tables that name one. Exit::cgroup or Exit::netns if that
  /// is gone.
  [[nodiscard]] Result<ContainerTarget> reopen_target(const Record& record);
  /// Pins what of this build is alive and not pinned any more, see guard/repin.hpp.
  [[nodiscard]] Result<> pin_again(const std::string& key);
  /// Takes away the node's anchors that hold on to nothing any more: attach() makes them anew.
  [[nodiscard]] Result<> drop_dead_anchors(const Hooks& hooks);
  /// As write_policy(), whatever is left of it: see SocketGuard::rewrite_policy().
  [[nodiscard]] Result<> rewrite_policy(const ContainerTarget& target, const Plan& plan,
                                        const LookedUp& looked_up);

 private:
  [[nodiscard]] Result<CgroupMount> mount();
  [[nodiscard]] Result<PolicyStore*> store();
  [[nodiscard]] Result<int> mount_fd();
  [[nodiscard]] Result<> begin(bool takes_view);
  [[nodiscard]] Result<> settle_view(const View& here, bool takes_it);
  [[nodiscard]] Result<> check_not_nested(const ContainerTarget& target) const;
  [[nodiscard]] Result<bool> anybody_lives();
  [[nodiscard]] Result<> clean_up_after_killed_runs();
  [[nodiscard]] Result<> take_back(const Record& begun);

  Paths paths_;
  Deadline deadline_;
  std::optional<NodeLock> lock_;
  std::optional<PolicyStore> store_;
  std::optional<CgroupMount> mount_;
  UniqueFd mount_fd_;
  std::optional<View> view_;
  std::optional<Deadline> collects_until_;
  std::optional<ContainerProcess> process_;
  std::optional<SocketGuard> guard_;
  std::optional<Links> links_;
  /// The file of intend(): it is locked for as long as this run lives.
  struct Begun {
    std::string key;
    UniqueFd file;
  };
  std::optional<Begun> begun_;
};

}  // namespace socklid
