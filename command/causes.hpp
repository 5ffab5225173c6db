// SPDX-License-Identifier: Apache-2.0
//
// Which keys of a policy are behind a hook or a denial.
//
//   causes(Hook::socket_bind, policy)         {"io.socklid.bind"}
//   causes(SL_REASON_BPF, policy)             the keys of this policy that restrict the network
#pragma once

#include <string_view>
#include <vector>

#include "annotations/policy.hpp"
#include "hook/plan.hpp"

namespace socklid::command {

/// Names of keys, in the order of the reference.
using Keys = std::vector<std::string_view>;

/// Those that make annotations::restricts() true.
[[nodiscard]] Keys restricting_keys(const annotations::Policy& policy);

/// Why a hook is needed. Not empty for a hook of the policy's plan.
[[nodiscard]] Keys causes(Hook hook, const annotations::Policy& policy);

/// What a denial goes back to. Empty where no key is behind it.
[[nodiscard]] Keys causes(sl_reason reason, const annotations::Policy& policy);

/// What a hook is for, in a few words.
[[nodiscard]] std::string_view purpose(Hook hook);

}  // namespace socklid::command
