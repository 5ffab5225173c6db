// SPDX-License-Identifier: Apache-2.0
//
// SocketGuard: the BPF programs of this node, loaded once and pinned (D1), and what one container
// needs of them. The only files that know libbpf are socket_guard*.cpp.
//
//   SocketGuard guard = SL_TRY(SocketGuard::open(plan.hooks, mount));  // loads if needed
//   Links links = SL_TRY(guard.attach(cgroup_fd, plan.hooks));  // die with us until pinned
//   SL_CHECK(guard.write_policy(container, plan));
//   SL_CHECK(links.pin("/sys/fs/bpf/socklid/staging_x"));
//
// Callers hold the node's lock (system/lock.hpp) around open() and attach().
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "guard/lists.hpp"
#include "guard/maps.hpp"
#include "guard/runs.hpp"
#include "guard/subjects.hpp"
#include "node/files/looked_up.hpp"
#include "plan/plan.hpp"

namespace socklid {

/// Everything of ours on bpffs: `programs/<hash>/` and `containers/<key>/`.
inline constexpr std::string_view bpffs_root = "/sys/fs/bpf/socklid";
/// The empty cgroup that anchors hold on to, below the cgroup2 mount.
inline constexpr std::string_view anchor_cgroup = "socklid.anchor";

/// Hash of the embedded object and of the code that makes policies and rules: 16 hexadecimal
/// digits. A new build has a new one, so that programs of two versions live side by side until the
/// last container of the old one is gone.
[[nodiscard]] std::string_view object_hash();

/// Links of one container. Each is an open descriptor; unpinned, the kernel detaches it when the
/// descriptor is closed, also by a crash.
class Links {
 public:
  struct Link {
    Hook hook;
    UniqueFd fd;
  };
  explicit Links(std::vector<Link> links) : links_(std::move(links)) {}
  /// Pins each as `directory`/<hook name>; `directory` exists. On error the caller removes it.
  [[nodiscard]] Result<> pin(const std::string& directory) const;

 private:
  std::vector<Link> links_;
};

/// A pinned link as found on bpffs.
struct LinkInfo {
  std::string hook;  ///< file name: the hook's name
  std::uint32_t link_id{0};
  std::uint32_t program_id{0};
  std::uint64_t cgroup_id{0};  ///< 0: the cgroup is gone and the link has detached itself
};
/// Looks at the link pinned at `path`. Needs CAP_BPF.
[[nodiscard]] Result<LinkInfo> inspect_link(const std::string& path);

/// How the ten slots for per-cgroup LSM hooks are used.
struct Slots {
  std::uint32_t ours{0};
  std::uint32_t foreign{0};
  std::uint32_t free{0};
};

/// One map that all containers of the node share.
struct MapUse {
  std::string_view what;  ///< what it has entries of
  std::uint64_t used{0};  ///< of lists: what each container's say of themselves
  std::uint64_t limit{0};
};

/// The facts of a container that the kernel needs besides its plan.
struct GuardedContainer {
  std::uint64_t cgroup_id{0};
  /// Inode of its network namespace: with rules its sockets are held to it.
  std::uint32_t netns{0};
  /// Its first process's number, in our PID namespace.
  pid_t pid{0};
  /// When that process began, as parse_start_time(), if it is to become the container's program
  /// yet: until then the kernel does for it what an engine asks. 0: it is no engine's.
  std::uint64_t first_start{0};
  /// Its subjects' and protected files.
  LookedUp looked_up{};
};

/// Whether `found` is the seal that was written as `wanted`, whatever it has seen since.
[[nodiscard]] bool same_seal(const sl_seal& found, const sl_seal& wanted);

/// Whether one of them judges packets, by a policy of its own: all are refused until that is there.
[[nodiscard]] bool judge_packets(const Hooks& hooks);

class SocketGuard {
 public:
  /// Opens the pinned programs of this build; loads, pins and anchors what is missing for `hooks`.
  /// Errors: Exit::node (no BPF LSM, no BTF, no bpffs, out of slots, each by name with the remedy),
  /// Exit::privilege, Exit::bpf; what it had loaded and anchored by then is gone again (I2).
  /// `cgroup_mount` is where cgroup2 is mounted: the anchors' empty cgroup is made there.
  [[nodiscard]] static Result<SocketGuard> open(const Hooks& hooks,
                                                const std::string& cgroup_mount);
  /// Whether the programs of this build are there: open() need not load them.
  [[nodiscard]] static bool is_loaded();
  /// Opens the maps that a build, perhaps another one, has pinned under `hash`, without loading
  /// anything; nothing if there is none. Maps that it lacks, or has of another layout, are as if
  /// they were empty. For looking and removing only: open it once for all containers of the build.
  [[nodiscard]] static Result<std::optional<SocketGuard>> find(std::string_view hash);

  /// Attaches a link for each per-cgroup hook. `cgroup_fd` is a directory of cgroup2.
  [[nodiscard]] Result<Links> attach(int cgroup_fd, const Hooks& hooks) const;
  /// Replaces the container's policy in one step. After attach() only: the kernel makes the storage
  /// then, and it denies everything until this call. Lists are there before the policy that asks
  /// them, and so is its seal; a seal that the container already has stays as it is. On an error
  /// the maps are as they were (I2).
  [[nodiscard]] Result<> write_policy(const GuardedContainer& container, const Plan& plan) const;
  /// The state that is in force in the kernel now.
  [[nodiscard]] Result<sl_policy> read_policy(std::uint64_t cgroup_id) const;
  /// The same for the programs that judge packets.
  [[nodiscard]] Result<std::optional<sl_policy>> read_packet_policy(std::uint64_t cgroup_id) const;
  /// The same for the node-wide programs; nothing if it is not there.
  [[nodiscard]] Result<std::optional<sl_policy>> read_node_wide_policy(
      std::uint64_t cgroup_id) const;
  /// Writes all that write_policy() does, whatever is left of it and whoever has changed it. A seal
  /// that is sealed stays so, one that waits keeps waiting; one that is gone or was changed counts
  /// as sealed, for nobody knows what it had seen. Counters stay.
  [[nodiscard]] Result<> rewrite_policy(const GuardedContainer& container, const Plan& plan) const;
  /// How many entries of the container's endpoint lists are missing, changed or too many.
  [[nodiscard]] Result<std::size_t> count_wrong_entries(const EndpointLists& lists,
                                                        std::uint64_t cgroup_id,
                                                        std::uint32_t generation) const;
  /// Names what is missing, changed or too much of the container's subjects and protected files.
  /// `policy` is the container's, as it should be.
  [[nodiscard]] Result<std::vector<std::string>> wrong_subjects(const Plan& plan,
                                                                const LookedUp& looked_up,
                                                                const sl_policy& policy) const;
  /// The tasks that are in subjects now; none if this build has no subjects.
  [[nodiscard]] Result<std::vector<LiveRun>> live_runs(std::uint64_t cgroup_id) const;
  /// What seal_by_hand() is to be asked, to seal all runs that are open now of one subject, by its
  /// number, or of all.
  [[nodiscard]] Result<std::vector<sl_seal_request>> open_runs(
      std::uint64_t cgroup_id, std::optional<std::uint32_t> subject) const;
  /// Denials of a subject for what its container allows; sum over all CPUs.
  [[nodiscard]] Result<sl_denials> subject_denials(std::uint64_t cgroup_id,
                                                   std::uint32_t index) const;
  /// Whether the container's denials are counted.
  [[nodiscard]] Result<bool> has_counters(std::uint64_t cgroup_id) const;
  /// Names of the maps that find() has not found.
  [[nodiscard]] std::vector<std::string> missing_maps() const;
  /// Nothing for a container that was held to its policy from the start.
  [[nodiscard]] Result<std::optional<sl_seal>> read_seal(std::uint64_t cgroup_id) const;
  /// Seals a container of the build `hash`, or one run of a subject, at once and for all of it;
  /// sealed already is done. False if there is nothing to seal. Runs are asked for only where
  /// open_runs() has found some: an earlier build would seal the container.
  [[nodiscard]] static Result<bool> seal_by_hand(std::string_view hash, sl_seal_request request);
  /// Takes the container's entries out of the node's maps; absent is fine (I7).
  [[nodiscard]] Result<> forget(std::uint64_t cgroup_id) const;
  /// Sum over all CPUs; all zero if there is no entry.
  [[nodiscard]] Result<sl_denials> denials(std::uint64_t cgroup_id) const;
  /// Cgroup ids that have an entry in the hashes.
  [[nodiscard]] Result<std::vector<std::uint64_t>> known_cgroups() const;

  /// How full the build's maps are. What other builds have laid out otherwise is left out.
  [[nodiscard]] Result<std::vector<MapUse>> map_use() const;

  /// Removes pins, anchors and programs of the build `hash`, and the anchors' cgroup with the last
  /// build; absent is fine.
  [[nodiscard]] static Result<> unload(std::string_view hash, const std::string& cgroup_mount);
  /// Counts distinct hooks over all per-cgroup LSM links of the node (needs CAP_SYS_ADMIN).
  [[nodiscard]] static Result<Slots> slots();

 private:
  SocketGuard() = default;
  [[nodiscard]] Result<bool> write_seal(const GuardedContainer& container, sl_seal seal) const;
  [[nodiscard]] Result<> rewrite_seal(const GuardedContainer& container, sl_seal seal) const;
  [[nodiscard]] Result<> write_node_wide(const sl_policy& policy) const;
  [[nodiscard]] Result<sl_policy> image_of(const GuardedContainer& container,
                                           const Plan& plan) const;
  [[nodiscard]] Result<> write_in_storage(const sl_policy& policy, const Hooks& hooks) const;
  static Result<SocketGuard> open_pins(const std::string& directory, const Hooks& hooks);
  static Result<SocketGuard> find_maps(const std::string& directory);

  std::array<UniqueFd, cgroup_hook_count> programs_;  ///< by Hook; only those asked for
  BpfMap<std::uint64_t, sl_policy> policies_;
  BpfMap<std::uint64_t, sl_policy> policies_by_cgroup_;
  BpfMap<std::uint64_t, sl_packet_policy> packet_policies_;
  BpfMap<std::uint64_t, sl_denials> denials_;
  BpfMap<std::uint64_t, sl_seal> seals_;
  BpfMap<std::uint64_t, sl_joins> joins_;  ///< made by the program, at a container's first join
  ListMaps lists_;
  SubjectMaps subjects_;
};

}  // namespace socklid
