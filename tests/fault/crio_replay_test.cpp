// SPDX-License-Identifier: Apache-2.0
//
// Fails if the states that a real CRI-O 1.26.4 writes, with runc and with crun, are not understood
// or do not lead from nothing to a policy and back to nothing (tests/data/crio-1.26.4/README.md).
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "hook/cgroup.hpp"
#include "hook/files.hpp"
#include "hook/hook.hpp"
#include "tests/fault/fake_kernel.hpp"

namespace socklid {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class CrioReplay : public testing::TestWithParam<const char*> {
 protected:
  static std::string recorded(const std::string& name) {
    const std::string path = std::string(SOCKLID_TEST_DATA "/crio-1.26.4/") + GetParam() + "/";
    auto text = read_file(AT_FDCWD, path + name, Exit::internal);
    if (!text) ADD_FAILURE() << text.error().message;
    return text.value_or("");
  }
  static ContainerState state(const std::string& name, Stage stage) {
    auto parsed = parse_state(recorded(name + ".state.json"), stage);
    if (!parsed) ADD_FAILURE() << parsed.error().message;
    return parsed.value_or(ContainerState{});
  }
  /// The value of `field` in what was recorded beside the state.
  static std::string context(const std::string& name, const std::string& field) {
    const std::string text = recorded(name + ".context.txt");
    const std::size_t begin = text.find(field + ": ") + field.size() + 2;
    return text.substr(begin, text.find('\n', begin) - begin);
  }

  void start(const ContainerState& container, std::uint64_t cgroup) {
    node_.containers[container.pid] = {
        .cgroup_id = cgroup, .netns = 4026532145, .kind = NetnsKind::shared};
    FakeKernel kernel(node_);
    const auto created = create(kernel, container);
    kernel.end_run();
    EXPECT_TRUE(created) << created.error().message;
  }
  void stop(const ContainerState& container, pid_t pid) {
    node_.containers.erase(pid);
    FakeKernel kernel(node_);
    EXPECT_THAT(remove(kernel, container), IsEmpty());
  }
  FakeNode node_;
};

TEST_P(CrioReplay, RaisesNothingAboveTheContainer) {
  for (const char* name : {"createRuntime-1", "createRuntime-2"}) {
    const ContainerState container = state(name, Stage::create);
    const std::string path = parse_unified_path(context(name, "cgroup")).value_or("?");
    const std::string own = parse_unified_path(context(name, "self-cgroup")).value_or("?");
    EXPECT_EQ(raise_to_container(path, container.id, crun_cgroups(container.annotations)), path);
    EXPECT_TRUE(check_own_cgroup(path, own, "/init"));
    EXPECT_THAT(path, HasSubstr(container.id));
  }
}

TEST_P(CrioReplay, NamespaceIsThePods) {
  const ContainerState front = state("createRuntime-1", Stage::create);
  EXPECT_EQ(context("createRuntime-1", "net"), context("createRuntime-2", "net"));
  EXPECT_NE(context("createRuntime-1", "net"), context("createRuntime-1", "self-net"));
  EXPECT_EQ(classify(4026532145, {4026531840}, sandbox_of(front.annotations)), NetnsKind::shared);
}

TEST_P(CrioReplay, ComesAndGoes) {
  const ContainerState front = state("createRuntime-1", Stage::create);
  const ContainerState side = state("createRuntime-2", Stage::create);
  start(front, 1001);
  start(side, 1002);
  ASSERT_THAT(node_.kept.records, SizeIs(2));
  const Details& of_front = node_.kept.records.at(key_of(front.id, 1001)).details;
  const Details& of_side = node_.kept.records.at(key_of(side.id, 1002)).details;
  EXPECT_THAT(of_front.hooks, testing::Contains("socket_bind"));
  EXPECT_NE(node_.kept.policies.at(1001), node_.kept.policies.at(1002))
      << "io.socklid.bind/front is for one of them";
  EXPECT_EQ(of_side.annotations.at("io.kubernetes.container.name"), "side");

  const ContainerState side_gone = state("poststop-1", Stage::remove);
  const ContainerState front_gone = state("poststop-2", Stage::remove);
  EXPECT_EQ(side_gone.id, side.id);
  EXPECT_EQ(side_gone.pid, 0);
  stop(side_gone, side.pid);
  EXPECT_THAT(node_.kept.records, SizeIs(1));
  stop(front_gone, front.pid);
  EXPECT_EQ(node_.kept, Kept{});
}

TEST_P(CrioReplay, EgressOfThePodsContainersLiesSideBySide) {
  ContainerState front = state("createRuntime-1", Stage::create);
  ContainerState side = state("createRuntime-2", Stage::create);
  front.annotations["io.socklid.egress"] = "tcp/443";
  side.annotations["io.socklid.egress"] = "tcp/80";
  start(front, 1001);
  start(side, 1002);
  EXPECT_THAT(node_.kept.rules, SizeIs(2));
  stop(state("poststop-1", Stage::remove), side.pid);
  EXPECT_THAT(node_.kept.rules, SizeIs(1));
  stop(state("poststop-2", Stage::remove), front.pid);
  EXPECT_EQ(node_.kept, Kept{});
}

INSTANTIATE_TEST_SUITE_P(Runtimes, CrioReplay, testing::Values("runc", "crun"));

}  // namespace
}  // namespace socklid
