// SPDX-License-Identifier: Apache-2.0
//
// Fails if, with any one step failing or the run killed before any step, something of ours is left
// behind, something that was there is lost (I2), or a later run cannot clean up (I7).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "hook/hook.hpp"
#include "tests/fault/fake_node.hpp"

namespace socklid {
namespace {

using ::testing::IsEmpty;

const annotations::Annotations policy{
    {"io.socklid.connect", "deny"},   {"io.socklid.bind", "tcp/80"},
    {"io.socklid.egress", "tcp/443"}, {"io.socklid.shutdown", "deny"},
    {"io.socklid.readonly", "/etc"},  {"io.socklid.subject.mail", "/usr/sbin/mail bind=deny"}};

const ContainerState starting{
    .id = "web", .status = "creating", .pid = 42, .bundle = "/", .annotations = policy};
const ContainerState stopped{
    .id = "web", .status = "stopped", .pid = 0, .bundle = "/", .annotations = {}};

FakeNode node_with_container() {
  FakeNode node;
  node.containers[42] = {.cgroup_id = 1001, .netns = 7001};
  return node;
}

int calls_of_a_good_run(FakeNode node) {
  FakeRun run(node);
  EXPECT_TRUE(create(run, starting));
  return run.calls;
}

FakeNode node_with_policy() {
  FakeNode node = node_with_container();
  FakeRun run(node);
  EXPECT_TRUE(create(run, starting));
  run.end_run();
  return node;
}

/// A container whose poststop never came.
FakeNode node_with_garbage() {
  FakeNode node = node_with_policy();
  node.destroy(42);
  node.containers[42] = {.cgroup_id = 1002, .netns = 7002};
  return node;
}

/// A run that was killed before `step`.
FakeNode node_after_kill(FakeNode node, int step) {
  FakeRun run(node);
  run.kill_at = step;
  (void)create(run, starting);
  run.end_run();
  return node;
}

void remove_killed(FakeNode& node) {
  node.containers[42].ended = true;
  FakeRun run(node);
  EXPECT_THAT(remove(run, stopped), IsEmpty());
}

TEST(Fault, EveryStepThatFailsIsUndone) {
  const FakeNode fresh = node_with_container();
  const int steps = calls_of_a_good_run(fresh);
  ASSERT_GT(steps, 8);
  for (int step = 0; step < steps; ++step) {
    FakeNode node = fresh;
    FakeRun run(node);
    run.fail_at = step;
    const auto created = create(run, starting);
    run.end_run();
    if (created) {
      EXPECT_EQ(run.journal.back(), "unstage") << "only what follows the commit may fail";
      EXPECT_TRUE(run.in_force(1001));
      continue;
    }
    EXPECT_EQ(node.on_node, fresh.on_node)
        << "after " << run.journal[static_cast<std::size_t>(step)];
    EXPECT_THAT(run.warnings, IsEmpty());
  }
}

TEST(Fault, WhatWasLookedUpIsOnRecord) {
  FakeNode node = node_with_policy();
  ASSERT_EQ(node.on_node.records.size(), 1U);
  EXPECT_EQ(node.on_node.records.begin()->second.details.looked_up.mntns, 7U);
}

TEST(Fault, AFailedSecondCallReturnsToTheFirst) {
  const FakeNode once = node_with_policy();
  const int steps = calls_of_a_good_run(once);
  for (int step = 0; step < steps; ++step) {
    FakeNode node = once;
    FakeRun run(node);
    run.fail_at = step;
    run.never_open = 1001;
    const auto created = create(run, starting);
    run.end_run();
    EXPECT_TRUE(run.in_force(1001));
    if (!created) {
      EXPECT_EQ(node.on_node, once.on_node)
          << "after " << run.journal[static_cast<std::size_t>(step)];
    }
  }
}

TEST(Fault, AFailureBesideGarbageLosesNothingElse) {
  const FakeNode littered = node_with_garbage();
  const int steps = calls_of_a_good_run(littered);
  for (int step = 0; step < steps; ++step) {
    FakeNode node = littered;
    FakeRun run(node);
    run.fail_at = step;
    const auto created = create(run, starting);
    run.end_run();
    EXPECT_EQ(created.has_value(), run.in_force(1002));
    EXPECT_EQ(node.on_node.rules.contains({7002, "socklid"}), created.has_value());
    EXPECT_EQ(node.on_node.policies.contains(1002), created.has_value());
    // What a failing collection left is collected by the next run.
    FakeRun next(node);
    ASSERT_TRUE(create(next, starting));
    next.end_run();
    FakeRun collector(node);
    ASSERT_TRUE(collector.begin());
    EXPECT_THAT(collect_garbage(collector).errors, IsEmpty());
    EXPECT_EQ(node.on_node.records.size(), 1U);
    EXPECT_EQ(node.on_node.pinned.size(), 1U);
    EXPECT_EQ(node.on_node.policies.size(), 1U);
  }
}

TEST(Fault, AKilledRunIsCleanedUpByTheNext) {
  const FakeNode fresh = node_with_container();
  const int steps = calls_of_a_good_run(fresh);
  for (int step = 0; step < steps; ++step) {
    FakeNode node = node_after_kill(fresh, step);
    node.destroy(42);  // the runtime gives the container up, without poststop
    node.containers[43] = {.cgroup_id = 1002, .netns = 7002};
    ContainerState next = starting;
    next.id = "next";
    next.pid = 43;
    FakeRun second(node);
    ASSERT_TRUE(create(second, next)) << "after a kill before step " << step;
    second.end_run();
    EXPECT_THAT(node.on_node.staged, IsEmpty());
    EXPECT_EQ(node.on_node.pinned.size(), 1U);
    EXPECT_EQ(node.on_node.records.size(), 1U);
    EXPECT_EQ(node.on_node.rules.size(), 1U);
    FakeRun collector(node);
    ASSERT_TRUE(collector.begin());
    EXPECT_THAT(collect_garbage(collector).errors, IsEmpty());
    EXPECT_EQ(node.on_node.policies.size(), 1U);
  }
}

/// The container stays, as where its runtime tries again: its cgroup is not gone. Its rules are
/// left to who can wait for its namespace, and are on record until then.
TEST(Fault, AKilledRunLeavesNothingButRulesOnRecord) {
  const FakeNode fresh = node_with_container();
  const int steps = calls_of_a_good_run(fresh);
  for (int step = 0; step < steps; ++step) {
    FakeNode node = node_after_kill(fresh, step);
    FakeRun second(node);
    ASSERT_TRUE(second.begin());
    const bool published = !node.on_node.pinned.empty();
    EXPECT_EQ(node.on_node.policies.empty(), !published) << "after a kill before step " << step;
    EXPECT_THAT(node.on_node.begun, IsEmpty());
    if (!node.on_node.rules.empty()) {
      EXPECT_TRUE(node.on_node.records.contains("web_3e9")) << "after a kill before step " << step;
    }
    remove_killed(node);
    EXPECT_EQ(node.on_node, OnNode{}) << "after a kill before step " << step;
  }
}

/// A neighbour keeps the namespace, in which the killed run has installed rules.
TEST(Fault, TheTableOfAKilledRunGoesWithItsContainer) {
  FakeNode fresh = node_with_container();
  fresh.containers[43] = {.cgroup_id = 1002, .netns = 7001};
  const int steps = calls_of_a_good_run(fresh);
  for (int step = 0; step < steps; ++step) {
    FakeNode node = node_after_kill(fresh, step);
    node.destroy(42);
    FakeRun collector(node);
    ASSERT_TRUE(collector.begin());
    EXPECT_THAT(collect_garbage(collector).errors, IsEmpty());
    EXPECT_EQ(node.on_node, OnNode{}) << "after a kill before step " << step;
  }
}

TEST(Fault, AKilledSecondCallLeavesThePolicyInForce) {
  const FakeNode once = node_with_policy();
  const int steps = calls_of_a_good_run(once);
  for (int step = 0; step < steps; ++step) {
    FakeNode node = once;
    FakeRun run(node);
    run.kill_at = step;
    (void)create(run, starting);
    run.end_run();
    EXPECT_TRUE(run.in_force(1001)) << "killed before step " << step;
    EXPECT_TRUE(node.on_node.rules.contains({7001, "socklid"}));
  }
}

TEST(Fault, RemovalGoesOnAndTheNextOneFinishes) {
  FakeNode full = node_with_policy();
  full.containers.erase(42);
  int steps = 0;
  {
    FakeNode node = full;
    FakeRun run(node);
    EXPECT_THAT(remove(run, stopped), IsEmpty());
    steps = run.calls;
    EXPECT_EQ(node.on_node, OnNode{});
  }
  for (int step = 0; step < steps; ++step) {
    FakeNode node = full;
    FakeRun run(node);
    run.fail_at = step;
    (void)remove(run, stopped);
    FakeRun again(node);
    EXPECT_THAT(remove(again, stopped), IsEmpty());
    EXPECT_EQ(node.on_node, OnNode{}) << "after a failure of step " << step;
  }
}

TEST(Fault, KilledRemovalIsFinishedByTheNext) {
  FakeNode full = node_with_policy();
  full.containers.erase(42);
  for (int step = 0; step < 10; ++step) {
    FakeNode node = full;
    FakeRun run(node);
    run.kill_at = step;
    (void)remove(run, stopped);
    FakeRun again(node);
    EXPECT_THAT(remove(again, stopped), IsEmpty());
    EXPECT_EQ(node.on_node, OnNode{}) << "killed before step " << step;
  }
}

TEST(Fault, AnUndoThatFailsIsReported) {
  FakeNode node = node_with_container();
  FakeRun good(node);
  ASSERT_TRUE(create(good, starting));
  int publish = 0;
  while (good.journal[static_cast<std::size_t>(publish)] != "publish") ++publish;
  FakeNode fresh = node_with_container();
  FakeRun run(fresh);
  run.kill_at = publish;  // publish fails, and so does every undo
  ASSERT_FALSE(create(run, starting));
  EXPECT_EQ(run.warnings.size(), 5U);
  EXPECT_EQ(run.warnings.front(), "undo stage: killed");
}

}  // namespace
}  // namespace socklid
