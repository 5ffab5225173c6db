// SPDX-License-Identifier: Apache-2.0
//
// socklid inspect ID: all there is to know of one container: what it asked for, what is in force
// now, and what was refused.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "annotations/policy.hpp"
#include "base/json.hpp"
#include "command/running/container.hpp"
#include "command/running/seal_status.hpp"
#include "guard/guard.hpp"
#include "nft/nft.hpp"

namespace socklid::command {

struct InspectOptions {
  std::string id;
  bool json{false};
};

struct HookInForce {
  std::string hook;
  bool per_cgroup{true};
  std::optional<LinkInfo> link;  ///< nothing: not attached
};

struct Inspection {
  Container container;
  std::optional<annotations::Policy> policy;  ///< of the record's annotations, if they still parse
  std::vector<HookInForce> hooks;
  std::vector<std::string> damage;  ///< what of the record is not in force
  std::optional<sl_denials> denials;
  std::optional<SealStatus> seal;
  std::vector<ObservedSubject> subjects;
  std::vector<RuleCounter> counters;
  std::string counters_missing;  ///< why there are none; empty if there are
  bool this_build{false};        ///< whether its programs are those this command would load
};

[[nodiscard]] std::string inspect_text(const Inspection& inspection);
[[nodiscard]] json::Value inspect_json(const Inspection& inspection);

/// The container's subjects: their files, how many tasks are in each, in which runs where those are
/// sealed later, and what it refused; empty if none.
[[nodiscard]] std::string subjects_text(const std::vector<ObservedSubject>& subjects);
[[nodiscard]] json::Value subjects_json(const std::vector<ObservedSubject>& subjects);

/// 1 if ID is unknown or ambiguous, or the container damaged.
[[nodiscard]] Result<int> inspect(const InspectOptions& options);

}  // namespace socklid::command
