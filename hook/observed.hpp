// SPDX-License-Identifier: Apache-2.0
//
// Observed: what the kernel has of one container now, held against its record (I10). Nothing is
// believed that the hook once did: links, maps and rules are read every time. Changes nothing.
//
//   Observer observer(paths);
//   const Observed now = observer.look(entry);
//   if (!now.damage.empty()) report(now.damage);
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "bpf/policy_abi.h"
#include "guard/expected.hpp"
#include "guard/state.hpp"
#include "nft/nft.hpp"
#include "node/netns.hpp"
#include "store/policy_store.hpp"
#include "system/paths.hpp"

namespace socklid {

/// Tasks in a subject that is sealed later, of one run of it.
struct ObservedRun {
  std::uint64_t tasks{0};
  std::optional<sl_seal> seal;  ///< nothing: sealed, and the kernel has no more of it
};

/// A subject of the container.
struct ObservedSubject {
  std::string name;
  std::uint32_t index{0};             ///< its number
  std::vector<ProgramFile> programs;  ///< which files its paths were when the container started
  std::uint64_t tasks{0};             ///< in it now
  bool is_sealed_later{false};
  std::vector<ObservedRun> runs;  ///< that those tasks are in, if it is; the oldest first
  sl_denials denials{};           ///< what it refused that its container allows
};

struct Observed {
  std::vector<std::string> damage;  ///< what of the record is not in force, by name; empty: nothing
  bool rules_damaged{false};        ///< whether some of that is in the network namespace
  std::optional<sl_denials> denials;      ///< nothing: the programs that count are not there
  std::optional<sl_seal> seal;            ///< nothing: held to its policy from the start
  std::vector<ObservedSubject> subjects;  ///< by name; of another build's none are known
  std::vector<RuleCounter> counters;      ///< of the rules
  std::string counters_missing;           ///< why there are none; empty if there are
};

/// Everything that containers share is opened once: builds' maps and programs, the cgroups.
class Observer {
 public:
  explicit Observer(Paths paths) : paths_(std::move(paths)) {}

  /// Looks at the container of `entry`. What cannot be found out is damage too.
  [[nodiscard]] Observed look(const StoreEntry& entry);

 private:
  [[nodiscard]] Result<Expected> expect(const StoreEntry& entry) const;
  [[nodiscard]] Result<const GuardState*> state_of(const std::string& hash);
  [[nodiscard]] Result<> look_at_maps(const Expected& expected, Observed& observed);
  [[nodiscard]] static Result<> look_at_subjects(const Expected& expected, const SocketGuard& guard,
                                                 Observed& observed);
  [[nodiscard]] Result<> look_at_rules(const Expected& expected, Observed& observed);
  [[nodiscard]] Result<NetnsRef> netns_of(const Expected& expected);
  [[nodiscard]] Result<int> cgroups();

  Paths paths_;
  std::map<std::string, std::optional<GuardState>> builds_;
  UniqueFd cgroups_;  ///< any file of cgroup2
};

/// How many runs of the subject are not sealed.
[[nodiscard]] std::uint64_t open_runs(const ObservedSubject& subject);

/// Packets and calls that were refused: by programs and by rules, each of which counts only what it
/// stops.
[[nodiscard]] std::uint64_t refused_by(const Observed& observed);

}  // namespace socklid
