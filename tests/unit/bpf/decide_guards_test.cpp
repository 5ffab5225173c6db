// SPDX-License-Identifier: Apache-2.0
//
// The guards: what would loosen a policy, and sockets that were handed in. Fails when one of them
// is let through, or something that loosens nothing is refused.
#include <gtest/gtest.h>

#include "tests/support/decide_attempts.hpp"

namespace socklid {
namespace {

TEST(Decide, ASocketThatWasHandedInChoosesNoPeer) {
  Policy policy;
  policy.egress.emplace();
  Plan plan = compile(policy);
  plan.image.netns = 4026531840;
  sl_attempt attempt = on(SL_VERB_CONNECT, inet, datagram, 53);
  attempt.netns = 4026531840;
  attempt.mark = plan.image.mark;
  EXPECT_EQ(sl_decide(&plan.image, &attempt).reason, SL_REASON_NONE);
  attempt.mark |= 0x40000000;  // outside the mask
  EXPECT_EQ(sl_decide(&plan.image, &attempt).reason, SL_REASON_NONE);
  attempt.mark = 0;
  EXPECT_EQ(sl_decide(&plan.image, &attempt).reason, SL_REASON_FOREIGN);
  attempt.mark = plan.image.mark;
  attempt.netns = 1;
  EXPECT_EQ(sl_decide(&plan.image, &attempt).reason, SL_REASON_FOREIGN);
  sl_attempt made = create(inet, stream, 6);
  made.netns = 1;
  EXPECT_EQ(sl_decide(&plan.image, &made).reason, SL_REASON_FOREIGN);
  // A closed family: its packets may need no address.
  sl_attempt frame = on(SL_VERB_SEND, packet, raw);
  EXPECT_EQ(decision(bind_list({}), frame).reason, SL_REASON_FOREIGN);
  frame.family = 38;
  EXPECT_EQ(decision(bind_list({}), frame).reason, SL_REASON_FOREIGN);
}

TEST(Decide, ARawSocketWithPeersToNameWritesNoHeader) {
  Policy policy;
  policy.connect.emplace();
  sl_attempt attempt = on(SL_VERB_SETSOCKOPT, inet, raw);
  attempt.option = 3;
  EXPECT_EQ(decision(policy, attempt).reason, SL_REASON_CONNECT);
}

TEST(Decide, APacketIsWhatItsSocketSays) {
  const Plan plan = compile(bind_list({}));
  sl_packet packet{};
  EXPECT_EQ(sl_decide_packet(&plan.image, &packet).error, 0);
  packet.flags = SL_PACKET_ROUTED;
  EXPECT_EQ(sl_decide_packet(&plan.image, &packet).reason, SL_REASON_SETSOCKOPT);
  packet.flags = SL_PACKET_REMARKED;
  EXPECT_EQ(sl_decide_packet(&plan.image, &packet).reason, SL_REASON_MARK);
}

TEST(Decide, NetlinkOnlyReadsRoutes) {
  sl_attempt attempt = on(SL_VERB_NETLINK, netlink, raw);
  attempt.protocol = 0;
  EXPECT_EQ(decision(bind_list({}), attempt).reason, SL_REASON_NETLINK);
  EXPECT_EQ(decide(Policy{}, attempt), 0);
  attempt.flags = SL_ATTEMPT_READS;
  EXPECT_EQ(decide(bind_list({}), attempt), 0);
  attempt.protocol = 12;  // made outside and handed in
  EXPECT_EQ(decide(bind_list({}), attempt), EPERM);
}

TEST(Decide, IoctlsOnlyRead) {
  sl_attempt attempt = on(SL_VERB_IOCTL, unix_family, stream);
  for (const int command : {0x8912, 0x8913, 0x8954, 0x8b01, 0x8b1b}) {
    attempt.option = command;
    EXPECT_EQ(decide(bind_list({}), attempt), 0) << command;
  }
  for (const int command : {0x890b, 0x8914, 0x8940, 0x8946, 0x8982, 0x89a0, 0x89f1, 0x400454ca,
                            0x5423, 0x8b00, 0x8b1a, 0x8be0, 0x8be1}) {
    attempt.option = command;
    EXPECT_TRUE(sl_is_network_ioctl(static_cast<unsigned>(command))) << command;
    EXPECT_EQ(decide(bind_list({}), attempt), EPERM) << command;
    EXPECT_EQ(decide(Policy{}, attempt), 0) << command;
  }
  EXPECT_FALSE(sl_is_network_ioctl(0x5401));  // TCGETS
}

TEST(Decide, NoPolicyLetsATaskOutOfItsCgroup) {
  Policy policy;
  policy.listen = Verdict::deny;
  EXPECT_EQ(decision(policy, on(SL_VERB_CGROUP, 0, 0)).reason, SL_REASON_CGROUP);
}

TEST(Decide, EveryPolicyGuardsBpfButForDevicePrograms) {
  Policy policy;
  policy.listen = Verdict::deny;
  sl_attempt attempt = on(SL_VERB_BPF, 0, 0);
  EXPECT_EQ(decision(policy, attempt).reason, SL_REASON_BPF);
  EXPECT_EQ(decide(bind_list({}), attempt), EPERM);
  policy.bpf = Verdict::allow;
  EXPECT_EQ(decide(policy, attempt), 0);
  attempt.flags = SL_ATTEMPT_HARMLESS;
  EXPECT_EQ(decide(bind_list({}), attempt), 0);
}

TEST(Decide, OptionsThatWouldLoosenARestrictionAreClosed) {
  struct Option {
    int level, option, expected;
  };
  const std::vector<Option> options = {
      {1, 36, EPERM},
      {1, 2, 0},
      {1, 9, 0},
      {0, 4, EPERM},
      {0, 19, EPERM},
      {0, 64, EPERM},
      {0, 1, 0},
      {0, 35, EPERM},
      {41, 57, EPERM},
      {41, 64, EPERM},
      {41, 67, 0},
      {41, 26, 0},
      {6, 19, EPERM},
      {6, 1, 0},
      {132, 110, 0},
      {0, 17, EPERM},
      {41, 35, EPERM},
      {6, 31, EPERM},
      {284, 5, ENOPROTOOPT},
      {17, 103, 0},
      {0, 3, 0},
      {0, 7, 0},
      {0, 15, EPERM},
      {41, 32, EPERM},
      {41, 78, EPERM},
      {41, 48, EPERM},
  };
  Policy policy;
  policy.egress.emplace();
  for (const Option& o : options) {
    sl_attempt attempt = on(SL_VERB_SETSOCKOPT, inet, stream);
    attempt.level = o.level;
    attempt.option = o.option;
    EXPECT_EQ(decide(policy, attempt), o.expected) << o.level << '/' << o.option;
    EXPECT_EQ(decide(Policy{}, attempt), 0) << o.level << '/' << o.option;
  }
}

TEST(Decide, AMarkOfThePolicysIsNobodysToChange) {
  Policy policy;
  policy.mark = annotations::Mark{3, annotations::default_mark_mask};
  sl_attempt attempt = on(SL_VERB_SETSOCKOPT, inet, stream);
  attempt.level = 1;
  attempt.option = 36;
  EXPECT_EQ(decide(policy, attempt), EPERM);
  EXPECT_EQ(decision(policy, attempt).reason, SL_REASON_MARK);
  attempt.level = 41;
  attempt.option = 57;
  EXPECT_EQ(decide(policy, attempt), 0);  // the policy restricts nothing else
}

}  // namespace
}  // namespace socklid
