// SPDX-License-Identifier: Apache-2.0
//
// Fails if the states that a real CRI-O writes, with runc and with crun, are not understood
// or do not lead from nothing to a policy and back to nothing (tests/data/crio-*/README.md), or if
// a pod's author can pass for CRI-O in them.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "hook/hook.hpp"
#include "node/cgroup.hpp"
#include "node/engine.hpp"
#include "system/files.hpp"
#include "tests/fault/fake_node.hpp"

namespace socklid {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class CrioReplay : public testing::TestWithParam<const char*> {
 protected:
  static std::string recorded(const std::string& name) {
    const std::string path = std::string(SOCKLID_TEST_DATA "/") + GetParam() + "/";
    auto text = read_file(AT_FDCWD, path + name, Exit::internal);
    if (!text) ADD_FAILURE() << text.error().message;
    return text.value_or("");
  }
  static ContainerState state(const std::string& name, Stage stage) {
    auto parsed = parse_state(recorded(name + ".state.json"), stage);
    if (!parsed) ADD_FAILURE() << parsed.error().message;
    return parsed.value_or(ContainerState{});
  }
  /// The value of the field in what was recorded beside the state; the two recorders called it
  /// `older` and `newer`.
  static std::string context(const std::string& name, const std::string& older,
                             const std::string& newer) {
    const std::string text = "\n" + recorded(name + ".context.txt");
    for (const std::string& field : {"\n" + older + ": ", newer + ": "}) {
      const std::size_t begin = text.find(field);
      if (begin == std::string::npos) continue;
      const std::size_t value = begin + field.size();
      return text.substr(value, text.find_first_of(" \n", value) - value);
    }
    ADD_FAILURE() << name << " has no " << older;
    return {};
  }
  static std::string cgroup(const std::string& name) {
    return parse_unified_path(context(name, "cgroup", "pid cgroup")).value_or("?");
  }
  static std::string netns(const std::string& name) { return context(name, "net", "pid netns"); }
  static std::string name_in_pod(const ContainerState& container) {
    return container.annotations.at("io.kubernetes.container.name");
  }

  void start(const ContainerState& container, std::uint64_t cgroup) {
    node_.containers[container.pid] = {.cgroup_id = cgroup,
                                       .netns = 4026532145,
                                       .kind = NetnsKind::shared,
                                       .cgroup = "/pods/crio-" + container.id};
    FakeRun run(node_);
    const auto created = create(run, container);
    run.end_run();
    EXPECT_TRUE(created) << created.error().message;
  }
  void stop(const ContainerState& container, pid_t pid) {
    node_.containers.erase(pid);
    FakeRun run(node_);
    EXPECT_THAT(remove(run, container), IsEmpty());
  }
  FakeNode node_;
};

TEST_P(CrioReplay, RaisesNothingAboveTheContainer) {
  for (const char* name : {"createRuntime-1", "createRuntime-2"}) {
    const ContainerState container = state(name, Stage::create);
    const std::string path = cgroup(name);
    const std::string own =
        parse_unified_path(context(name, "self-cgroup", "self cgroup")).value_or("?");
    EXPECT_EQ(container_cgroup_of(path, container.id, crun_cgroups(container.annotations).value()),
              path);
    EXPECT_TRUE(check_bears_id(path, container.id));
    EXPECT_EQ(engine_of(path, container.id), Engine::crio);
    EXPECT_TRUE(check_own_cgroup(path, own, "/init"));
    EXPECT_THAT(path, HasSubstr(container.id));
  }
}

TEST_P(CrioReplay, NamespaceIsThePods) {
  const ContainerState front = state("createRuntime-1", Stage::create);
  EXPECT_EQ(netns("createRuntime-1"), netns("createRuntime-2"));
  EXPECT_NE(netns("createRuntime-1"), context("createRuntime-1", "self-net", "self netns"));
  const auto identity = identify("/pods/crio-" + front.id, front.id, front.annotations);
  ASSERT_TRUE(identity) << identity.error().message;
  EXPECT_EQ(classify(4026532145, {4026531840}, identity->sandbox.has_value()), NetnsKind::shared);
}

TEST_P(CrioReplay, ComesAndGoes) {
  const ContainerState front = state("createRuntime-1", Stage::create);
  const ContainerState side = state("createRuntime-2", Stage::create);
  start(front, 1001);
  start(side, 1002);
  ASSERT_THAT(node_.on_node.records, SizeIs(2));
  const Details& of_front = node_.on_node.records.at(key_of(front.id, 1001)).details;
  const Details& of_side = node_.on_node.records.at(key_of(side.id, 1002)).details;
  EXPECT_THAT(of_front.hooks, testing::Contains("socket_connect"));
  EXPECT_NE(node_.on_node.policies.at(1001), node_.on_node.policies.at(1002))
      << "KEY/CONTAINER is for one of them";
  EXPECT_EQ(of_front.container, name_in_pod(front));
  EXPECT_EQ(of_side.container, name_in_pod(side));

  const ContainerState side_gone = state("poststop-1", Stage::remove);
  const ContainerState front_gone = state("poststop-2", Stage::remove);
  EXPECT_EQ(side_gone.id, side.id);
  EXPECT_EQ(side_gone.pid, 0);
  stop(side_gone, side.pid);
  EXPECT_THAT(node_.on_node.records, SizeIs(1));
  stop(front_gone, front.pid);
  EXPECT_EQ(node_.on_node, OnNode{});
}

TEST_P(CrioReplay, EgressOfThePodsContainersLiesSideBySide) {
  ContainerState front = state("createRuntime-1", Stage::create);
  ContainerState side = state("createRuntime-2", Stage::create);
  front.annotations["io.socklid.egress/" + name_in_pod(front)] = "tcp/443";
  side.annotations["io.socklid.egress/" + name_in_pod(side)] = "tcp/80";
  start(front, 1001);
  start(side, 1002);
  EXPECT_THAT(node_.on_node.rules, SizeIs(2));
  stop(state("poststop-1", Stage::remove), side.pid);
  EXPECT_THAT(node_.on_node.rules, SizeIs(1));
  stop(state("poststop-2", Stage::remove), front.pid);
  EXPECT_EQ(node_.on_node, OnNode{});
}

/// In the host's network namespace a mark is a key to the administrator's rules.
TEST_P(CrioReplay, AMarkOnTheHostIsNotForThePodsAuthor) {
  ContainerState front = state("createRuntime-1", Stage::create);
  front.annotations["io.socklid.mark"] = "3";
  node_.containers[front.pid] = {.cgroup_id = 1001,
                                 .netns = 4026531840,
                                 .kind = NetnsKind::host,
                                 .cgroup = "/pods/crio-" + front.id};
  FakeRun refused(node_);
  const auto created = create(refused, front);
  refused.end_run();
  ASSERT_FALSE(created);
  EXPECT_EQ(created.error().exit, Exit::unsupported);
  EXPECT_THAT(created.error().message, HasSubstr("io.socklid.mark"));
  EXPECT_EQ(node_.on_node, OnNode{});

  // The operator's, who starts a bundle himself, stays.
  node_.containers[front.pid].cgroup = "/by-hand";
  ContainerState bare = front;
  std::erase_if(bare.annotations,
                [](const auto& one) { return !one.first.starts_with("io.socklid.mark"); });
  FakeRun run(node_);
  const auto started = create(run, bare);
  run.end_run();
  EXPECT_TRUE(started) << started.error().message;
}

INSTANTIATE_TEST_SUITE_P(Versions, CrioReplay,
                         testing::Values("crio-1.26.4/runc", "crio-1.26.4/crun", "crio-1.37.0/runc",
                                         "crio-1.37.0/crun"));

/// What a pod's author might add to a recorded state of either version, and how it comes out:
/// CRI-O's own keys are written after his, so only those that it does not write are his to choose.
class HostileAuthor : public testing::TestWithParam<std::string> {
 protected:
  static ContainerState state(const std::string& name) {
    const std::string path = SOCKLID_TEST_DATA "/" + GetParam() + "/" + name + ".state.json";
    auto parsed =
        parse_state(read_file(AT_FDCWD, path, Exit::internal).value_or(""), Stage::create);
    if (!parsed) ADD_FAILURE() << path << ": " << parsed.error().message;
    return parsed.value_or(ContainerState{});
  }
  static Result<Identity> identity_of(const ContainerState& container) {
    return identify("/pods/crio-" + container.id, container.id, container.annotations);
  }
};

TEST_P(HostileAuthor, IsNotTheEngine) {
  for (const char* name : {"createRuntime-1", "createRuntime-2"}) {
    const ContainerState honest = state(name);
    const auto known = identity_of(honest);
    ASSERT_TRUE(known) << known.error().message;
    EXPECT_EQ(known->container, honest.annotations.at("io.kubernetes.container.name"));
    EXPECT_EQ(known->sandbox, honest.annotations.at("io.kubernetes.cri-o.SandboxID"));
    EXPECT_FALSE(known->is_sandbox);
    for (const EngineKey& row : engine_keys()) {
      ContainerState hostile = honest;
      if (!hostile.annotations.emplace(row.key, hostile.id).second) continue;  // CRI-O's come last
      const auto identity = identity_of(hostile);
      if (row.say.at(static_cast<std::size_t>(Engine::crio)) == Say::refused) {
        EXPECT_FALSE(identity) << row.key;
      } else {
        ASSERT_TRUE(identity) << row.key;
        EXPECT_EQ(*identity, *known) << row.key;
      }
    }
  }
}

TEST_P(HostileAuthor, LabelsMayBeMissing) {
  ContainerState container = state("createRuntime-1");
  const std::string name = container.annotations.at("io.kubernetes.container.name");
  container.annotations["io.kubernetes.container.name"] = "of-the-author";
  EXPECT_EQ(identity_of(container).value().container, name);
  container.annotations.erase("io.kubernetes.container.name");
  EXPECT_EQ(identity_of(container).value().container, name);
}

INSTANTIATE_TEST_SUITE_P(Versions, HostileAuthor,
                         testing::Values("crio-1.26.4/runc", "crio-1.26.4/crun", "crio-1.37.0/runc",
                                         "crio-1.37.0/crun"));

}  // namespace
}  // namespace socklid
