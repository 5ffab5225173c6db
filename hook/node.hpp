// SPDX-License-Identifier: Apache-2.0
//
// Node: the one seam between what the hook decides (hook/hook.cpp) and the node it runs on.
// LinuxNode is the real one; tests put a world in its place where any step can be made to fail.
//
// Every call either does all of what it says or, with an error, nothing. What removes takes what
// is absent as done (I7).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "node/cgroup.hpp"
#include "node/container_state.hpp"
#include "node/engine.hpp"
#include "node/files/looked_up.hpp"
#include "node/netns.hpp"
#include "plan/plan.hpp"
#include "plan/rules/ruleset.hpp"
#include "store/policy_store.hpp"
#include "store/record.hpp"

namespace socklid {

/// The container that a policy is being put on.
struct ContainerTarget {
  std::string id;
  pid_t pid{0};
  CgroupRef cgroup;
  NetnsRef netns;
  NetnsKind netns_kind{NetnsKind::own};
  std::uint64_t start_time{0};           ///< of the process, as parse_start_time()
  bool restored{false};                  ///< it was a program before, and is not the engine's
  std::vector<RulesOwner> rules_owners;  ///< whose tables are there; see look_for_rules()
};

class Node {
 public:
  Node() = default;
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;
  virtual ~Node() = default;

  /// For the system log: what went wrong without stopping the run, and what is good to know.
  virtual void warn(std::string_view message) = 0;
  virtual void note(std::string_view message) = 0;
  /// Seconds since 1970.
  [[nodiscard]] virtual std::int64_t now() const = 0;

  // The node ----------------------------------------------------------------------------------

  /// Every container that there is saved state of: for tools and whole collections. Needs no lock.
  [[nodiscard]] virtual Result<std::vector<StoreEntry>> entries() = 0;
  /// Those with this id. Needs no lock.
  [[nodiscard]] virtual Result<std::vector<StoreEntry>> entries_of(const std::string& id) = 0;
  /// Those with the target's id, on its cgroup, and with rules in its network namespace.
  [[nodiscard]] virtual Result<std::vector<StoreEntry>> related(const ContainerTarget& target) = 0;
  /// Those of the next few entries whose container is gone: each run looks at others, so that no
  /// start pays for all that poststop never came for.
  [[nodiscard]] virtual Result<std::vector<StoreEntry>> some_gone() = 0;
  /// Whether the run's share of time for what is gone is used up.
  [[nodiscard]] virtual bool has_collected_enough() const = 0;
  [[nodiscard]] virtual Result<Details> details(const std::string& key) = 0;
  /// Before anything is changed: checks privileges and that the run sees the node as those before
  /// it did (D16), takes the node's lock for the rest of the run, and removes what killed runs have
  /// left half-made. Again after let_go().
  [[nodiscard]] virtual Result<> begin() = 0;
  /// Lets others have the lock: before all that may wait for somebody else's network namespace,
  /// whose members can make it wait as long as they like.
  virtual void let_go() = 0;
  /// The work that other runs, which live, have begun and not published yet.
  [[nodiscard]] virtual Result<std::vector<Record>> in_flight() = 0;
  /// Whether the cgroup is still there, and anything in it. Unknown counts as populated.
  [[nodiscard]] virtual Liveness liveness(std::uint64_t cgroup_id) = 0;
  /// Whether a process of the cgroup is in the network namespace. Unknown counts as one.
  [[nodiscard]] virtual bool has_process_in(std::uint64_t cgroup_id, std::uint64_t netns) = 0;
  /// Whether the first process of a container on record has ended. Unknown counts as alive.
  [[nodiscard]] virtual bool has_ended(const Record& record) = 0;
  /// The hash of the BPF programs that attach() uses.
  [[nodiscard]] virtual std::string programs() const = 0;
  /// The view that begin() has found.
  [[nodiscard]] virtual std::optional<View> view() const = 0;
  /// Whether the run sees the node as those before it did, see store/view.hpp. Needs no lock.
  [[nodiscard]] virtual Result<> check_view() = 0;

  /// Cgroup ids in the maps of the programs that attach() uses.
  [[nodiscard]] virtual Result<std::vector<std::uint64_t>> known_cgroups() = 0;

  // One container, set up -----------------------------------------------------------------------

  /// Who made the container and what is sure of it, by its state and its process's cgroup.
  [[nodiscard]] virtual Result<Identity> identify(const ContainerState& container) = 0;
  /// Opens the process that identify(), called before, has found. Needs no lock.
  [[nodiscard]] virtual Result<ContainerTarget> open_target(const ContainerState& container,
                                                            const Identity& identity) = 0;
  /// Whose rules are in the target's network namespace: into `rules_owners`. Without the lock. Not
  /// for the host's namespace.
  [[nodiscard]] virtual Result<> look_for_rules(ContainerTarget& target) = 0;
  /// Whether other containers are in it: into `netns_kind`. Not for the host's namespace.
  [[nodiscard]] virtual Result<> look_around(ContainerTarget& target) = 0;
  /// The files of the policy's subjects and of `readonly` in the container's own root, and the
  /// clocks of its hours. Of the process that identify() has found. Needs no lock.
  /// Exit::unsupported for what cannot be held: see node/files/resolve.hpp; a container that is
  /// restored.
  [[nodiscard]] virtual Result<LookedUp> look_up(const ContainerState& container,
                                                 const Plan& plan) = 0;
  /// Exit::process if the container's process is no longer the one that identify() found.
  [[nodiscard]] virtual Result<> check_unchanged(const ContainerTarget& target) = 0;

  /// Replaces whatever the namespace has in a table of that name. The others stay. These three
  /// without the lock, and after intend(): the slot is the run's own then.
  [[nodiscard]] virtual Result<> install_rules(const ContainerTarget& target,
                                               const NftRuleset& rules) = 0;
  [[nodiscard]] virtual Result<> uninstall_rules(const ContainerTarget& target,
                                                 const std::string& table) = 0;
  /// Removes the table that `owner` names, if it is his still.
  [[nodiscard]] virtual Result<> uninstall_rules_of(const ContainerTarget& target,
                                                    const RulesOwner& owner) = 0;

  /// Links of the hooks that the policy needs. They last as long as this object, or until
  /// detach(), and longer only if they are staged.
  [[nodiscard]] virtual Result<> attach(const ContainerTarget& target, const Hooks& hooks) = 0;
  [[nodiscard]] virtual Result<> detach(const ContainerTarget& target) = 0;
  /// After attach(): until then the kernel has no place for the policy, and denies everything.
  /// Exit::unsupported for subjects or `readonly` in a container that is within one with either.
  [[nodiscard]] virtual Result<> write_policy(const ContainerTarget& target, const Plan& plan,
                                              const LookedUp& looked_up) = 0;
  /// Takes the cgroup out of the maps of the programs `hash`, if these are still there.
  [[nodiscard]] virtual Result<> forget(const std::string& hash, std::uint64_t cgroup_id) = 0;

  /// Writes down what is about to be put in force, for the run that comes after one that is killed.
  [[nodiscard]] virtual Result<> intend(const Record& wanted) = 0;
  /// It is in force, or taken back. With or without the lock.
  [[nodiscard]] virtual Result<> intend_no_more() = 0;

  /// Pins the attached links in a staging directory.
  [[nodiscard]] virtual Result<> stage(const std::string& key) = 0;
  [[nodiscard]] virtual Result<> unstage(const std::string& key) = 0;
  /// The commit point; see PolicyStore::publish and withdraw. Exit::busy if the run is out of time.
  [[nodiscard]] virtual Result<> publish(const Saved& saved) = 0;
  [[nodiscard]] virtual Result<> withdraw(const std::string& key,
                                          const std::optional<Saved>& previous) = 0;

  // One container, removed ----------------------------------------------------------------------

  /// Removes the published pins.
  [[nodiscard]] virtual Result<> unpin(const std::string& key) = 0;
  /// Removes the container's table if the namespace is still found and the table still its own.
  /// Waits for the namespace as long as it takes: without the lock, for its own poststop.
  [[nodiscard]] virtual Result<> uninstall_saved_rules(const Record& record) = 0;
  /// The same for a container of somebody else's, with the lock: Exit::busy, and the table stays,
  /// if it cannot be done shortly. A namespace that has kept one run waiting keeps no other.
  [[nodiscard]] virtual Result<> uninstall_abandoned_rules(const Record& record) = 0;
  /// Removes the record and its details.
  [[nodiscard]] virtual Result<> erase(const std::string& key) = 0;
};

}  // namespace socklid
