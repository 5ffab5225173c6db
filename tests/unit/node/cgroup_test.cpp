// SPDX-License-Identifier: Apache-2.0
//
// Fails if a policy would be bound to a cgroup that holds others than the container (I6) or less
// than all of it (I4), or if the cgroup is looked for in a fixed place.
#include "node/cgroup.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "bpf/policy_abi.h"

namespace socklid {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

static_assert(deepest_level + 8 <= SL_POLICY_LEVELS, "a node may lie eight levels deep itself");

const std::string id(64, 'e');
constexpr const char* subgroup = "run.oci.systemd.subgroup";
constexpr const char* delegate = "run.oci.delegate-cgroup";

// A node with cgroup v2 alone, as systemd mounts it.
constexpr std::string_view unified_node =
    "23 29 0:22 / /proc rw,nosuid - proc proc rw\n"
    "30 24 0:26 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime shared:4 - cgroup2 cgroup2 "
    "rw,nsdelegate,memory_recursiveprot\n";
// A hybrid node.
constexpr std::string_view hybrid_node =
    "31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n"
    "32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu\n"
    "38 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n";

TEST(Mountinfo, ReadsFieldsAroundOptionalOnes) {
  const auto mounts = parse_mountinfo(unified_node);
  ASSERT_THAT(mounts, SizeIs(2));
  EXPECT_EQ(mounts[1], (Mount{.root = "/",
                              .point = "/sys/fs/cgroup",
                              .type = "cgroup2",
                              .id = 30,
                              .device = 26,
                              .is_shared = true}));
}

TEST(Mountinfo, DecodesEscapesAndSkipsOtherLines) {
  const auto mounts = parse_mountinfo(
      "1 2 8:3 /a\\040b /c\\134d rw master:1 - nsfs nsfs rw\n"
      "nonsense\n1 2 3 4 5 6 -\n\n");
  ASSERT_THAT(mounts, SizeIs(1));
  EXPECT_EQ(mounts[0], (Mount{.root = "/a b",
                              .point = "/c\\d",
                              .type = "nsfs",
                              .id = 1,
                              .device = 8 << 20 | 3,
                              .is_shared = false}));
  EXPECT_THAT(parse_mountinfo(""), IsEmpty());
}

TEST(CgroupMount, IsWhereMountinfoSays) {
  EXPECT_EQ(choose_cgroup_mount(parse_mountinfo(unified_node))->point, "/sys/fs/cgroup");
  EXPECT_EQ(choose_cgroup_mount(parse_mountinfo(hybrid_node))->point, "/sys/fs/cgroup/unified");
}

TEST(CgroupMount, PrefersTheWholeHierarchy) {
  const auto mount = choose_cgroup_mount({{"/x", "/mnt/part", "cgroup2"},
                                          {"/../..", "/mnt/odd", "cgroup2"},
                                          {"/", "/mnt/all", "cgroup2"}});
  EXPECT_EQ(mount->point, "/mnt/all");
}

TEST(CgroupMount, MustExist) {
  const auto mount = choose_cgroup_mount({{"/", "/sys/fs/cgroup/cpu", "cgroup"}});
  ASSERT_FALSE(mount);
  EXPECT_EQ(mount.error().exit, Exit::node);
  EXPECT_THAT(mount.error().message, HasSubstr("systemd.unified_cgroup_hierarchy=1"));
}

TEST(UnifiedPath, IsTheLineOfHierarchyZero) {
  EXPECT_EQ(parse_unified_path("0::/a/b\n").value(), "/a/b");
  EXPECT_EQ(parse_unified_path("9:name=systemd:/x\n4:memory:/y\n0::/z\n").value(), "/z");
  EXPECT_EQ(parse_unified_path("0::/\n").value(), "/");
}

TEST(UnifiedPath, RefusesWhatCannotBeOpened) {
  EXPECT_THAT(parse_unified_path("4:memory:/docker/x\n").error().message, HasSubstr("no 0:: line"));
  EXPECT_THAT(parse_unified_path("").error().message, HasSubstr("no 0:: line"));
  EXPECT_EQ(parse_unified_path("0::/a (deleted)\n").value(), "/a (deleted)") << "a name like any";
  EXPECT_THAT(parse_unified_path("0::/../../b\n").error().message, HasSubstr("outside"));
  EXPECT_EQ(parse_unified_path("0::/..\n").error().exit, Exit::cgroup);
  EXPECT_EQ(parse_unified_path("0::/a..b\n").value(), "/a..b");
}

TEST(Holds, ComparesWholeComponents) {
  EXPECT_TRUE(contains("/a", "/a"));
  EXPECT_TRUE(contains("/a", "/a/b"));
  EXPECT_TRUE(contains("/", "/a"));
  EXPECT_FALSE(contains("/a", "/ab"));
  EXPECT_FALSE(contains("/a/b", "/a"));
}

struct Raise {
  const char* description;
  std::string path;
  std::string expected;
  std::string container = id;
  annotations::Annotations annotations{};
};

void PrintTo(const Raise& raise, std::ostream* out) {
  *out << raise.description;
}

class RaiseToContainer : public testing::TestWithParam<Raise> {};

TEST_P(RaiseToContainer, FindsAllOfItAndNoMore) {
  const Raise& test = GetParam();
  const auto crun = crun_cgroups(test.annotations);
  ASSERT_TRUE(crun) << crun.error().message;
  EXPECT_EQ(container_cgroup_of(test.path, test.container, *crun), test.expected);
}

INSTANTIATE_TEST_SUITE_P(
    Layouts, RaiseToContainer,
    testing::Values(
        Raise{"podman, systemd, runc", "/machine.slice/libpod-" + id + ".scope",
              "/machine.slice/libpod-" + id + ".scope"},
        Raise{"podman, systemd, crun", "/machine.slice/libpod-" + id + ".scope/container",
              "/machine.slice/libpod-" + id + ".scope"},
        Raise{"crun, delegated", "/machine.slice/libpod-" + id + ".scope/container/inner",
              "/machine.slice/libpod-" + id + ".scope"},
        Raise{"crun, delegated under the same name",
              "/system.slice/crun-web.scope/container/web",
              "/system.slice/crun-web.scope",
              "web",
              {{delegate, "web"}}},
        Raise{"crun, cgroupfs, delegated",
              "/jobs/seven/inner",
              "/jobs/seven",
              "web",
              {{delegate, "inner"}}},
        Raise{"crun, delegated, not there",
              "/jobs/seven",
              "/jobs/seven",
              "web",
              {{delegate, "inner"}}},
        Raise{"crun, delegated to all", "/inner", "/inner", "web", {{delegate, "inner"}}},
        Raise{"crun, a subgroup of another name",
              "/system.slice/crun-web.scope/app",
              "/system.slice/crun-web.scope",
              "web",
              {{subgroup, "app"}}},
        Raise{"crun, no subgroup, delegated",
              "/system.slice/crun-web.scope/container",
              "/system.slice/crun-web.scope",
              "web",
              {{subgroup, ""}, {delegate, "container"}}},
        Raise{"crun, no subgroup",
              "/system.slice/crun-web.scope",
              "/system.slice/crun-web.scope",
              "web",
              {{subgroup, ""}}},
        Raise{"podman, cgroupfs", "/libpod_parent/libpod-" + id, "/libpod_parent/libpod-" + id},
        Raise{"podman, split", "/system.slice/web.service/libpod-payload-" + id,
              "/system.slice/web.service/libpod-payload-" + id},
        Raise{"CRI-O, systemd, crun",
              "/kubepods.slice/kubepods-burstable.slice/crio-" + id + ".scope/container",
              "/kubepods.slice/kubepods-burstable.slice/crio-" + id + ".scope"},
        Raise{"CRI-O, cgroupfs", "/kubepods/burstable/pod7d3f/crio-" + id,
              "/kubepods/burstable/pod7d3f/crio-" + id},
        Raise{"containerd, systemd", "/kubepods.slice/cri-containerd-" + id + ".scope",
              "/kubepods.slice/cri-containerd-" + id + ".scope"},
        Raise{"containerd, cgroupfs", "/kubepods/pod7d3f/" + id, "/kubepods/pod7d3f/" + id},
        Raise{"plain runc", "/web", "/web", "web"},
        Raise{"an id that is part of the parent's name", "/webservers.slice/web",
              "/webservers.slice/web", "web"},
        Raise{"an id that ends the parent's name", "/my-b/b", "/my-b/b", "b"},
        Raise{"a name without the id", "/system.slice/other.scope/container",
              "/system.slice/other.scope"},
        Raise{"a name without id or scope", "/a/b/c", "/a/b/c"},
        Raise{"a scope that holds others", "/jobs.scope/seven", "/jobs.scope/seven", "seven"},
        Raise{"a cgroup of others with the id at its end", "/team-web/api", "/team-web/api", "web"},
        Raise{"a scope of others with the id at its end", "/team-web.scope/api",
              "/team-web.scope/api", "web"},
        Raise{"below the scope of a login", "/user.slice/session-1.scope/1",
              "/user.slice/session-1.scope/1", "1"},
        Raise{"the root", "/", "/"}));

TEST(OwnCgroup, RefusesWhatHoldsOthers) {
  const auto why_not = [](std::string_view path) {
    const auto checked = check_own_cgroup(path, "/user.slice/session-1.scope", "/init.scope");
    if (checked) return std::string("accepted");
    EXPECT_EQ(checked.error().exit, Exit::cgroup);
    return checked.error().message;
  };
  EXPECT_THAT(why_not("/"), HasSubstr("root"));
  EXPECT_THAT(why_not("/user.slice/session-1.scope"), HasSubstr("runtime"));
  EXPECT_THAT(why_not("/user.slice"), HasSubstr("runtime"));
  EXPECT_THAT(why_not("/init.scope"), HasSubstr("process 1"));
  EXPECT_EQ(why_not("/user.slice/session-1.scope/box"), "accepted");
  EXPECT_EQ(why_not("/user.slice/session-10.scope"), "accepted");
  std::string deep;
  for (int level = 0; level < deepest_level; ++level) deep += "/a";
  EXPECT_EQ(why_not(deep), "accepted");
  EXPECT_THAT(why_not(deep + "/a"), HasSubstr("levels deep"));
}

TEST(CrunCgroups, LeadNowhereButDown) {
  for (const char* const key : {subgroup, delegate}) {
    for (const char* const good : {"", "a", "a/b", "..a", "a..", "...", ".a"}) {
      EXPECT_TRUE(crun_cgroups({{key, good}})) << key << " " << good;
    }
    for (const char* const bad : {"..", ".", "/", "/a", "a/", "a//b", "../victim.service", "a/..",
                                  "a/../../b", "./a", "//", "a/."}) {
      const auto crun = crun_cgroups({{key, bad}});
      ASSERT_FALSE(crun) << key << " " << bad;
      EXPECT_EQ(crun.error().exit, Exit::cgroup);
      EXPECT_THAT(crun.error().message, testing::StartsWith(std::string(key) + ": "));
      EXPECT_THAT(crun.error().message, testing::Not(HasSubstr("victim"))) << "no value is told";
    }
  }
}

TEST(BearsId, IsAskedOfWhatAnEngineMade) {
  for (const std::string& path : {"/machine.slice/libpod-" + id + ".scope", "/x/" + id,
                                  "/u.service/libpod-payload-" + id, "/p/crio-" + id}) {
    EXPECT_TRUE(check_bears_id(path, id)) << path;
  }
  for (const std::string& path : {std::string("/system.slice/victim.service"),
                                  "/machine.slice/libpod-" + std::string(64, 'f') + ".scope",
                                  "/x/" + id + "/below", "/x/a" + id}) {
    const auto checked = check_bears_id(path, id);
    ASSERT_FALSE(checked) << path;
    EXPECT_EQ(checked.error().exit, Exit::cgroup);
  }
  EXPECT_TRUE(check_bears_id("/jobs/seven", "web")) << "a bare runtime's is its operator's choice";
}

TEST(PathBelow, FollowsTheMountedPart) {
  EXPECT_EQ(path_below({.root = "/", .point = "/m"}, "/a/b").value(), "/m/a/b");
  EXPECT_EQ(path_below({.root = "/", .point = "/m"}, "/").value(), "/m");
  EXPECT_EQ(path_below({.root = "/a", .point = "/m"}, "/a/b").value(), "/m/b");
  EXPECT_EQ(path_below({.root = "/a", .point = "/m"}, "/ab").error().exit, Exit::cgroup);
}

TEST(OpenCgroup, RefusesWhatIsNotCgroup2) {
  const auto cgroup = open_cgroup({.root = "/", .point = "/"}, "/tmp");
  ASSERT_FALSE(cgroup);
  EXPECT_THAT(cgroup.error().message, HasSubstr("not on cgroup2"));
}

}  // namespace
}  // namespace socklid
