// SPDX-License-Identifier: Apache-2.0
//
// The kernel modules that rules need. The kernel loads them when it is first sent rules that use
// them, if it may still load any: `socklid load` sends it such rules at boot.
//
//   SL_CHECK(install(netlink, every_rule()));           // in a network namespace of its own
//   message += missing_modules_text(missing_modules("", release));  // of an error
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "plan/rules/ruleset.hpp"

namespace socklid {

/// The module that has an expression of nf_tables in family inet, "fib" in nft_fib_inet; empty if
/// no rule of ours uses it (net/netfilter/nf_tables_api.c, nft_expr_type_request_module).
[[nodiscard]] std::string_view module_of(std::string_view expression);

/// All of them, each once: nf_tables first.
[[nodiscard]] std::vector<std::string_view> needed_modules();

/// Of needed_modules(), those that the kernel `release` neither has loaded nor built in, by
/// `root`/sys/module and `root`/lib/modules.
[[nodiscard]] std::vector<std::string_view> missing_modules(const std::string& root,
                                                            std::string_view release);

/// " (...)", with what to do about them; empty if there is none.
[[nodiscard]] std::string missing_modules_text(const std::vector<std::string_view>& missing);

/// Rules that use every expression that rules of any policy use. For the kernel to load what they
/// need, not to judge packets.
[[nodiscard]] NftRuleset every_rule();

}  // namespace socklid
