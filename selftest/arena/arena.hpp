// SPDX-License-Identifier: Apache-2.0
//
// Arena: a throwaway container: a cgroup, a network namespace with another host at its other end,
// and a first process; the policy is put on it as on any container, by create() of hook/hook.hpp.
//
//   const ArenaDirectory directory = SL_TRY(ArenaDirectory::open(make_node));
//   const auto arena = SL_TRY(Arena::make(directory, "verbs", annotations));
//   ... arena->network(), arena->receiver(), arena->counters() ...
//   SL_CHECK(arena->close());
//
// What a killed run has left is removed by the next ArenaDirectory::open(), and what the product
// has kept of it by the next create().
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "annotations/parser.hpp"
#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "hook/node.hpp"
#include "node/cgroup.hpp"
#include "selftest/arena/broker_process.hpp"
#include "selftest/arena/child.hpp"
#include "selftest/arena/counters.hpp"
#include "selftest/arena/network.hpp"
#include "selftest/arena/receiver.hpp"
#include "selftest/arena/root.hpp"

namespace socklid::selftest {

/// A new one for each use: a Node holds the node's lock as long as it lives.
using MakeNode = std::function<std::unique_ptr<Node>()>;

/// The cgroup that the cgroups of one run lie in: socklid-selftest-PID, where cgroup2 is mounted.
class ArenaDirectory {
 public:
  /// Removes those of runs that are over. Errors: Exit::node, Exit::cgroup.
  [[nodiscard]] static Result<ArenaDirectory> open(MakeNode make_node);
  ArenaDirectory(ArenaDirectory&&) noexcept = default;
  ArenaDirectory& operator=(ArenaDirectory&&) = delete;
  ArenaDirectory(const ArenaDirectory&) = delete;
  ArenaDirectory& operator=(const ArenaDirectory&) = delete;
  ~ArenaDirectory();

  [[nodiscard]] const std::string& path() const { return path_; }  ///< of the directory
  [[nodiscard]] const std::string& name() const { return name_; }
  /// Of what runs keep outside their cgroups, in /run.
  [[nodiscard]] const std::string& files() const { return files_; }
  [[nodiscard]] const CgroupMount& mount() const { return mount_; }
  [[nodiscard]] std::unique_ptr<Node> node() const { return make_node_(); }

 private:
  ArenaDirectory() = default;
  MakeNode make_node_;
  CgroupMount mount_;
  std::string name_;
  std::string path_;
  std::string files_;
  UniqueFd lock_;  ///< of the directory, with flock(2): the run lives
};

class Arena {
 public:
  /// `name` is part of the container's id, once in a run. Without annotations there is no policy.
  /// With `own_files` it has a root of its own. `directory` outlives the arena.
  [[nodiscard]] static Result<std::unique_ptr<Arena>> make(
      const ArenaDirectory& directory, std::string_view name,
      const annotations::Annotations& annotations, bool own_files = false);
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;
  /// close(), for who could not.
  ~Arena();

  /// Ends all that is in it, takes the policy off and removes the cgroups. Goes on after an error
  /// and returns the first.
  [[nodiscard]] Result<> close();

  [[nodiscard]] const Network& network() const { return network_; }
  [[nodiscard]] Receiver& receiver() { return *receiver_; }
  [[nodiscard]] const BrokerProcess& broker() const { return *broker_; }
  /// Nothing without a policy.
  [[nodiscard]] const std::optional<Counters>& counters() const { return counters_; }
  /// The container's files, if they are its own.
  [[nodiscard]] const std::optional<Root>& root() const { return root_; }
  /// The directory of the container's cgroup.
  [[nodiscard]] const std::string& cgroup() const { return cgroup_; }
  /// Ends every process inside but the first, and removes the cgroups that they have made.
  [[nodiscard]] Result<> clear();

 private:
  explicit Arena(const ArenaDirectory& directory) : directory_(&directory) {}
  [[nodiscard]] Result<> set_up(const annotations::Annotations& annotations);
  [[nodiscard]] Result<> hold();
  [[nodiscard]] Result<> apply(const annotations::Annotations& annotations);
  [[nodiscard]] Result<> take_off();

  const ArenaDirectory* directory_;
  std::string id_;  ///< of the container
  std::string cgroup_;
  std::string outside_;  ///< a cgroup beside it
  Network network_;
  std::optional<Root> root_;
  std::optional<Receiver> receiver_;
  std::optional<BrokerProcess> broker_;
  std::optional<Child> holder_;  ///< the container's first process
  std::optional<Counters> counters_;
  bool under_policy_{false};
  bool open_{true};
};

}  // namespace socklid::selftest
