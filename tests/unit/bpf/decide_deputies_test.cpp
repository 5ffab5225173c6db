// SPDX-License-Identifier: Apache-2.0
//
// What the kernel may do on a container's behalf. Fails when a file system of the network, a sysctl
// that is not on the list, one of the host, or a module of a closed family counts as harmless; when
// what is local does not; and when a deputy is open without its word, or shut under a policy that
// restricts nothing.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>

#include "tests/support/decide_attempts.hpp"
#include "tests/support/decide_cases.hpp"

namespace socklid {
namespace {

constexpr std::uint32_t home = 77, host = 5, inner = 99;

sl_name named(std::string_view text) {
  sl_name name{};
  std::copy_n(text.begin(), std::min(text.size(), sizeof(name.text) - 1), name.text);
  return name;
}

bool is_local(std::string_view type) {
  const sl_name name = named(type);
  return sl_file_system_is_local(&name) != 0;
}

bool is_harmless(std::string_view directory, std::string_view leaf) {
  const sl_name in = named(directory), name = named(leaf);
  return sl_sysctl_is_harmless(&in, &name) != 0;
}

TEST(Deputies, FileSystemsAreKnownByTheirWholeName) {
  for (const char* type :
       {"tmpfs", "proc", "sysfs", "overlay", "fuse", "fuse.sshfs", "fuseblk", "ext4", "cgroup2",
        "bpf", "mqueue", "devpts", "xfs", "squashfs", "autofs"}) {
    EXPECT_TRUE(is_local(type)) << type;
  }
  for (const char* type :
       {"nfs",        "nfs4",        "nfsd",
        "rpc_pipefs", "cifs",        "smb3",
        "ceph",       "9p",          "afs",
        "orangefs",   "coda",        "ocfs2",
        "gfs2",       "ocfs2_dlmfs", "configfs",
        "virtiofs",   "debugfs",     "smackfs",
        "ecryptfs",   "aufs",        "",
        "tmp",        "tmpfsx",      "ext",
        "nfs.tmpfs",  ".tmpfs",      "a_name_that_is_much_longer_than_any_of_the_kernel"}) {
    EXPECT_FALSE(is_local(type)) << type;
  }
}

TEST(Deputies, SysctlsAreKnownByDirectoryAndName) {
  EXPECT_TRUE(is_harmless("core", "somaxconn"));
  EXPECT_TRUE(is_harmless("ipv4", "tcp_keepalive_time"));
  EXPECT_TRUE(is_harmless("ipv4", "ping_group_range"));
  for (const char* leaf :
       {"ip_forward", "ip_nonlocal_bind", "ip_local_port_range", "tcp_mem", "tcp",
        "ip_unprivileged_port_start", "tcp_fwmark_accept", "ip_default_ttl", "fwmark_reflect",
        "tcp_l3mdev_accept", "ip_local_reserved_ports"}) {
    EXPECT_FALSE(is_harmless("ipv4", leaf)) << leaf;
  }
  EXPECT_FALSE(is_harmless("ipv6", "tcp_keepalive_time"));
  EXPECT_FALSE(is_harmless("core", "tcp_keepalive_time"));
}

sl_attempt sysctl(std::uint32_t netns, std::uint32_t flags = 0) {
  sl_attempt attempt{};
  attempt.verb = SL_VERB_SYSCTL;
  attempt.netns = netns;
  attempt.flags = flags;
  return attempt;
}

sl_policy image_of(const Policy& policy) {
  sl_policy image = compile(policy).image;
  image.home = home;
  image.host = host;
  return image;
}

sl_reason refusal(const sl_policy& image, const sl_attempt& attempt) {
  const sl_decision decision = sl_decide(&image, &attempt);
  EXPECT_EQ(decision.error, decision.reason == SL_REASON_NONE ? 0 : -EPERM);
  return static_cast<sl_reason>(decision.reason);
}

TEST(Deputies, SysctlsAreJudgedByWhoseTheyAre) {
  const sl_policy image = image_of(bind_list({}));
  EXPECT_EQ(refusal(image, sysctl(home)), SL_REASON_SYSCTL);
  EXPECT_EQ(refusal(image, sysctl(home, SL_ATTEMPT_HARMLESS)), SL_REASON_NONE);
  EXPECT_EQ(refusal(image, sysctl(inner)), SL_REASON_NONE);
  for (const std::uint32_t others : {host, std::uint32_t{0}}) {
    EXPECT_EQ(refusal(image, sysctl(others, SL_ATTEMPT_HARMLESS)), SL_REASON_SYSCTL) << others;
  }
  sl_policy on_host = image;
  on_host.home = host;
  EXPECT_EQ(refusal(on_host, sysctl(host, SL_ATTEMPT_HARMLESS)), SL_REASON_SYSCTL);
}

sl_attempt module(std::string_view text) {
  sl_attempt attempt{};
  attempt.verb = SL_VERB_MODULE;
  const sl_name name = named(text);
  sl_read_module(&name, &attempt);
  return attempt;
}

TEST(Deputies, ModulesAreThoseOfWhatIsOpen) {
  const sl_policy image = image_of(bind_list({}));
  for (const char* name :
       {"net-pf-1", "net-pf-2", "net-pf-10", "net-pf-2-proto-6-type-1", "net-pf-10-proto-17-type-2",
        "net-pf-2-proto-17", "net-pf-16-proto-0", "net-pf-16-proto-4-type-2",
        "net-pf-16-proto-4-type-2-6", "net-pf-16-proto-4-type-1"}) {
    EXPECT_EQ(refusal(image, module(name)), SL_REASON_NONE) << name;
  }
  for (const char* name :
       {"net-pf-17", "net-pf-21", "net-pf-40", "net-pf-2-proto-132-type-5", "net-pf-2-proto-132",
        "net-pf-10-proto-33-type-6", "net-pf-2-proto-262-type-1", "net-pf-2-proto-255-type-3",
        "net-pf-16-proto-12", "net-pf-16-proto-4-type-2-132", "net-pf-16-proto-4-type-17",
        "net-pf-", "net-pf-x", "net-pf-99999", "netdev-tunl0", "netdev-eth0", "rtnl-link-bond",
        "tty-ldisc-1"}) {
    EXPECT_EQ(refusal(image, module(name)), SL_REASON_MODULE) << name;
  }
  sl_attempt attempt{};
  sl_name name = named("fs-nfs");
  EXPECT_EQ(sl_read_module(&name, &attempt), SL_MODULE_FILE_SYSTEM);
  for (const char* other : {"tcp_bbr", "xt_mark", "netdev", "", "net"}) {
    name = named(other);
    EXPECT_EQ(sl_read_module(&name, &attempt), SL_MODULE_OTHER) << other;
  }
}

TEST(Deputies, ModulesOfDevicesAreForWhoeverChangesLinks) {
  Policy policy = bind_list({});
  policy.families = {{annotations::Family::Kind::netlink_protocol, 0}};
  EXPECT_EQ(refusal(image_of(policy), module("netdev-tunl0")), SL_REASON_NONE);
  EXPECT_EQ(refusal(image_of(Policy{}), module("netdev-tunl0")), SL_REASON_NONE);
}

TEST(Deputies, SomeSysctlsOfTheKernelStartPrograms) {
  for (const char* one : {"core_pattern", "modprobe", "hotplug", "poweroff_cmd"}) {
    const sl_name name = named(one);
    EXPECT_TRUE(sl_sysctl_starts_programs(&name)) << one;
  }
  for (const char* other : {"core_patterns", "core", "hostname", ""}) {
    const sl_name name = named(other);
    EXPECT_FALSE(sl_sysctl_starts_programs(&name)) << other;
  }
}

TEST(Deputies, SomeNodesOfNoNamespaceReachTheNetwork) {
  const auto reaches = [](const char* directory, const char* node) {
    const sl_name in = named(directory), name = named(node);
    return sl_node_reaches_network(&in, &name) != 0;
  };
  EXPECT_TRUE(reaches("bus", "rbd"));
  EXPECT_TRUE(reaches("bus", "fcoe"));
  EXPECT_TRUE(reaches("kernel", "uevent_helper"));
  EXPECT_FALSE(reaches("class", "rbd"));
  EXPECT_FALSE(reaches("bus", "gpio"));
  EXPECT_FALSE(reaches("", ""));
}

TEST(Deputies, EachIsOpenByItsWordAlone) {
  struct Deputy {
    bool annotations::Deputies::*word;
    sl_verb verb;
    sl_reason reason;
  };
  const Deputy all[] = {{&annotations::Deputies::keys, SL_VERB_KEY, SL_REASON_KEY},
                        {&annotations::Deputies::mounts, SL_VERB_MOUNT, SL_REASON_MOUNT},
                        {&annotations::Deputies::sysfs, SL_VERB_SYSFS, SL_REASON_SYSFS},
                        {&annotations::Deputies::sysctl, SL_VERB_SYSCTL, SL_REASON_SYSCTL}};
  for (const Deputy& opened : all) {
    Policy policy = bind_list({});
    policy.deputies.*opened.word = true;
    for (const Deputy& tried : all) {
      sl_attempt attempt = sysctl(home);
      attempt.verb = static_cast<std::uint8_t>(tried.verb);
      const sl_reason expected = &tried == &opened ? SL_REASON_NONE : tried.reason;
      EXPECT_EQ(refusal(image_of(policy), attempt), expected) << int{tried.verb};
      EXPECT_EQ(refusal(image_of(Policy{}), attempt), SL_REASON_NONE) << int{tried.verb};
    }
  }
}

TEST(Deputies, TheShorterQuestionHasTheSameAnswer) {
  test::CaseGenerator cases{20261128};
  for (int i = 0; i < 100000; ++i) {
    const sl_policy policy = cases.policy();
    const sl_attempt attempt = cases.attempt();
    if (attempt.verb < SL_VERB_NETLINK && attempt.verb != SL_VERB_SHUTDOWN) continue;
    const sl_decision whole = sl_decide(&policy, &attempt),
                      part = sl_decide_rarely(&policy, &attempt);
    ASSERT_EQ(whole.error, part.error) << int{attempt.verb};
    ASSERT_EQ(whole.reason, part.reason) << int{attempt.verb};
  }
}

}  // namespace
}  // namespace socklid
