// SPDX-License-Identifier: Apache-2.0
//
// Fails if rules that are in force as they were installed are called different, or if any chain,
// rule, set or element can be missing, changed or added without being told of by name. Each is
// enumerated from the rules themselves.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "annotations/subject.hpp"
#include "nft/verify.hpp"
#include "tests/kernel/nft_fixture.hpp"
#include "tests/support/level.hpp"

namespace socklid::test {
namespace {

using annotations::Policy;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class NftVerify : public NftKernelTest {
 protected:
  void SetUp() override {
    NftKernelTest::SetUp();
    if (!IsSkipped() && !HasFatalFailure()) space.emplace();
  }
  /// Of what is changed one after the other: all, or for each landing every fourth.
  bool is_tried() { return is_thorough() || one_of_++ % 4 == 0; }

  [[nodiscard]] std::vector<std::string> found(const NftRuleset& wanted) const {
    NetlinkSocket socket = netlink(*space);
    auto all = differences(socket, wanted);
    if (!all) ADD_FAILURE() << all.error().message;
    return all.value_or(std::vector<std::string>{});
  }
  /// What is told of `wanted` when `there` is in force.
  [[nodiscard]] std::vector<std::string> found(const NftRuleset& wanted,
                                               const NftRuleset& there) const {
    install_in(*space, there);
    return found(wanted);
  }

  std::optional<Namespace> space;

 private:
  std::size_t one_of_{0};
};

/// Every kind of match, statement and set.
NftRuleset everything(std::uint8_t slot = 0) {
  Policy asked = policy(
      "tcp/443 udp/1-1023 udp/5353 icmp dccp/5@10.0.0.0/8 tcp@192.0.2.0/24 icmp@198.51.100.7 "
      "tcp/8000-8100@fd00::/8 tcp/8000-8100@fd00::1 udp/9@0.0.0.0/0 tcp/60000-65535@10.1.0.0/16",
      "tcp/80@10.0.0.9 tcp/1000-2000@10.0.0.9 udp/53@0.0.0.0 udp@fd00::9 tcp/1 tcp/3 tcp/65535");
  if (slot == 0) return rules(asked);
  return compile_rules(asked, {std::uint32_t{slot} << 24U, 0xff000000}, slot, "web", 4711);
}

/// Whether anything still leads to the chain or set, so that it cannot be left out alone.
bool is_used(const NftRuleset& ruleset, const std::string& name) {
  for (const nft::Chain& chain : ruleset.chains) {
    for (const nft::Rule& rule : chain.rules) {
      if (rule.statement.target == name) return true;
      for (const nft::Match& match : rule.matches) {
        const auto* in_set = std::get_if<nft::InSet>(&match);
        if (in_set != nullptr && in_set->set == name) return true;
      }
    }
  }
  for (const nft::Set& set : ruleset.sets) {
    for (const nft::Element& element : set.elements) {
      if (element.chain == name) return true;
    }
  }
  return false;
}

/// A rule then compares a mark twice.
NftRuleset with_subject() {
  Policy asked = policy("tcp", "tcp/80");
  annotations::Subject subject;
  subject.name = "five";
  subject.exec = {"/usr/bin/five"};
  subject.policy.mark = annotations::Mark{5};
  asked.subjects = {subject};
  return rules(asked);
}

TEST_F(NftVerify, FindsNothingWrongWithWhatWasInstalled) {
  for (const NftRuleset& ruleset : {rules(policy("")), rules(policy("tcp", "tcp/80")), everything(),
                                    everything(7), with_subject()}) {
    EXPECT_THAT(found(ruleset, ruleset), IsEmpty());
  }
}

TEST_F(NftVerify, IgnoresWhatWasCounted) {
  const NftRuleset wanted = everything();
  install_in(*space, wanted);
  space->shell("ip link set lo up; ping -c 1 -W 1 127.0.0.1 || true; nft add table inet other");
  EXPECT_THAT(found(wanted), IsEmpty());
}

TEST_F(NftVerify, NamesEachRuleThatIsGone) {
  const NftRuleset wanted = everything();
  for (std::size_t c = 0; c < wanted.chains.size(); ++c) {
    for (std::size_t r = 0; r < wanted.chains[c].rules.size(); ++r) {
      if (!is_tried()) continue;
      NftRuleset there = wanted;
      auto& rules_there = there.chains[c].rules;
      rules_there.erase(rules_there.begin() + static_cast<std::ptrdiff_t>(r));
      const auto all = found(wanted, there);
      ASSERT_EQ(all.size(), 1U) << testing::PrintToString(all);
      EXPECT_THAT(all.front(), HasSubstr(" of chain " + wanted.chains[c].name));
    }
  }
}

TEST_F(NftVerify, TellsEachRuleThatIsAnother) {
  const NftRuleset wanted = everything();
  const auto changed = [&](const std::function<bool(nft::Rule&)>& change) {
    for (std::size_t c = 0; c < wanted.chains.size(); ++c) {
      for (std::size_t r = 0; r < wanted.chains[c].rules.size(); ++r) {
        NftRuleset there = wanted;
        if (!change(there.chains[c].rules[r]) || !is_tried()) continue;
        EXPECT_THAT(found(wanted, there), Contains("rule " + std::to_string(r + 1) + " of chain " +
                                                   wanted.chains[c].name))
            << to_string(there.chains[c].rules[r]);
      }
    }
  };
  changed([](nft::Rule& rule) {
    if (rule.statement.action != nft::Action::drop) return false;
    rule.statement.action = nft::Action::accept;
    return true;
  });
  changed([](nft::Rule& rule) {
    if (rule.matches.empty()) return false;
    rule.matches.pop_back();
    return true;
  });
  changed([](nft::Rule& rule) {
    for (nft::Match& match : rule.matches) {
      if (auto* compare = std::get_if<nft::Compare>(&match)) {
        if (compare->op == nft::Operator::any_bit) continue;
        compare->value ^= 1U;
        return true;
      }
      if (auto* range = std::get_if<nft::InRange>(&match)) {
        range->range.last ^= 1U;
        return range->range.first <= range->range.last;
      }
    }
    return false;
  });
}

TEST_F(NftVerify, NamesEachChainAndSetThatIsGone) {
  NftRuleset wanted = everything();
  wanted.chains.push_back({"spare", std::nullopt, {}});
  for (std::size_t c = 0; c < wanted.chains.size(); ++c) {
    if (is_used(wanted, wanted.chains[c].name)) continue;
    NftRuleset there = wanted;
    there.chains.erase(there.chains.begin() + static_cast<std::ptrdiff_t>(c));
    EXPECT_THAT(found(wanted, there), ElementsAre("chain " + wanted.chains[c].name));
    EXPECT_THAT(found(there, wanted),
                ElementsAre("foreign chain \"" + wanted.chains[c].name + "\""));
  }
  nft::Element port;
  port.numbers = {80, 80};
  const nft::Set spare{"spare", {nft::KeyType::inet_service}, false, false, {port}};
  wanted.sets.push_back(spare);
  NftRuleset there = wanted;
  there.sets.pop_back();
  EXPECT_THAT(found(wanted, there), ElementsAre("set spare"));
  EXPECT_THAT(found(there, wanted), ElementsAre("foreign set \"spare\""));
}

TEST_F(NftVerify, TellsAChainThatNoLongerHooksOrDrops) {
  const NftRuleset wanted = everything();
  for (std::size_t c = 0; c < wanted.chains.size(); ++c) {
    if (!wanted.chains[c].base) continue;
    NftRuleset there = wanted;
    there.chains[c].base.reset();
    EXPECT_THAT(found(wanted, there), ElementsAre("chain " + wanted.chains[c].name));
    there = wanted;
    there.chains[c].base->drops = !there.chains[c].base->drops;
    EXPECT_THAT(found(wanted, there), ElementsAre("chain " + wanted.chains[c].name));
    there = wanted;
    ++there.chains[c].base->priority;
    EXPECT_THAT(found(wanted, there), ElementsAre("chain " + wanted.chains[c].name));
  }
}

TEST_F(NftVerify, CountsTheElementsThatAreGone) {
  const NftRuleset wanted = everything();
  for (std::size_t s = 0; s < wanted.sets.size(); ++s) {
    if (wanted.sets[s].elements.size() < 2) continue;  // the kernel takes no empty list of them
    for (std::size_t e = 0; e < wanted.sets[s].elements.size(); ++e) {
      if (!is_tried()) continue;
      NftRuleset there = wanted;
      auto& elements = there.sets[s].elements;
      elements.erase(elements.begin() + static_cast<std::ptrdiff_t>(e));
      const auto missing = found(wanted, there);
      ASSERT_EQ(missing.size(), 1U) << testing::PrintToString(missing);
      EXPECT_THAT(missing.front(), HasSubstr(" elements of set " + wanted.sets[s].name));
      const auto foreign = found(there, wanted);
      ASSERT_EQ(foreign.size(), 1U) << testing::PrintToString(foreign);
      EXPECT_THAT(foreign.front(), HasSubstr(" foreign elements in set " + wanted.sets[s].name));
    }
  }
}

TEST_F(NftVerify, TellsTheTableAsleepForeignOrGone) {
  const NftRuleset wanted = everything();
  install_in(*space, wanted);
  space->shell("nft add table inet socklid '{ flags dormant; }'");
  EXPECT_THAT(found(wanted), ElementsAre("table socklid (dormant)"));
  NftRuleset there = wanted;
  there.comment = table_comment("web", 4712);
  EXPECT_THAT(found(wanted, there), ElementsAre("owner of table socklid"));
  space->shell("nft delete table inet socklid");
  EXPECT_THAT(found(wanted), ElementsAre("table socklid"));
}

TEST_F(NftVerify, TellsRulesThatStandInAnotherOrder) {
  const NftRuleset wanted = everything();
  for (std::size_t c = 0; c < wanted.chains.size(); ++c) {
    NftRuleset there = wanted;
    auto& rules_there = there.chains[c].rules;
    if (rules_there.size() < 2 || rules_there.front() == rules_there.back()) continue;
    std::swap(rules_there.front(), rules_there.back());
    EXPECT_THAT(found(wanted, there),
                ElementsAre("order of the rules of chain " + wanted.chains[c].name));
  }
}

TEST_F(NftVerify, TellsAnEmptiedTableThatKeepsItsComment) {
  const NftRuleset wanted = everything();
  install_in(*space, wanted);
  space->shell("nft flush table inet socklid");
  const auto all = found(wanted);
  std::size_t count = 0;
  for (const nft::Chain& chain : wanted.chains) count += chain.rules.size();
  EXPECT_EQ(all.size(), count) << testing::PrintToString(all);
}

}  // namespace
}  // namespace socklid::test
