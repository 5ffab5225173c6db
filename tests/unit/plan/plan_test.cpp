// SPDX-License-Identifier: Apache-2.0
//
// From a policy to what the kernel is given. Fails when a policy attaches a hook it does not need
// or misses one it does, or when the image does not say what the policy says.
#include "plan/plan.hpp"

#include <gtest/gtest.h>
#include <linux/netlink.h>
#include <sys/socket.h>

#include <algorithm>

namespace socklid {
namespace {

using annotations::Endpoint;
using annotations::Key;
using annotations::Keys;
using annotations::Mark;
using annotations::Policy;
using annotations::Protocol;
using annotations::Verdict;

Plan compiled(const Policy& policy) {
  return compile(policy);
}

const Hooks when_restricted = {Hook::socket_create,
                               Hook::socket_connect,
                               Hook::socket_sendmsg,
                               Hook::sk_getsecid,
                               Hook::inet_egress_labels,
                               Hook::socket_setsockopt,
                               Hook::netlink_send,
                               Hook::sysctl,
                               Hook::fs_context_parse_param,
                               Hook::inode_mkdir,
                               Hook::inode_symlink,
                               Hook::kernel_module_request,
                               Hook::key_alloc,
                               Hook::sb_mount,
                               Hook::sb_kern_mount};
const Hooks always = {Hook::file_open, Hook::task_alloc, Hook::bpf,
                      Hook::bpf_prog,  Hook::file_ioctl, Hook::file_ioctl_compat};

/// In the order of the enumeration.
Hooks together(Hooks some, const Hooks& more) {
  some.insert(some.end(), more.begin(), more.end());
  std::sort(some.begin(), some.end());
  return some;
}

TEST(Plan, AnEmptyPolicyNeedsNothing) {
  const Plan plan = compiled({});
  EXPECT_TRUE(plan.hooks.empty());
  EXPECT_FALSE(plan.rules);
}

TEST(Plan, OnlyTheHooksAPolicyNeeds) {
  Policy mark;
  mark.mark = Mark{3, annotations::default_mark_mask};
  EXPECT_EQ(compiled(mark).hooks,
            together({Hook::socket_post_create, Hook::socket_connect, Hook::socket_sendmsg,
                      Hook::socket_setsockopt, Hook::sk_getsecid, Hook::inet_egress_labels},
                     always));

  Policy listen;
  listen.listen = Verdict::deny;
  EXPECT_EQ(compiled(listen).hooks, together({Hook::socket_listen}, always));

  Policy accept;
  accept.accept = Verdict::deny;
  EXPECT_EQ(compiled(accept).hooks, together({Hook::socket_accept}, always));

  Policy shutdown;
  shutdown.shutdown = Verdict::deny;
  EXPECT_EQ(compiled(shutdown).hooks, together({Hook::socket_shutdown}, always));

  Policy create;
  create.create = Verdict::deny;
  EXPECT_EQ(compiled(create).hooks,
            together(together({Hook::socket_bind, Hook::socket_listen}, when_restricted), always));

  Policy connect;
  connect.connect.emplace();
  EXPECT_EQ(compiled(connect).hooks, together(when_restricted, always));
  connect.connect = {{Protocol::sctp, {}, {}}};
  EXPECT_EQ(compiled(connect).hooks,
            together(together(when_restricted, always), {Hook::sctp_bind_connect}));

  Policy bind;
  bind.bind.emplace();
  EXPECT_EQ(compiled(bind).hooks,
            together(together({Hook::socket_bind, Hook::socket_listen, Hook::socket_accept},
                              when_restricted),
                     always));
}

TEST(Plan, AMarkInTheHostsNamespaceIsTheOperatorsToGive) {
  Policy policy;
  policy.mark = Mark{3, annotations::default_mark_mask};
  for (const NetnsKind kind : {NetnsKind::own, NetnsKind::shared, NetnsKind::host}) {
    EXPECT_TRUE(check_author(policy, kind, false));
    EXPECT_EQ(check_author(policy, kind, true).has_value(), kind != NetnsKind::host);
  }
  const auto refused = check_author(policy, NetnsKind::host, true);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().exit, Exit::unsupported);
  EXPECT_EQ(refused.error().message.find("io.socklid.mark: "), 0U);
  policy.mark.reset();
  policy.connect.emplace();
  EXPECT_TRUE(check_author(policy, NetnsKind::host, true));
}

TEST(Plan, WhoMayWriteRoutesMayDoSoByIoctlToo) {
  Policy policy;
  policy.families = {{annotations::Family::Kind::netlink_protocol, NETLINK_ROUTE}};
  const Plan plan = compiled(policy);
  EXPECT_NE(plan.image.flags & SL_WRITE_ROUTES, 0u);
  EXPECT_EQ(causes(Hook::file_ioctl, policy, NetnsKind::own), Keys{Key::families});  // perf's
  policy.bpf = Verdict::allow;
  const Hooks hooks = compiled(policy).hooks;
  EXPECT_EQ(std::count(hooks.begin(), hooks.end(), Hook::file_ioctl), 0);
}

TEST(Plan, EgressTakesAMarkAndSaysSo) {
  Policy policy;
  policy.egress.emplace();
  const Plan plan = compiled(policy);
  EXPECT_TRUE(plan.rules);
  ASSERT_TRUE(plan.mark.has_value());
  EXPECT_EQ(plan.image.mark, plan.mark->value);
  EXPECT_NE(plan.image.flags & SL_SET_MARK, 0u);
  EXPECT_EQ(plan.notes.size(), 2u);  // the mark, and that inbound service is closed
}

TEST(Plan, SaysWhichFamiliesLeadPastTheRules) {
  using annotations::Family;
  Policy policy;
  policy.families = {{Family::Kind::address_family, AF_INET},
                     {Family::Kind::address_family, AF_PACKET},
                     {Family::Kind::address_family, AF_VSOCK},
                     {Family::Kind::netlink_protocol, NETLINK_ROUTE},
                     {Family::Kind::netlink_protocol, NETLINK_AUDIT},
                     {Family::Kind::raw, 0}};
  EXPECT_TRUE(compiled(policy).notes.empty());
  policy.egress.emplace();
  policy.mark = Mark{3, annotations::default_mark_mask};
  policy.bind = {{Protocol::tcp, {80, 80}, {}}};
  EXPECT_EQ(compiled(policy).notes,
            (std::vector<std::string>{
                "io.socklid.families opens packet, a way past io.socklid.egress",
                "io.socklid.families opens vsock, a way past io.socklid.egress",
                "io.socklid.families opens netlink-route, a way past io.socklid.egress",
                "programs that listen on loopback, on ports of the kernel's choice (Jupyter, "
                "debuggers), need tcp@127.0.0.1 in io.socklid.bind"}));
}

TEST(Plan, SaysWhatProgramsAreKnownToNeed) {
  Policy policy;
  policy.egress = {{Protocol::udp, {69, 69}, {}}, {Protocol::udp, {1900, 1900}, {}}};
  policy.bind = {{Protocol::tcp, {0, 65535}, {}}};
  const auto has = [&](NetnsKind netns, std::string_view part) {
    const std::vector<std::string> notes = compile(policy, {netns, 0}).notes;
    return std::any_of(notes.begin(), notes.end(), [&](const std::string& note) {
      return note.find(part) != std::string::npos;
    });
  };
  EXPECT_TRUE(has(NetnsKind::own, "needs io.socklid.answers=host"));
  EXPECT_TRUE(has(NetnsKind::own, "need io.socklid.answers=any"));
  EXPECT_FALSE(has(NetnsKind::own, "udp/1024-65535"));
  EXPECT_TRUE(has(NetnsKind::host, "udp/1024-65535"));
  EXPECT_FALSE(has(NetnsKind::own, "Jupyter"));
  policy.answers = annotations::Answers::any;
  EXPECT_FALSE(has(NetnsKind::own, "need io.socklid.answers"));
  EXPECT_TRUE(has(NetnsKind::own, "anybody may send datagrams"));
  policy.create = annotations::Verdict::deny;
  policy.seal = {annotations::Seal::Kind::listen, {{Protocol::tcp, {80, 80}, {}}}, 0};
  EXPECT_TRUE(has(NetnsKind::own, "io.socklid.seal=listen tcp/80@0.0.0.0 tcp/80@::"));
  EXPECT_FALSE(has(NetnsKind::shared, "balancer of sockets"));
  policy.egress->front().prefix = annotations::Prefix{};
  EXPECT_TRUE(has(NetnsKind::shared, "balancer of sockets"));
  EXPECT_FALSE(has(NetnsKind::own, "balancer of sockets"));
}

TEST(Plan, ListsAreThere) {
  Policy policy;
  policy.connect = {{Protocol::tcp, {443, 443}, {}}};
  policy.bind = {{Protocol::tcp, {80, 80}, {}}};
  const Plan plan = compiled(policy);
  EXPECT_EQ(plan.image.flags & (SL_ALLOW_CONNECT | SL_ALLOW_BIND), 0u);
  EXPECT_EQ(plan.lists.prefixes.size(), 4u);  // of two lists, any IPv4 and any IPv6 address
}

TEST(Plan, EgressInASharedNamespaceHasASlotInItsMark) {
  Policy policy;
  policy.egress.emplace();
  policy.mark = Mark{3, annotations::default_mark_mask};
  const Plan own = compile(policy);
  const Plan shared = compile(policy, {NetnsKind::shared, 7});
  EXPECT_EQ(shared.mark, (Mark{0x07000003, 0xffffffff}));
  EXPECT_TRUE(shared.rules);
  EXPECT_EQ(shared.image.flags, own.image.flags & ~SL_OPEN_UDP_PORTS)
      << "a port there may be a neighbour's";
  EXPECT_EQ(shared.hooks, own.hooks);
  policy.mark.reset();
  EXPECT_EQ(compile(policy, {NetnsKind::shared, 7}).mark, (Mark{0x07000001, 0xffffffff}));
}

TEST(Plan, EgressOnTheHostHasNoRulesAndTakesNoMark) {
  Policy policy;
  policy.egress.emplace();
  const Plan plan = compile(policy, {NetnsKind::host, 0});
  EXPECT_FALSE(plan.rules);
  EXPECT_EQ(plan.mark, std::nullopt);
  EXPECT_TRUE(plan.image.flags & SL_JUDGE_PACKETS);
  EXPECT_TRUE(plan.image.flags & SL_REFUSE_AT_CALL);
  policy.otherwise = annotations::Otherwise::drop;
  EXPECT_FALSE(compile(policy, {NetnsKind::host, 0}).image.flags & SL_REFUSE_AT_CALL);
}

TEST(Plan, WithoutEgressThePlaceMakesNoDifference) {
  Policy policy;
  policy.connect.emplace();
  policy.mark = Mark{3, annotations::default_mark_mask};
  for (const NetnsKind kind : {NetnsKind::shared, NetnsKind::host}) {
    EXPECT_TRUE(check_placement(policy, kind));
    const Plan plan = compile(policy, {kind, 0});
    EXPECT_EQ(plan.hooks, compile(policy).hooks);
    EXPECT_EQ(plan.image.flags, compile(policy).image.flags);
    EXPECT_EQ(plan.mark, policy.mark);
  }
}

TEST(Plan, WhatAPlaceCannotHaveIsRefusedByName) {
  Policy policy;
  policy.egress = {{Protocol::sctp, {}, {}}};
  EXPECT_TRUE(check_placement(policy, NetnsKind::own));
  for (const NetnsKind kind : {NetnsKind::shared, NetnsKind::host}) {
    const auto checked = check_placement(policy, kind);
    ASSERT_FALSE(checked);
    EXPECT_NE(checked.error().message.find("sctp"), std::string::npos);
  }
  policy.egress->clear();
  policy.mark = Mark{0x5000000, 0xff000000};
  EXPECT_TRUE(check_placement(policy, NetnsKind::own));
  EXPECT_TRUE(check_placement(policy, NetnsKind::host));
  EXPECT_FALSE(check_placement(policy, NetnsKind::shared));
}

}  // namespace
}  // namespace socklid
