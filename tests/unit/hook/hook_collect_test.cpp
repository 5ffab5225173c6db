// SPDX-License-Identifier: Apache-2.0
//
// Fails if what is gone is not collected (I7), costs a start more than its share (D17), or takes
// what is not gone with it (D16, D8).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "tests/unit/hook/fixture.hpp"

namespace socklid {
namespace {

using ::testing::Contains;
using ::testing::SizeIs;

TEST_F(HookTest, AStartTakesAShareOfWhatIsGone) {
  for (int i = 0; i < 5; ++i) {
    node_.containers[100 + i] = {.cgroup_id = static_cast<std::uint64_t>(2000 + i),
                                 .netns = static_cast<std::uint64_t>(8000 + i)};
    ASSERT_TRUE(create_once(state_of("old" + std::to_string(i), 100 + i, with_rules)));
  }
  for (int i = 0; i < 5; ++i) node_.containers.erase(100 + i);
  for (const std::size_t left : {3U, 1U, 0U}) {
    FakeRun run(node_);
    run.removes = 2;
    ASSERT_TRUE(create(run, state_of("web", 42, connect_denied)));
    run.end_run();
    EXPECT_THAT(node_.on_node.records, SizeIs(left + 1));
  }
}

TEST_F(HookTest, AStartReadsNoOthersAnnotations) {
  node_.containers[43] = {.cgroup_id = 1002, .netns = 7001, .kind = NetnsKind::shared};
  node_.containers[42].kind = NetnsKind::shared;
  ASSERT_TRUE(create_once(state_of("other", 43, with_rules)));
  ASSERT_TRUE(create_once(state_of("web", 42, with_rules)));
  EXPECT_THAT(journal_, testing::Not(Contains("details")));
  ASSERT_TRUE(create_once(state_of("web", 42, with_rules)));
  EXPECT_EQ(std::count(journal_.begin(), journal_.end(), "details"), 1) << "its own";
}

TEST_F(HookTest, ANumberGivenUpIsNoNeighbour) {
  ASSERT_TRUE(create_once(state_of("moved", 42, with_rules)));
  // All its processes have moved to another namespace, and the first one is gone, rules and all.
  node_.containers[42].netns = 7009;
  node_.on_node.rules.clear();
  node_.containers[43] = {.cgroup_id = 1002, .netns = 7001};
  ASSERT_TRUE(create_once(state_of("web", 43, with_rules)));
  EXPECT_EQ(node_.on_node.records.at("web_3ea").record.placement, (Placement{NetnsKind::own, 0}));
}

TEST_F(HookTest, ANumberUsedAgainIsNoNeighbour) {
  ASSERT_TRUE(create_once(state_of("stopped", 42, with_rules)));
  // Its processes and its namespace are gone, its cgroup and record are not yet.
  node_.containers[42].liveness = Liveness::empty;
  node_.on_node.rules.clear();
  node_.containers[43] = {.cgroup_id = 1002, .netns = 7001};
  ASSERT_TRUE(create_once(state_of("web", 43, with_rules)));
  EXPECT_EQ(node_.on_node.records.at("web_3ea").record.placement, (Placement{NetnsKind::own, 0}));
}

TEST_F(HookTest, ACgroupUsedAgainIsNotClaimedByTheDead) {
  ASSERT_TRUE(create_once(state_of("first", 42, connect_denied)));
  node_.containers[42].ended = true;
  node_.containers[43] = node_.containers[42];
  node_.containers.erase(42);
  ASSERT_TRUE(create_once(state_of("second", 43, connect_denied)));
  EXPECT_THAT(node_.on_node.records, SizeIs(1));
  EXPECT_TRUE(node_.on_node.records.contains("second_3e9"));
}

TEST_F(HookTest, ACgroupUsedAgainIsClaimedByTheDeadWhoseRulesAreStillThere) {
  ASSERT_TRUE(create_once(state_of("first", 42, with_rules)));
  node_.containers[42].ended = true;
  node_.containers[43] = node_.containers[42];
  node_.containers[43].netns = 7002;
  node_.containers.erase(42);
  node_.hostile.insert(7001);
  FakeRun run(node_);
  const auto created = create(run, state_of("second", 43, connect_denied));
  run.end_run();
  ASSERT_FALSE(created) << "the first one's end would take the second one's policy";
  EXPECT_EQ(created.error().exit, Exit::cgroup);
  EXPECT_THAT(node_.on_node.records, SizeIs(1));
  node_.hostile.clear();
  ASSERT_TRUE(create_once(state_of("second", 43, connect_denied)));
  EXPECT_THAT(node_.on_node.records, SizeIs(1));
  EXPECT_TRUE(node_.on_node.records.contains("second_3e9"));
}

TEST_F(HookTest, RemovalLooksAtTheProcessAndNotAtWhoElseIsThere) {
  ASSERT_TRUE(create_once(state_of("web", 42, with_rules)));
  const OnNode before = node_.on_node;
  remove_once(state_of("web", 0, {}, "stopped"));
  EXPECT_EQ(node_.on_node, before) << "it lives";
  node_.containers[42].ended = true;
  remove_once(state_of("web", 0, {}, "stopped"));
  EXPECT_EQ(node_.on_node, OnNode{});
}

TEST_F(HookTest, CollectsWhatPoststopNeverCameFor) {
  ASSERT_TRUE(create_once(state_of("crashed", 42, with_rules)));
  node_.destroy(42);
  node_.containers[43] = {.cgroup_id = 1002, .netns = 7002};
  ASSERT_TRUE(create_once(state_of("next", 43, connect_denied)));
  ASSERT_THAT(node_.on_node.records, SizeIs(1));
  EXPECT_TRUE(node_.on_node.records.contains("next_3ea"));
  EXPECT_THAT(node_.on_node.pinned, SizeIs(1));
}

TEST_F(HookTest, AHostileNamespaceOfTheDeadHindersNobodyElse) {
  node_.containers[43] = {.cgroup_id = 1002, .netns = 7002};
  node_.containers[44] = {.cgroup_id = 1003, .netns = 7002};  // keeps the namespace
  ASSERT_TRUE(create_once(state_of("a", 43, with_rules)));
  ASSERT_TRUE(create_once(state_of("b", 42, with_rules)));
  node_.containers.erase(42);
  node_.containers.erase(43);
  node_.hostile.insert(7002);
  node_.containers[45] = {.cgroup_id = 1004, .netns = 7003};
  FakeRun start(node_);
  ASSERT_TRUE(create(start, state_of("next", 45, with_rules)));
  start.end_run();
  EXPECT_THAT(node_.on_node.records, SizeIs(2)) << "its own, and that of the hostile namespace";
  EXPECT_TRUE(node_.on_node.records.contains("a_3ea"));
  FakeRun collector(node_);
  ASSERT_TRUE(collector.begin());
  const Collection stuck = collect_garbage(collector);
  EXPECT_THAT(stuck.errors, SizeIs(1));
  EXPECT_EQ(stuck.left, 1U);
  node_.hostile.clear();
  FakeRun again(node_);
  ASSERT_TRUE(again.begin());
  EXPECT_EQ(collect_garbage(again).removed, 1U);
  EXPECT_THAT(node_.on_node.records, SizeIs(1));
}

TEST_F(HookTest, AStartThatInstallsRulesHasItsPlaceMeanwhile) {
  node_.containers[43] = {.cgroup_id = 1002, .netns = 7001, .kind = NetnsKind::shared};
  Record other;
  other.id = "other";
  other.cgroup_id = 1003;
  other.netns = 7001;
  other.placement = {NetnsKind::shared, 1};
  other.rules = true;
  node_.in_flight["other_3eb"] = other;
  ASSERT_TRUE(create_once(state_of("web", 43, with_rules)));
  EXPECT_EQ(node_.on_node.records.at("web_3ea").record.placement,
            (Placement{NetnsKind::shared, 2}));
}

TEST_F(HookTest, ACgroupThatIsBeingSetUpIsNotSetUpTwice) {
  Record& other = node_.in_flight["web_3e9"];
  other.id = "web";
  other.cgroup_id = 1001;
  const auto created = create_once(state_of("web", 42, connect_denied));
  ASSERT_FALSE(created);
  EXPECT_EQ(created.error().exit, Exit::busy);
  EXPECT_EQ(node_.on_node, OnNode{});
}

TEST_F(HookTest, CollectsMapEntriesThatBelongToNobody) {
  ASSERT_TRUE(create_once(state_of("web", 42, connect_denied)));
  const OnNode before = node_.on_node;
  node_.on_node.policies[999] = {1};
  FakeRun run(node_);
  ASSERT_TRUE(run.begin());
  EXPECT_THAT(collect_garbage(run).errors, IsEmpty());
  EXPECT_EQ(node_.on_node, before);
}

TEST_F(HookTest, LeavesMapEntriesOfTheLivingWhomNoRecordNames) {
  ASSERT_TRUE(create_once(state_of("web", 42, connect_denied)));
  node_.on_node.records.clear();
  node_.on_node.pinned.clear();
  const OnNode before = node_.on_node;
  FakeRun run(node_);
  ASSERT_TRUE(run.begin());
  EXPECT_THAT(collect_garbage(run).errors, IsEmpty());
  EXPECT_EQ(node_.on_node, before);
}

TEST_F(HookTest, RemovesHalfStates) {
  ASSERT_TRUE(create_once(state_of("web", 42, with_rules)));
  node_.destroy(42);
  const OnNode whole = node_.on_node;
  node_.on_node.records.clear();
  remove_once(state_of("web", 0, {}, "stopped"));
  EXPECT_THAT(node_.on_node.pinned, IsEmpty());
  node_.on_node = whole;
  node_.on_node.pinned.clear();
  remove_once(state_of("web", 0, {}, "stopped"));
  EXPECT_EQ(node_.on_node, OnNode{});
}

TEST_F(HookTest, LatePoststopDoesNotHurtTheRestartedContainer) {
  ASSERT_TRUE(create_once(state_of("web", 42, with_rules)));
  node_.destroy(42);
  node_.containers[43] = {.cgroup_id = 1002, .netns = 7002};
  ASSERT_TRUE(create_once(state_of("web", 43, with_rules)));
  const OnNode before = node_.on_node;
  EXPECT_THAT(before.records, SizeIs(1)) << "the old one was collected";
  remove_once(state_of("web", 0, with_rules, "stopped"));
  EXPECT_EQ(node_.on_node, before);
  FakeRun run(node_);
  EXPECT_TRUE(run.in_force(1002));
}

}  // namespace
}  // namespace socklid
