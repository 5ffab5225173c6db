// SPDX-License-Identifier: Apache-2.0
//
// Rules with guards taken out. Pure.
#pragma once

#include <optional>
#include <span>

#include "hook/nft_ruleset.hpp"
#include "selftest/guard.hpp"

namespace socklid::test {

/// The ruleset with the rules of `guard` and no others that stop anything: what they would have
/// stopped goes on to the next rule or, where none is left to judge it, its way. None is left for a
/// guard that is not in the rules, or without one.
[[nodiscard]] NftRuleset leave_only(std::optional<selftest::Guard> guard, NftRuleset rules);

/// The ruleset without the rules of `guards`, in the same way.
[[nodiscard]] NftRuleset leave_out(std::span<const selftest::Guard> guards, NftRuleset rules);

}  // namespace socklid::test
