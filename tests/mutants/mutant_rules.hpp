// SPDX-License-Identifier: Apache-2.0
//
// Rules with guards taken out. Pure.
#pragma once

#include <vector>

#include "plan/rules/ruleset.hpp"
#include "selftest/guard.hpp"

namespace socklid::test {

using Guards = std::vector<selftest::Guard>;

/// The ruleset with the rules of `guards` and no others that stop anything: what they would have
/// stopped goes on to the next rule or, where none is left to judge it, its way. Guards that are
/// not in the rules make no difference.
[[nodiscard]] NftRuleset leave_only(const Guards& guards, NftRuleset rules);

/// The ruleset without the rules of `guards`, in the same way.
[[nodiscard]] NftRuleset leave_out(const Guards& guards, NftRuleset rules);

}  // namespace socklid::test
