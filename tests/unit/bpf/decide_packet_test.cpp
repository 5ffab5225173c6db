// SPDX-License-Identifier: Apache-2.0
//
// sl_decide_packet(): what a container's packets may do where cgroup programs judge them. Fails
// when a packet that opens what egress does not name gets through, or an answer to one that was let
// in does not.
#include <gtest/gtest.h>
#include <netinet/in.h>

#include "tests/support/decide_attempts.hpp"
#include "tests/support/nft_policy.hpp"

namespace socklid::test {
namespace {

const Placement on_host{NetnsKind::host, 0};
const Placement in_pod{NetnsKind::shared, 7};

sl_packet packet(std::uint8_t protocol, std::uint16_t local_port, std::uint16_t port,
                 std::uint16_t flags = 0) {
  sl_packet packet{};
  packet.flags = flags;
  packet.family = AF_INET;
  packet.protocol = protocol;
  packet.port = port;
  packet.local_port = local_port;
  packet.address[0] = htonl(0x0a010203);        // 10.1.2.3
  packet.local_address[0] = htonl(0x0a090909);  // 10.9.9.9
  return packet;
}

sl_reason reason(const annotations::Policy& policy, const sl_packet& packet,
                 Placement placement = on_host) {
  const Plan plan = compile(policy, placement);
  host_lists() = plan.lists;
  return static_cast<sl_reason>(sl_decide_packet(&plan.image, &packet).reason);
}

TEST(DecidePacket, OnlyWhatOpensAConnectionIsJudged) {
  const auto some = policy("tcp/443@10.0.0.0/8");
  EXPECT_EQ(reason(some, packet(IPPROTO_TCP, 40000, 443, SL_PACKET_OPENS)), SL_REASON_NONE);
  EXPECT_EQ(reason(some, packet(IPPROTO_TCP, 40000, 80, SL_PACKET_OPENS)), SL_REASON_EGRESS);
  EXPECT_EQ(reason(some, packet(IPPROTO_TCP, 40000, 80)), SL_REASON_NONE);
}

TEST(DecidePacket, OfAMarkOnlyThePolicysBitsAreCompared) {
  sl_policy image = compile(policy("tcp/443"), on_host).image;
  EXPECT_EQ(sl_compared_mark(&image), 0U) << "others may change what the policy does not set";
  image.flags |= SL_COMPARE_MARKS;
  EXPECT_EQ(sl_compared_mark(&image), 0xffffffffU);
  annotations::Policy marked;
  marked.mark = annotations::Mark{3, 0xff};
  image = compile(marked).image;
  EXPECT_EQ(sl_compared_mark(&image), 0xffU);
  image.flags |= SL_COMPARE_MARKS;
  EXPECT_EQ(sl_compared_mark(&image), 0xffffffffU);
}

TEST(DecidePacket, AListenerAnswersFromServedPorts) {
  const auto server = policy("", "tcp/80@10.9.9.9");
  EXPECT_EQ(reason(server, packet(IPPROTO_TCP, 80, 50000, SL_PACKET_ANSWERS)), SL_REASON_NONE);
  EXPECT_EQ(reason(server, packet(IPPROTO_TCP, 81, 50000, SL_PACKET_ANSWERS)), SL_REASON_EGRESS);
  // A port alone is not enough.
  EXPECT_EQ(reason(server, packet(IPPROTO_TCP, 80, 50000, SL_PACKET_OPENS)), SL_REASON_EGRESS);
  sl_packet elsewhere = packet(IPPROTO_TCP, 80, 50000, SL_PACKET_ANSWERS);
  elsewhere.local_address[0] = htonl(0x0a090908);
  EXPECT_EQ(reason(server, elsewhere), SL_REASON_EGRESS) << "served on another address";
}

TEST(DecidePacket, DatagramsAnswerWhoIsKnown) {
  const auto server = policy("", "udp/53");
  EXPECT_EQ(reason(server, packet(IPPROTO_UDP, 53, 50000)), SL_REASON_EGRESS);
  EXPECT_EQ(reason(server, packet(IPPROTO_UDP, 53, 50000, SL_PACKET_KNOWN)), SL_REASON_NONE);
  EXPECT_EQ(reason(server, packet(IPPROTO_TCP, 53, 50000, SL_PACKET_OPENS)), SL_REASON_EGRESS);
}

TEST(DecidePacket, WhoIsKnownIsForDatagramsToSay) {
  const Placement own{};
  const auto has_flow = [](const sl_packet& packet, Placement placement) {
    const Plan plan = compile(policy("udp"), placement);
    return sl_packet_has_flow(&plan.image, &packet) != 0;
  };
  EXPECT_TRUE(has_flow(packet(IPPROTO_UDP, 53, 50000), own));
  EXPECT_TRUE(has_flow(packet(IPPROTO_ICMP, 0, 0), own));
  EXPECT_FALSE(has_flow(packet(IPPROTO_TCP, 80, 50000), own));
  EXPECT_FALSE(has_flow(packet(IPPROTO_UDP, 53, 50000, SL_PACKET_RAW), own));
  EXPECT_FALSE(has_flow(packet(IPPROTO_UDP, 53, 50000, SL_PACKET_LOOPBACK), own));
  EXPECT_FALSE(has_flow(packet(IPPROTO_UDP, 53, 50000, SL_PACKET_LOOPBACK), in_pod));
  EXPECT_TRUE(has_flow(packet(IPPROTO_UDP, 53, 50000, SL_PACKET_LOOPBACK), on_host));
}

TEST(DecidePacket, AForeignAddressLeavesByNoWay) {
  for (const Placement placement : {Placement{}, in_pod, on_host}) {
    for (const unsigned flags : {0U, SL_PACKET_LOOPBACK, SL_PACKET_KNOWN}) {
      const auto some = static_cast<std::uint16_t>(flags | SL_PACKET_FOREIGN);
      EXPECT_EQ(reason(policy("udp tcp"), packet(IPPROTO_UDP, 53, 53, some), placement),
                SL_REASON_SOURCE);
    }
  }
}

TEST(DecidePacket, WhatTheKernelSendsIsForTheRulesToJudge) {
  constexpr unsigned other = SL_PACKET_RAW | SL_PACKET_REMARKED | SL_PACKET_FOREIGN;
  for (const unsigned flags : {0U, other}) {
    const sl_packet upkeep =
        packet(IPPROTO_ICMPV6, 0, 0, static_cast<std::uint16_t>(flags | SL_PACKET_KERNELS));
    EXPECT_EQ(reason(policy(""), upkeep, {}), SL_REASON_NONE);
  }
  const sl_policy unwritten{};
  const sl_packet upkeep = packet(IPPROTO_ICMPV6, 0, 0, SL_PACKET_KERNELS);
  EXPECT_NE(sl_decide_packet(&unwritten, &upkeep).error, 0);
}

TEST(DecidePacket, RawSocketsAnswerNobody) {
  const auto server = policy("tcp/443", "tcp/80");
  for (const unsigned flags : {0U, SL_PACKET_ANSWERS, SL_PACKET_OPENS}) {
    const auto raw = static_cast<std::uint16_t>(flags | SL_PACKET_RAW);
    EXPECT_EQ(reason(server, packet(IPPROTO_TCP, 80, 50000, raw)), SL_REASON_EGRESS);
    EXPECT_EQ(reason(server, packet(IPPROTO_TCP, 80, 443, raw)), SL_REASON_NONE);
  }
}

TEST(DecidePacket, WhatCannotBeReadDoesNotLeave) {
  EXPECT_EQ(reason(policy("tcp udp icmp"), packet(IPPROTO_UDP, 1, 1, SL_PACKET_UNREAD)),
            SL_REASON_EGRESS);
  EXPECT_EQ(reason(policy("tcp udp icmp"), packet(41, 1, 1)), SL_REASON_EGRESS);
  EXPECT_EQ(reason(policy("udp"), packet(IPPROTO_UDPLITE, 1, 1)), SL_REASON_EGRESS);
  EXPECT_EQ(reason(policy("icmp"), packet(IPPROTO_ICMP, 0, 0)), SL_REASON_NONE);
}

TEST(DecidePacket, WhatArrivesUnaskedMustBeServed) {
  const auto server = policy("udp/123", "tcp/80 udp/53");
  const auto arrives = [&](int protocol, std::uint16_t local, std::uint16_t remote,
                           unsigned flags) {
    return reason(server, packet(static_cast<std::uint8_t>(protocol), local, remote,
                                 static_cast<std::uint16_t>(flags | SL_PACKET_ARRIVES)));
  };
  EXPECT_EQ(arrives(IPPROTO_TCP, 80, 50000, SL_PACKET_OPENS), SL_REASON_NONE);
  EXPECT_EQ(arrives(IPPROTO_TCP, 81, 50000, SL_PACKET_OPENS), SL_REASON_ARRIVAL);
  EXPECT_EQ(arrives(IPPROTO_TCP, 81, 50000, 0), SL_REASON_NONE);
  EXPECT_EQ(arrives(IPPROTO_UDP, 53, 50000, 0), SL_REASON_NONE);
  EXPECT_EQ(arrives(IPPROTO_UDP, 40000, 123, 0), SL_REASON_NONE) << "an answer, it may be";
  const sl_packet unasked = packet(IPPROTO_UDP, 40000, 123, SL_PACKET_ARRIVES);
  EXPECT_EQ(reason(server, unasked, in_pod), SL_REASON_ARRIVAL) << "nobody has asked";
  EXPECT_EQ(reason(server, unasked, {}), SL_REASON_ARRIVAL);
  EXPECT_EQ(arrives(IPPROTO_UDP, 40000, 123, SL_PACKET_KNOWN), SL_REASON_NONE);
  EXPECT_EQ(arrives(IPPROTO_ICMP, 0, 0, 0), SL_REASON_ARRIVAL);
  EXPECT_EQ(arrives(IPPROTO_ICMP, 0, 0, SL_PACKET_KNOWN), SL_REASON_NONE);
  EXPECT_EQ(arrives(IPPROTO_SCTP, 80, 80, 0), SL_REASON_ARRIVAL);
}

TEST(DecidePacket, SctpComesFromWhomEgressNames) {
  const auto some = policy("sctp/80");
  EXPECT_EQ(reason(some, packet(IPPROTO_SCTP, 9, 80, SL_PACKET_ARRIVES), {}), SL_REASON_NONE);
  EXPECT_EQ(reason(some, packet(IPPROTO_SCTP, 9, 81, SL_PACKET_ARRIVES), {}), SL_REASON_ARRIVAL);
  EXPECT_EQ(reason(some, packet(IPPROTO_SCTP, 9, 80, SL_PACKET_ARRIVES | SL_PACKET_OPENS), {}),
            SL_REASON_ARRIVAL)
      << "a request";
  EXPECT_EQ(reason(some, packet(IPPROTO_SCTP, 9, 80), {}), SL_REASON_NONE);
  EXPECT_EQ(reason(some, packet(IPPROTO_SCTP, 9, 81), {}), SL_REASON_EGRESS);
}

TEST(DecidePacket, LoopbackIsEgressOnTheHostOnly) {
  const auto syn = packet(IPPROTO_TCP, 1, 80, SL_PACKET_OPENS | SL_PACKET_LOOPBACK);
  EXPECT_EQ(reason(policy(""), syn, on_host), SL_REASON_EGRESS);
  EXPECT_EQ(reason(policy(""), syn, in_pod), SL_REASON_NONE);
  EXPECT_EQ(reason(policy(""), packet(IPPROTO_TCP, 1, 80, SL_PACKET_OPENS), in_pod),
            SL_REASON_EGRESS);
}

TEST(DecidePacket, LabelsAloneSayNothingOfWhereItGoes) {
  const Plan plan = compile(policy("udp/53"), on_host);
  host_lists() = plan.lists;
  for (const std::uint16_t port : {std::uint16_t{53}, std::uint16_t{0}}) {
    const sl_packet unread = packet(IPPROTO_UDP, 0, port);
    EXPECT_EQ(sl_decide_labels(&plan.image, &unread).error, 0) << port;
  }
  const sl_packet routed = packet(IPPROTO_UDP, 0, 53, SL_PACKET_ROUTED);
  EXPECT_EQ(sl_decide_labels(&plan.image, &routed).reason, SL_REASON_SETSOCKOPT);
}

TEST(DecidePacket, BeforeThePolicyIsWrittenNothingMoves) {
  const sl_policy none{};
  const sl_packet any = packet(IPPROTO_UDP, 1, 1);
  EXPECT_EQ(sl_decide_packet(&none, &any).reason, SL_REASON_UNCONFIGURED);
}

TEST(DecidePacket, ARefusedConnectionIsToldAtTheCall) {
  annotations::Policy some = policy("tcp/443");
  sl_attempt attempt = on(SL_VERB_CONNECT, AF_INET, SOCK_STREAM);
  attempt.address_family = AF_INET;
  attempt.address_length = 16;
  attempt.port = 80;
  const auto answer = [&](Placement placement) {
    const Plan plan = compile(some, placement);
    host_lists() = plan.lists;
    attempt.mark = plan.image.mark;
    return sl_decide(&plan.image, &attempt).error;
  };
  EXPECT_EQ(answer(on_host), -ECONNREFUSED);
  EXPECT_EQ(answer(in_pod), 0) << "there the rules answer";
  attempt.port = 443;
  EXPECT_EQ(answer(on_host), 0);
  attempt.port = 80;
  some.otherwise = annotations::Otherwise::drop;
  EXPECT_EQ(answer(on_host), 0) << "silence";
}

TEST(DecidePacket, WhereNoPacketIsSeenNoPeerIsChosen) {
  sl_attempt attempt = on(SL_VERB_CONNECT, AF_INET, SOCK_STREAM);
  attempt.address_family = AF_INET;
  attempt.address_length = 16;
  attempt.port = 443;
  attempt.flags = SL_ATTEMPT_OUTSIDE;
  const Plan plan = compile(policy("tcp/443"), on_host);
  host_lists() = plan.lists;
  EXPECT_EQ(sl_decide(&plan.image, &attempt).reason, SL_REASON_FOREIGN);
}

}  // namespace
}  // namespace socklid::test
