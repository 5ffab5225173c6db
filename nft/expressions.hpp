// SPDX-License-Identifier: Apache-2.0
//
// add_expressions: a rule of ours as the expressions of nf_tables' virtual machine, in the order
// and with the dependencies (`meta nfproto`, `meta l4proto`) that the nft command generates, so
// that what it lists is what to_string() prints.
#pragma once

#include <set>
#include <string>

#include "plan/rules/ruleset.hpp"

struct nftnl_rule;

namespace socklid {

void add_expressions(nftnl_rule& target, const nft::Rule& rule);

/// Names of all expressions that add_expressions() makes of the rules, "payload".
[[nodiscard]] std::set<std::string> expressions_of(const NftRuleset& ruleset);

}  // namespace socklid
