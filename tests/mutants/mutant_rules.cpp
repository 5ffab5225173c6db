// SPDX-License-Identifier: Apache-2.0
#include "tests/mutants/mutant_rules.hpp"

#include <algorithm>

namespace socklid::test {
namespace {

using nft::Action;
using nft::Rule;

/// Rules that stop something are those that count (plan/rules/rules.cpp).
bool is_of(const Guards& guards, const Rule& rule) {
  return std::any_of(guards.begin(), guards.end(), [&rule](selftest::Guard guard) {
    const auto& comments = selftest::comments_of(guard);
    return std::find(comments.begin(), comments.end(), rule.comment) != comments.end();
  });
}

/// What stands where the guard stood: a rule for some packets is gone, one for all the rest lets
/// them through, because the end of a chain stops them too.
std::optional<Rule> without_guard(const Rule& rule) {
  if (!rule.matches.empty()) return std::nullopt;
  return Rule{{}, {Action::accept, {}, {}}, {}, false};
}

/// `stays` says of each rule that stops something whether it is kept.
template <class Stays>
NftRuleset keep(NftRuleset rules, const Stays& stays) {
  for (nft::Chain& chain : rules.chains) {
    std::vector<Rule> kept;
    for (Rule& rule : chain.rules) {
      if (!rule.counted || stays(rule)) {
        kept.push_back(std::move(rule));
      } else if (auto open = without_guard(rule)) {
        kept.push_back(std::move(*open));
      }
    }
    chain.rules = std::move(kept);
  }
  return rules;
}

}  // namespace

NftRuleset leave_only(const Guards& guards, NftRuleset rules) {
  return keep(std::move(rules), [&guards](const Rule& rule) { return is_of(guards, rule); });
}

NftRuleset leave_out(const Guards& guards, NftRuleset rules) {
  return keep(std::move(rules), [&guards](const Rule& rule) { return !is_of(guards, rule); });
}

}  // namespace socklid::test
