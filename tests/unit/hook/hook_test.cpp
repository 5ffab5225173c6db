// SPDX-License-Identifier: Apache-2.0
//
// Fails if the hook touches the node for a container without a policy (I1), sets up one it should
// refuse, hurts a neighbour (I6) or a restarted container (D8), or leaves something (I7).
#include "hook/hook.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/unit/hook/fixture.hpp"

namespace socklid {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

TEST_F(HookTest, DoesNothingWithoutAnnotationsOfOurs) {
  EXPECT_TRUE(create_once(state_of("web", 42, {})));
  EXPECT_TRUE(create_once(state_of("web", 42, {{"io.kubernetes.cri-o.TTY", "false"}})));
  EXPECT_TRUE(create_once(state_of("web", 0, {}, "created"))) << "not even a process is needed";
  EXPECT_THAT(journal_, IsEmpty());
}

TEST_F(HookTest, DoesNothingForAPolicyOfAnotherContainer) {
  node_.containers[42].cgroup = "/pods/cri-containerd-" + engine_id;
  EXPECT_TRUE(create_once(state_of(
      engine_id, 42,
      {{"io.socklid.bind/front", "tcp/80"}, {"io.kubernetes.cri.container-name", "side"}})));
  EXPECT_THAT(journal_, ElementsAre("identify"));
}

TEST_F(HookTest, RefusesBeforeItTouchesTheNode) {
  EXPECT_EQ(create_once(state_of("web", 42, {{"io.socklid.conect", "deny"}})).error().exit,
            Exit::annotation);
  EXPECT_THAT(journal_, ElementsAre("identify"));
  journal_.clear();
  EXPECT_EQ(create_once(state_of("web", 0, connect_denied)).error().exit, Exit::state);
  EXPECT_THAT(journal_, IsEmpty());
}

TEST_F(HookTest, LooksUpSubjectsAndProtectedFilesAndNothingElse) {
  for (const Annotations& given : {Annotations{{"io.socklid.subject.sshd", "/a bind=deny"}},
                                   Annotations{{"io.socklid.readonly", "/usr/sbin"}}}) {
    EXPECT_TRUE(create_once(state_of("web", 42, given)));
    EXPECT_THAT(journal_, Contains("look_up"));
  }
  EXPECT_TRUE(create_once(state_of("web", 42, connect_denied)));
  EXPECT_THAT(journal_, Not(Contains("look_up")));
}

TEST_F(HookTest, PutsAPolicyInForce) {
  ASSERT_TRUE(create_once(state_of("web", 42, with_rules)));
  FakeRun run(node_);
  EXPECT_TRUE(run.in_force(1001));
  EXPECT_TRUE(node_.on_node.rules.contains({7001, "socklid"}));
  EXPECT_THAT(node_.on_node.staged, IsEmpty());
  const auto& [record, details] = node_.on_node.records.at("web_3e9");
  EXPECT_EQ(record.id, "web");
  EXPECT_EQ(record.cgroup_id, 1001U);
  EXPECT_EQ(record.netns, 7001U);
  EXPECT_EQ(details.annotations, with_rules);
  EXPECT_EQ(record.pid, 42);
  EXPECT_TRUE(record.rules);
  EXPECT_TRUE(record.mark);
  EXPECT_THAT(details.hooks, Contains("socket_connect"));
}

TEST_F(HookTest, InstallsNoRulesWithoutEgress) {
  ASSERT_TRUE(create_once(state_of("web", 42, connect_denied)));
  EXPECT_THAT(node_.on_node.rules, IsEmpty());
  EXPECT_FALSE(node_.on_node.records.at("web_3e9").record.rules);
}

TEST_F(HookTest, RestoredContainerIsSetUpToo) {
  EXPECT_TRUE(create_once(state_of("web", 42, connect_denied, "stopped")));
  EXPECT_THAT(node_.on_node.pinned, SizeIs(1));
}

TEST_F(HookTest, ChecksTheProcessLast) {
  ASSERT_TRUE(create_once(state_of("web", 42, connect_denied)));
  const auto check = std::find(journal_.begin(), journal_.end(), "check_unchanged");
  const auto publish = std::find(journal_.begin(), journal_.end(), "publish");
  EXPECT_LT(publish, check);
}

TEST_F(HookTest, TwiceIsAsGoodAsOnceAndNeverOpen) {
  ASSERT_TRUE(create_once(state_of("web", 42, with_rules)));
  const OnNode once = node_.on_node;
  FakeRun run(node_);
  run.never_open = 1001;
  ASSERT_TRUE(create(run, state_of("web", 42, with_rules)));
  run.end_run();
  EXPECT_TRUE(run.in_force(1001));
  EXPECT_EQ(node_.on_node.rules, once.rules);
  EXPECT_EQ(node_.on_node.policies, once.policies);
  EXPECT_EQ(node_.on_node.records, once.records);
  EXPECT_THAT(node_.on_node.staged, IsEmpty());
  EXPECT_THAT(node_.on_node.pinned.at("web_3e9"), SizeIs(1)) << "the old links are gone";
  EXPECT_NE(node_.on_node.pinned, once.pinned);
}

TEST_F(HookTest, PutsNoRuleIntoTheHostsNamespace) {
  node_.containers[42].kind = NetnsKind::host;
  ASSERT_TRUE(create_once(state_of("web", 42, with_rules)));
  EXPECT_THAT(node_.on_node.rules, IsEmpty());
  const auto& [record, details] = node_.on_node.records.at("web_3e9");
  EXPECT_FALSE(record.rules);
  EXPECT_EQ(record.placement, (Placement{NetnsKind::host, 0}));
  EXPECT_THAT(details.hooks, testing::Contains("inet_ingress"));
}

TEST_F(HookTest, GivesEachContainerOfAPodItsOwnTable) {
  node_.containers[42].kind = NetnsKind::shared;
  node_.containers[43] = {.cgroup_id = 1002, .netns = 7001, .kind = NetnsKind::shared};
  node_.containers[44] = {.cgroup_id = 1003, .netns = 7001, .kind = NetnsKind::shared};
  ASSERT_TRUE(create_once(state_of("one", 42, with_rules)));
  ASSERT_TRUE(create_once(state_of("two", 43, with_rules)));
  EXPECT_TRUE(node_.on_node.rules.contains({7001, "socklid_1"}));
  EXPECT_TRUE(node_.on_node.rules.contains({7001, "socklid_2"}));
  EXPECT_EQ(node_.on_node.records.at("two_3ea").record.mark->value >> 24, 2U);

  node_.containers.erase(42);
  remove_once(state_of("one", 0, {}, "stopped"));
  EXPECT_FALSE(node_.on_node.rules.contains({7001, "socklid_1"}));
  EXPECT_TRUE(node_.on_node.rules.contains({7001, "socklid_2"}));
  ASSERT_TRUE(create_once(state_of("three", 44, with_rules)));
  EXPECT_TRUE(node_.on_node.rules.contains({7001, "socklid_1"})) << "a slot is used again";
}

TEST_F(HookTest, ThePodsSandboxGetsNoPolicy) {
  const std::pair<const char*, const char*> engines[] = {
      {"io.kubernetes.cri-o.SandboxID", "/pods/crio-"},
      {"io.kubernetes.cri.sandbox-id", "/pods/cri-containerd-"}};
  for (const auto& [key, cgroup] : engines) {
    Annotations of_pod = with_rules;
    of_pod[key] = engine_id;
    node_.containers[42].cgroup = cgroup + engine_id;
    ASSERT_TRUE(create_once(state_of(engine_id, 42, of_pod)));
    EXPECT_EQ(node_.on_node, OnNode{});
  }
}

TEST_F(HookTest, NobodyPassesForASandboxWhereAnImageCanSaySo) {
  for (const char* key : {"io.kubernetes.cri-o.SandboxID", "io.kubernetes.cri.sandbox-id"}) {
    Annotations of_image = with_rules;
    of_image[key] = "web";
    ASSERT_TRUE(create_once(state_of("web", 42, of_image)));
    EXPECT_EQ(node_.on_node.records.size(), 1u) << key;
    remove_once(state_of("web", 0, {}, "stopped"));
  }
}

TEST_F(HookTest, SecondCallInAPodKeepsTheSlot) {
  node_.containers[42].kind = NetnsKind::shared;
  node_.containers[43] = {.cgroup_id = 1002, .netns = 7001, .kind = NetnsKind::shared};
  ASSERT_TRUE(create_once(state_of("one", 42, with_rules)));
  ASSERT_TRUE(create_once(state_of("two", 43, with_rules)));
  const auto before = node_.on_node.rules;
  ASSERT_TRUE(create_once(state_of("two", 43, with_rules)));
  EXPECT_EQ(node_.on_node.rules, before);
}

TEST_F(HookTest, JoinsANamespaceOfAnothersOwn) {
  ASSERT_TRUE(create_once(state_of("first", 42, with_rules)));
  node_.containers[43] = {.cgroup_id = 1002, .netns = 7001};
  ASSERT_TRUE(create_once(state_of("second", 43, with_rules)));
  EXPECT_EQ(node_.on_node.records.at("second_3ea").record.placement,
            (Placement{NetnsKind::shared, 1}));
  EXPECT_TRUE(node_.on_node.rules.contains({7001, "socklid"}));
  EXPECT_TRUE(node_.on_node.rules.contains({7001, "socklid_1"}));
}

TEST_F(HookTest, AMarkThatClaimsTheSlotsBitsKeepsNeighboursOut) {
  Annotations wide = with_rules;
  wide["io.socklid.mark"] = "0x5000000/0xffffffff";
  ASSERT_TRUE(create_once(state_of("first", 42, wide)));
  node_.containers[43] = {.cgroup_id = 1002, .netns = 7001};
  const OnNode before = node_.on_node;
  const auto second = create_once(state_of("second", 43, with_rules));
  ASSERT_FALSE(second);
  EXPECT_THAT(second.error().message, HasSubstr("container first"));
  EXPECT_THAT(second.error().message, HasSubstr("0x5000000/0xffffffff"));
  EXPECT_EQ(node_.on_node, before);

  node_.containers[44] = {.cgroup_id = 1003, .netns = 7003, .kind = NetnsKind::shared};
  const auto in_pod = create_once(state_of("third", 44, wide));
  ASSERT_FALSE(in_pod);
  EXPECT_EQ(in_pod.error().exit, Exit::unsupported);
  EXPECT_THAT(in_pod.error().message, HasSubstr("io.socklid.mark"));
}

TEST_F(HookTest, RunsOutOfSlotsByName) {
  for (int i = 0; i < 256; ++i) {
    const auto cgroup = static_cast<std::uint64_t>(2000 + i);
    node_.containers[100 + i] = {.cgroup_id = cgroup, .netns = 7001, .kind = NetnsKind::shared};
    const auto made = create_once(state_of("c" + std::to_string(i), 100 + i, with_rules));
    ASSERT_EQ(made.has_value(), i < 255);
    if (!made) {
      EXPECT_THAT(made.error().message, HasSubstr("255 containers"));
    }
  }
}

TEST_F(HookTest, TablesOfTheDeadAreNoConflict) {
  node_.containers[42].kind = NetnsKind::shared;
  NftRuleset& old = node_.on_node.rules[{7001, "socklid"}];
  old.table = "socklid";
  old.comment = "container old cgroup 99";
  ASSERT_TRUE(create_once(state_of("web", 42, with_rules)));
  EXPECT_FALSE(node_.on_node.rules.contains({7001, "socklid"}));
  EXPECT_TRUE(node_.on_node.rules.contains({7001, "socklid_1"}));
}

TEST_F(HookTest, RefusesTheCgroupOfAnotherContainer) {
  ASSERT_TRUE(create_once(state_of("first", 42, connect_denied)));
  const OnNode before = node_.on_node;
  const auto created = create_once(state_of("second", 42, connect_denied));
  ASSERT_FALSE(created);
  EXPECT_EQ(created.error().exit, Exit::cgroup);
  EXPECT_THAT(created.error().message, HasSubstr("container first"));
  EXPECT_EQ(node_.on_node, before);
}

TEST_F(HookTest, TakesOverANamespaceWhoseContainerIsGone) {
  ASSERT_TRUE(create_once(state_of("first", 42, with_rules)));
  node_.containers.erase(42);  // the namespace stays, as `--network ns:` ones do
  node_.containers[43] = {.cgroup_id = 1002, .netns = 7001};
  ASSERT_TRUE(create_once(state_of("second", 43, with_rules)));
  EXPECT_EQ(parse_rules_owner(node_.on_node.rules.at({7001, "socklid"}).comment)->cgroup_id, 1002U);
  EXPECT_THAT(node_.on_node.records, SizeIs(1));
}

TEST_F(HookTest, RemovalLeavesNothing) {
  ASSERT_TRUE(create_once(state_of("web", 42, with_rules)));
  node_.containers.erase(42);  // the namespace is still there
  remove_once(state_of("web", 0, {}, "stopped"));
  EXPECT_EQ(node_.on_node, OnNode{});
  remove_once(state_of("web", 0, {}, "stopped"));
  EXPECT_THAT(journal_, SizeIs(1)) << "a look, and no lock taken";
}

TEST_F(HookTest, RemovalWorksWithAnEmptyCgroupStillThere) {
  ASSERT_TRUE(create_once(state_of("web", 42, with_rules)));
  node_.containers[42].liveness = Liveness::empty;
  remove_once(state_of("web", 0, {}, "stopped"));
  EXPECT_EQ(node_.on_node, OnNode{});
}

TEST_F(HookTest, RemovalLeavesOtherContainersAlone) {
  node_.containers[43] = {.cgroup_id = 1002, .netns = 7002};
  ASSERT_TRUE(create_once(state_of("other", 43, with_rules)));
  const OnNode before = node_.on_node;
  ASSERT_TRUE(create_once(state_of("web", 42, with_rules)));
  node_.destroy(42);
  remove_once(state_of("web", 0, {}, "stopped"));
  EXPECT_EQ(node_.on_node, before);
}

TEST_F(HookTest, NotesGoToTheLog) {
  Annotations closed = with_rules;
  closed.erase("io.socklid.bind");
  ASSERT_TRUE(create_once(state_of("web", 42, closed)));
  EXPECT_THAT(notes_, Contains(HasSubstr("io.socklid.bind")));
}

}  // namespace
}  // namespace socklid
