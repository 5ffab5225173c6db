// SPDX-License-Identifier: Apache-2.0
//
// HookTest: runs of the hook on a made-up node, one after the other.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "hook/hook.hpp"
#include "tests/fault/fake_node.hpp"

namespace socklid {

using annotations::Annotations;
using ::testing::IsEmpty;

const std::string engine_id(64, 'e');
inline const Annotations connect_denied{{"io.socklid.connect", "deny"}};
inline const Annotations with_rules{{"io.socklid.connect", "deny"},
                                    {"io.socklid.bind", "tcp/80"},
                                    {"io.socklid.egress", "tcp/443"},
                                    {"io.socklid.shutdown", "deny"}};

inline ContainerState state_of(const std::string& id, pid_t pid, Annotations annotations,
                               const std::string& status = "creating") {
  return {
      .id = id, .status = status, .pid = pid, .bundle = "/", .annotations = std::move(annotations)};
}

class HookTest : public testing::Test {
 protected:
  HookTest() { node_.containers[42] = {.cgroup_id = 1001, .netns = 7001}; }

  Result<> create_once(const ContainerState& state) {
    FakeRun run(node_);
    auto created = create(run, state);
    run.end_run();
    journal_ = run.journal;
    notes_ = run.notes;
    EXPECT_THAT(run.warnings, IsEmpty());
    return created;
  }
  void remove_once(const ContainerState& state) {
    FakeRun run(node_);
    EXPECT_THAT(remove(run, state), IsEmpty());
    journal_ = run.journal;
  }

  FakeNode node_;
  std::vector<std::string> journal_;
  std::vector<std::string> notes_;
};

}  // namespace socklid
