// SPDX-License-Identifier: Apache-2.0
//
// Fails if the mounted cgroup2 is not found, or a cgroup that is gone is taken for one that is
// there.
#include "hook/cgroup.hpp"

#include <gtest/gtest.h>

namespace socklid {
namespace {

TEST(OpenCgroup, GivesTheInodeAsId) {
  const auto mount = find_cgroup_mount();
  ASSERT_TRUE(mount) << mount.error().message;
  const auto cgroup = open_cgroup(*mount, mount->root);
  ASSERT_TRUE(cgroup) << cgroup.error().message;
  EXPECT_NE(cgroup->id, 0U);
  // The root has no cgroup.events: it counts as gone, and is never a container's.
  EXPECT_EQ(cgroup_liveness(*mount, "/no/such/cgroup", 1).value(), Liveness::gone);
  EXPECT_EQ(cgroup_liveness(*mount, mount->root, cgroup->id + 1).value(), Liveness::gone);
}

}  // namespace
}  // namespace socklid
