// SPDX-License-Identifier: Apache-2.0
//
// From a policy to what the kernel is given. Fails when a policy attaches a hook it does not need
// or misses one it does, or when the image does not say what the policy says.
#include "hook/plan.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace socklid {
namespace {

using annotations::Endpoint;
using annotations::Mark;
using annotations::Policy;
using annotations::Protocol;
using annotations::Verdict;

Plan compiled(const Policy& policy) {
  auto plan = compile(policy);
  EXPECT_TRUE(plan.has_value());
  return std::move(*plan);
}

const Hooks when_restricted = {Hook::socket_create, Hook::socket_setsockopt, Hook::netlink_send,
                               Hook::bpf};

TEST(Plan, AnEmptyPolicyNeedsNothing) {
  const Plan plan = compiled({});
  EXPECT_TRUE(plan.hooks.empty());
  EXPECT_EQ(plan.guards, 0u);
  EXPECT_FALSE(plan.rules);
}

TEST(Plan, OnlyTheHooksAPolicyNeeds) {
  Policy mark;
  mark.mark = Mark{3, annotations::default_mark_mask};
  EXPECT_EQ(compiled(mark).hooks,
            (Hooks{Hook::socket_post_create, Hook::socket_sendmsg, Hook::socket_setsockopt}));

  Policy listen;
  listen.listen = Verdict::deny;
  EXPECT_EQ(compiled(listen).hooks, Hooks{Hook::socket_listen});

  Policy accept;
  accept.accept = Verdict::deny;
  EXPECT_EQ(compiled(accept).hooks, Hooks{Hook::socket_accept});

  Policy shutdown;
  shutdown.shutdown = Verdict::deny;
  EXPECT_EQ(compiled(shutdown).hooks, Hooks{Hook::socket_shutdown});

  Policy create;
  create.create = Verdict::deny;
  EXPECT_EQ(compiled(create).hooks, when_restricted);

  Policy connect;
  connect.connect = Verdict::deny;
  EXPECT_EQ(compiled(connect).hooks,
            (Hooks{Hook::socket_create, Hook::socket_connect, Hook::socket_sendmsg,
                   Hook::socket_setsockopt, Hook::netlink_send, Hook::bpf}));

  Policy bind;
  bind.bind.otherwise = Verdict::deny;
  EXPECT_EQ(compiled(bind).hooks,
            (Hooks{Hook::socket_create, Hook::socket_bind, Hook::socket_listen,
                   Hook::socket_setsockopt, Hook::netlink_send, Hook::bpf}));
}

TEST(Plan, ControlMessagesAreLeftToTheRulesWhereThereAreSome) {
  Policy policy;
  policy.egress.emplace();
  policy.mark = Mark{3, annotations::default_mark_mask};
  const Hooks hooks = compiled(policy).hooks;
  EXPECT_EQ(std::count(hooks.begin(), hooks.end(), Hook::socket_sendmsg), 0);
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

TEST(Plan, BindRangesAreMergedPerProtocolAndAddress) {
  Policy policy;
  policy.bind.otherwise = Verdict::deny;
  policy.bind.ports = {{Protocol::tcp, {80, 80}, {}},
                       {Protocol::tcp, {81, 90}, {}},
                       {Protocol::tcp, {85, 65535}, {}},
                       {Protocol::udp, {80, 80}, {}}};
  const Plan plan = compiled(policy);
  ASSERT_EQ(plan.image.bind_count, 2u);
  EXPECT_EQ(plan.image.bind[0].first, 80);
  EXPECT_EQ(plan.image.bind[0].last, 65535);
  EXPECT_EQ(plan.image.bind[1].protocol, 17);
}

TEST(Plan, APrefixBecomesAMaskInNetworkByteOrder) {
  Policy policy;
  policy.bind.otherwise = Verdict::deny;
  policy.bind.ports = {{Protocol::tcp,
                        {80, 80},
                        annotations::Prefix{annotations::AddressFamily::ipv4, {10, 16}, 12}}};
  const sl_bind_range range = compiled(policy).image.bind[0];
  EXPECT_EQ(range.family, 2);
  EXPECT_EQ(range.address[0], __builtin_bswap32(0x0a100000));
  EXPECT_EQ(range.mask[0], __builtin_bswap32(0xfff00000));
  EXPECT_EQ(range.mask[1] | range.mask[2] | range.mask[3], 0u);
}

TEST(Plan, AListThatDoesNotFitIsAnErrorThatSaysSo) {
  Policy policy;
  policy.bind.otherwise = Verdict::deny;
  for (std::uint16_t i = 0; i <= SL_BIND_MAX; i++) {
    const auto port = static_cast<std::uint16_t>(2 * i + 1);
    policy.bind.ports.push_back({Protocol::tcp, {port, port}, {}});
  }
  const auto plan = compile(policy);
  ASSERT_FALSE(plan.has_value());
  EXPECT_EQ(plan.error().exit, Exit::unsupported);
  EXPECT_EQ(plan.error().message,
            "io.socklid.bind: 257 separate ranges, at most 256 are available; name wider ranges");
}

TEST(Plan, EveryHookAndReasonHasAName) {
  for (std::size_t i = 0; i < hook_count; i++) EXPECT_FALSE(name(static_cast<Hook>(i)).empty());
  for (int i = SL_REASON_FAMILY; i < SL_REASON_COUNT; i++) {
    EXPECT_FALSE(name_of(static_cast<sl_reason>(i)).empty()) << i;
    EXPECT_FALSE(annotation_of(static_cast<sl_reason>(i)).empty()) << i;
  }
}

}  // namespace
}  // namespace socklid
