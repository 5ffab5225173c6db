// SPDX-License-Identifier: Apache-2.0
//
// Rules with guards taken out. Fails when a guard stays that should be off: it would hide another.
#include "tests/mutants/mutant_rules.hpp"

#include <gtest/gtest.h>

#include <set>

#include "annotations/parser.hpp"
#include "plan/rules/rules.hpp"

namespace socklid::test {
namespace {

using nft::Action;
using selftest::Guard;

NftRuleset all_rules() {
  const auto policy =
      annotations::parse({{"io.socklid.egress", "tcp/1"}, {"io.socklid.bind", "tcp/2"}});
  return compile_rules(*policy, {1, 0xffffff}, 0, "id", 1);
}

std::set<std::string> counted(const NftRuleset& rules) {
  std::set<std::string> comments;
  for (const nft::Chain& chain : rules.chains) {
    for (const nft::Rule& rule : chain.rules) {
      if (rule.counted) comments.insert(rule.comment);
    }
  }
  return comments;
}

/// Whether a rule without condition lets through what comes as far as `chain`'s first refusal.
bool ends_open(const nft::Chain& chain) {
  for (const nft::Rule& rule : chain.rules) {
    const Action action = rule.statement.action;
    if (rule.counted && action == Action::go_to) return false;  // to where it is refused
    if (action == Action::accept && rule.matches.empty()) return true;
    if (action == Action::go_to && rule.matches.empty()) return true;
    if (action == Action::drop || action == Action::reject_reset ||
        action == Action::reject_admin) {
      return false;
    }
  }
  return false;
}

TEST(MutantRules, HaveTheOneGuardOnly) {
  for (const Guard guard : selftest::all_guards()) {
    const auto& comments = selftest::comments_of(guard);
    EXPECT_EQ(counted(leave_only({guard}, all_rules())),
              std::set<std::string>(comments.begin(), comments.end()))
        << name_of(guard);
  }
}

TEST(MutantRules, LetEverythingThroughWithoutAny) {
  const NftRuleset rules = leave_only({}, all_rules());
  EXPECT_TRUE(counted(rules).empty());
  for (const nft::Chain& chain : rules.chains) {
    const bool judged = chain.base || chain.name == "egress";
    EXPECT_TRUE(!judged || ends_open(chain)) << chain.name;
  }
}

TEST(MutantRules, RefuseWhatTheOneGuardRefuses) {
  for (const nft::Chain& chain : leave_only({Guard::not_named}, all_rules()).chains) {
    EXPECT_FALSE(chain.name == "egress" && ends_open(chain));
  }
  for (const nft::Chain& chain : leave_only({Guard::forwarded}, all_rules()).chains) {
    EXPECT_FALSE(chain.name == "forward" && ends_open(chain));
  }
}

}  // namespace
}  // namespace socklid::test
