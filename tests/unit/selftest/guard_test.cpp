// SPDX-License-Identifier: Apache-2.0
//
// Where guards count. Fails when a guard has no counter, or one that the product does not have, so
// that no row of it could hold.
#include "selftest/guard.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>

#include "annotations/parser.hpp"
#include "plan/plan.hpp"
#include "plan/rules/rules.hpp"
#include "selftest/arena/counters.hpp"
#include "selftest/case.hpp"
#include "selftest/policy.hpp"

namespace socklid::selftest {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

/// The comments of all counted rules there can be.
std::set<std::string> counted_rules() {
  const auto policy = annotations::parse(
      {{"io.socklid.egress", "tcp/1"}, {"io.socklid.bind", "tcp/2"}, {"io.socklid.mark", "3"}});
  std::set<std::string> comments;
  for (const nft::Chain& chain : compile_rules(*policy, {3, 0xffffff}, 0, "id", 1).chains) {
    for (const nft::Rule& rule : chain.rules) {
      if (rule.counted) comments.insert(rule.comment);
    }
  }
  return comments;
}

TEST(Guards, AreAllThere) {
  ASSERT_EQ(all_guards().size(), static_cast<std::size_t>(Guard::harmless) + 1);
  for (std::size_t i = 0; i < all_guards().size(); ++i) {
    EXPECT_EQ(all_guards()[i], static_cast<Guard>(i));
  }
}

TEST(Guards, EachHasOneCounterOfTheProduct) {
  const std::set<std::string> rules = counted_rules();
  std::set<sl_reason> reasons;
  std::set<std::string> comments;
  for (const Guard guard : all_guards()) {
    if (guard == Guard::harmless) continue;
    const bool in_rules = !comments_of(guard).empty();
    EXPECT_NE(in_rules, reason_of(guard) != SL_REASON_NONE) << name_of(guard);
    const bool first = in_rules || reasons.insert(reason_of(guard)).second;
    EXPECT_TRUE(first) << name_of(guard);
    for (const std::string_view comment : comments_of(guard)) {
      EXPECT_TRUE(rules.contains(std::string(comment))) << comment;
      EXPECT_TRUE(comments.emplace(comment).second) << comment;
    }
  }
}

TEST(Guards, NoCounterOfTheProductIsForgotten) {
  std::set<std::string> guarded;
  std::set<sl_reason> reasons;
  for (const Guard guard : all_guards()) {
    reasons.insert(reason_of(guard));
    for (const std::string_view comment : comments_of(guard)) guarded.emplace(comment);
  }
  EXPECT_EQ(guarded, counted_rules());
  for (int reason = SL_REASON_NONE; reason < SL_REASON_COUNT; ++reason) {
    // What holds before a policy is written is no way round one.
    if (reason == SL_REASON_UNCONFIGURED) continue;
    // Selftest's containers have namespaces of their own, where rules judge packets. For the others
    // tests/runtime/cases/policy/pods.py and host_network.py try it.
    if (reason == SL_REASON_EGRESS || reason == SL_REASON_ARRIVAL) continue;
    EXPECT_TRUE(reasons.contains(static_cast<sl_reason>(reason))) << reason;
  }
}

TEST(Guards, EachHasANameOfItsOwn) {
  std::set<std::string_view> names;
  for (const Guard guard : all_guards()) {
    EXPECT_FALSE(name_of(guard).empty());
    EXPECT_TRUE(names.insert(name_of(guard)).second) << name_of(guard);
  }
}

TEST(Guards, EachStopsSomeRow) {
  std::set<Guard> stopping;
  for (const Case& one : cases({})) {
    for (const Policy policy : policies_of(*one.row)) {
      stopping.insert(guard_of(one.row->stops, policy));
    }
    if (one.row->behind) stopping.insert(*one.row->behind);
  }
  for (const Guard guard : all_guards()) {
    EXPECT_TRUE(stopping.contains(guard) || guard == Guard::harmless) << name_of(guard);
  }
}

TEST(Counts, RiseByGuard) {
  Counts before;
  before.rules = {{"output", "io.socklid.egress: routing header", 4, 0},
                  {"input", "io.socklid.bind: routing header", 1, 0},
                  {"egress", "io.socklid.egress: not named", 2, 0}};
  Counts after = before;
  EXPECT_THAT(risen(before, after), IsEmpty());
  after.denials.count[SL_REASON_CONNECT] = 1;
  after.rules[1].packets = 2;
  EXPECT_TRUE(rose(Guard::connect, before, after));
  EXPECT_TRUE(rose(Guard::routing_header, before, after));
  EXPECT_FALSE(rose(Guard::not_named, before, after));
  EXPECT_FALSE(rose(Guard::bind, before, after));
  EXPECT_FALSE(rose(Guard::harmless, before, after));
  EXPECT_THAT(risen(before, after), ElementsAre("connect", "io.socklid.bind: routing header"));
}

}  // namespace
}  // namespace socklid::selftest
