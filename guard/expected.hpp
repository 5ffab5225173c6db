// SPDX-License-Identifier: Apache-2.0
//
// Expected: what should be in force for a container on record. The one place where a record becomes
// that: what compares with the kernel and what puts back both start from here.
//
//   const Expected expected = SL_TRY(expected_of(entry, details));
//   for (const std::string& hook : expected.hooks) look_for(hook);
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "node/files/looked_up.hpp"
#include "plan/plan.hpp"
#include "plan/rules/ruleset.hpp"
#include "store/policy_store.hpp"

namespace socklid {

struct Expected {
  std::string key;   ///< of the store
  std::string hash;  ///< of the build whose programs it is under
  std::uint64_t cgroup_id{0};
  std::uint64_t netns{0};
  pid_t pid{0};                    ///< of the first process
  std::uint64_t start_time{0};     ///< of the same, as in Record
  std::uint64_t pid_namespace{0};  ///< in which `pid` is its number
  std::vector<std::string> hooks;  ///< names, as they are pinned
  bool has_rules{false};
  std::string table;  ///< of the rules, and its comment
  std::string comment;
  /// Whether that build is ours. Another one may lay out maps and rules in other ways: of its
  /// containers only the links, the entries' presence and the table's owner are known, and the next
  /// two are empty.
  bool exact{false};
  Plan plan;
  LookedUp looked_up;  ///< of its subjects and protected files, as written down
  std::optional<NftRuleset> rules;
};

/// `details` are those of `entry`. Exit::store: there is no record, or its annotations are no
/// policy.
[[nodiscard]] Result<Expected> expected_of(const StoreEntry& entry, const Details& details);

/// Nothing if no hook of ours is called that.
[[nodiscard]] std::optional<Hook> find_hook(std::string_view wanted);

}  // namespace socklid
