// SPDX-License-Identifier: Apache-2.0
//
// Fails if a packet that the policy names is not let through, one that it does not name is, or a
// test of a mark comes before or after what it must not: each case is one packet at one hook,
// judged by tests/support/nft_model.hpp.
#include <gtest/gtest.h>
#include <netinet/in.h>

#include "tests/support/nft_packets.hpp"

namespace socklid::test {
namespace {

using annotations::Otherwise;
using nft::HookPoint;

TEST(NftEgress, LetsOutWhatItNames) {
  const NftRuleset ruleset = rules(policy("tcp/443@192.0.2.0/24 udp/53 icmp tcp@2001:db8::/32"));
  EXPECT_EQ(leaving(ruleset, sent("192.0.2.77", 443)), ModelVerdict::accept);
  EXPECT_EQ(leaving(ruleset, sent("2001:db8::1", 9)), ModelVerdict::accept);
  EXPECT_EQ(leaving(ruleset, datagram(sent("2001:4860::8", 53))), ModelVerdict::accept);
  ModelPacket echo = icmp(8);
  echo.mark = echo.socket_mark.emplace(test_mark.value);
  EXPECT_EQ(leaving(ruleset, echo), ModelVerdict::accept);
}

TEST(NftEgress, RefusesTheRestAndCountsIt) {
  const NftRuleset ruleset = rules(policy("tcp/443@192.0.2.0/24"));
  EXPECT_EQ(leaving(ruleset, sent("192.0.2.77", 80)), ModelVerdict::reset);
  EXPECT_EQ(leaving(ruleset, sent("192.0.3.1", 443)), ModelVerdict::reset);
  EXPECT_EQ(leaving(ruleset, sent("c000:200::", 443)), ModelVerdict::reset);
  const ModelPacket other = datagram(sent("192.0.2.77", 443));
  EXPECT_EQ(leaving(ruleset, other), ModelVerdict::admin_prohibited);
  EXPECT_EQ(counted(ruleset, other), "io.socklid.egress: not named");
}

TEST(NftEgress, NamesNothingWhenEmpty) {
  const NftRuleset ruleset = rules(policy(""));
  EXPECT_EQ(leaving(ruleset, sent("192.0.2.77", 443)), ModelVerdict::reset);
}

TEST(NftEgress, DropsInSilenceIfToldTo) {
  annotations::Policy silent = policy("tcp/443");
  silent.otherwise = Otherwise::drop;
  EXPECT_EQ(leaving(rules(silent), sent("192.0.2.77", 80)), ModelVerdict::drop);
}

TEST(NftEgress, DoesNotLetALongerPrefixHideAShorterOne) {
  const NftRuleset ruleset =
      rules(policy("tcp/443@10.0.0.0/8 tcp/80@10.1.0.0/16 tcp/1000-2000@10.1.2.0/24"));
  for (const std::uint16_t port : {std::uint16_t{443}, std::uint16_t{80}, std::uint16_t{1500}}) {
    EXPECT_EQ(leaving(ruleset, sent("10.1.2.3", port)), ModelVerdict::accept) << port;
  }
  EXPECT_EQ(leaving(ruleset, sent("10.2.2.3", 80)), ModelVerdict::reset);
}

TEST(NftEgress, TakesUdpLiteForAnotherProtocol) {
  ModelPacket packet = sent("192.0.2.1", 53);
  packet.protocol = IPPROTO_UDPLITE;
  EXPECT_EQ(leaving(rules(policy("udp/53")), packet), ModelVerdict::admin_prohibited);
}

TEST(NftEgress, NamesProtocolsByTheirNumber) {
  annotations::Policy asked = policy("");
  const annotations::Prefix group{annotations::AddressFamily::ipv4, address("224.0.0.18"), 32};
  asked.egress->push_back({annotations::Protocol::numbered, {112, 112}, group});
  asked.egress->push_back({annotations::Protocol::numbered, {47, 47}, {}});
  const NftRuleset ruleset = rules(asked);
  for (const int protocol : {112, 47, 50, 6}) {
    for (const char* to : {"224.0.0.18", "224.0.0.19", "fd00::1"}) {
      ModelPacket packet = sent(to, 112);
      packet.protocol = static_cast<std::uint8_t>(protocol);
      const bool is_named =
          protocol == 47 || (protocol == 112 && packet.destination == address("224.0.0.18"));
      EXPECT_EQ(leaving(ruleset, packet) == ModelVerdict::accept, is_named)
          << protocol << " " << to;
    }
  }
}

TEST(NftMark, RefusesWhatIsUnmarkedOrOfAnotherMark) {
  annotations::Policy asked = policy("tcp/443");
  const NftRuleset ruleset = rules(asked);
  ModelPacket packet = sent("192.0.2.1", 443);
  for (const std::uint32_t mark : {0U, 4U}) {
    packet.mark = mark;
    EXPECT_EQ(leaving(ruleset, packet), ModelVerdict::reset);
    EXPECT_EQ(leaving(ruleset, datagram(packet)), ModelVerdict::admin_prohibited);
    EXPECT_EQ(counted(ruleset, packet), "io.socklid.mark: unmarked or foreign mark");
    packet.forged_source = true;
    packet.tcp_flags = ack;
    EXPECT_EQ(leaving(ruleset, packet), ModelVerdict::drop) << "the answer would leave";
    packet.forged_source = false;
    packet.tcp_flags = syn;
  }
  asked.otherwise = annotations::Otherwise::drop;
  EXPECT_EQ(leaving(rules(asked), packet), ModelVerdict::drop);
  EXPECT_EQ(counted(rules(asked), packet), "io.socklid.mark: unmarked or foreign mark");
}

TEST(NftMark, DropsAMarkThatIsNotTheSockets) {
  ModelPacket packet = sent("192.0.2.1", 443);
  packet.socket_mark = 0;
  const NftRuleset ruleset = rules(policy("tcp/443"));
  EXPECT_EQ(leaving(ruleset, packet), ModelVerdict::drop);
  EXPECT_EQ(counted(ruleset, packet), "io.socklid.mark: not the mark of its socket");
}

TEST(NftMark, LooksAtTheBitsOfItsMaskOnly) {
  ModelPacket packet = sent("192.0.2.1", 443);
  packet.mark = packet.socket_mark.emplace(0x7f000003);
  EXPECT_EQ(leaving(rules(policy("tcp/443")), packet), ModelVerdict::accept);
}

TEST(NftMark, DecidesAloneWhereThereIsNoFullSocket) {
  ModelPacket packet = sent("192.0.2.1", 443);  // the last ACK of a connection in TIME_WAIT
  packet.tcp_flags = ack;
  packet.socket_mark.reset();
  EXPECT_EQ(leaving(rules(policy("tcp/443")), packet), ModelVerdict::accept);
}

TEST(NftMark, IsNotAskedOfAResetWithoutSocketButItsAddressIs) {
  const NftRuleset ruleset = rules(policy("tcp/443@192.0.2.1"));
  ModelPacket packet = sent("192.0.2.1", 443);
  packet.mark = 0;
  packet.socket_mark.reset();
  packet.tcp_flags = rst;
  EXPECT_EQ(leaving(ruleset, packet), ModelVerdict::accept);
  packet.destination = address("192.0.2.2");
  EXPECT_EQ(leaving(ruleset, packet), ModelVerdict::reset);
}

TEST(NftMark, IsNotAskedOfTheResetToWhomHasJustBeenRefused) {
  annotations::Policy asked = policy("");
  for (const char* peer : {"192.0.2.1", "2001:db8::1"}) {
    ModelPacket packet = sent(peer, 50000);
    packet.mark = 0;
    packet.socket_mark.reset();
    packet.tcp_flags = rst | ack;
    EXPECT_NE(leaving(rules(asked), packet), ModelVerdict::accept) << peer;
    packet.refused = true;
    EXPECT_EQ(leaving(rules(asked), packet), ModelVerdict::accept) << peer;
    ModelPacket ours = packet;
    ours.mark = ours.socket_mark.emplace(test_mark.value);
    EXPECT_NE(leaving(rules(asked), ours), ModelVerdict::accept) << "what a raw socket writes";
    packet.tcp_flags = ack;
    EXPECT_NE(leaving(rules(asked), packet), ModelVerdict::accept) << "it is no reset";
  }
}

TEST(NftReply, ComesFromAServedPort) {
  const NftRuleset ruleset = rules(policy("", "tcp/80"));
  ModelPacket packet = answered("192.0.2.1", 80);
  EXPECT_EQ(leaving(ruleset, packet), ModelVerdict::accept);
  packet.mark = 0;  // the reset of a served port nobody listens on
  packet.socket_mark.reset();
  packet.tcp_flags = rst | ack;
  EXPECT_EQ(leaving(ruleset, packet), ModelVerdict::accept);
  EXPECT_EQ(leaving(ruleset, answered("192.0.2.1", 81)), ModelVerdict::reset);
}

TEST(NftReply, OpensNoConnection) {
  const NftRuleset ruleset = rules(policy("", "tcp/80"));
  ModelPacket packet = answered("192.0.2.1", 80);
  packet.tcp_flags = syn;
  EXPECT_EQ(leaving(ruleset, packet), ModelVerdict::reset);
  packet.tcp_flags = ack;
  EXPECT_EQ(leaving(ruleset, packet), ModelVerdict::accept);
  packet.mark = packet.socket_mark.emplace(0);  // of somebody who is in this namespace too
  EXPECT_EQ(leaving(ruleset, packet), ModelVerdict::reset);
}

TEST(NftReply, IsADatagramFromAServedPort) {
  const NftRuleset ruleset = rules(policy("", "udp/53"));
  ModelPacket packet = datagram(answered("192.0.2.1", 53));
  EXPECT_EQ(leaving(ruleset, packet), ModelVerdict::accept) << "the packet program knows whom";
  packet.mark = packet.socket_mark.emplace(0);
  EXPECT_EQ(leaving(ruleset, packet), ModelVerdict::admin_prohibited);
  EXPECT_EQ(leaving(ruleset, datagram(answered("192.0.2.1", 54))), ModelVerdict::admin_prohibited);
}

TEST(NftReply, ComesFromTheServedAddress) {
  const NftRuleset ruleset = rules(policy("", "tcp/80@10.9.9.9 tcp/81@10.9.9.8"));
  EXPECT_EQ(leaving(ruleset, answered("192.0.2.1", 80)), ModelVerdict::accept);
  EXPECT_EQ(leaving(ruleset, answered("192.0.2.1", 81)), ModelVerdict::reset);
}

TEST(NftReply, IsAnEchoOrAnErrorOfTheKernels) {
  const NftRuleset ruleset = rules(policy(""));
  for (const std::uint8_t type : {std::uint8_t{0}, std::uint8_t{3}}) {
    ModelPacket packet = icmp(type);
    EXPECT_EQ(leaving(ruleset, packet), ModelVerdict::accept) << int{type};
    packet.mark = packet.socket_mark.emplace(test_mark.value);  // a raw socket's
    EXPECT_EQ(leaving(ruleset, packet), ModelVerdict::admin_prohibited) << int{type};
  }
  EXPECT_EQ(leaving(ruleset, icmp(5)), ModelVerdict::admin_prohibited) << "a redirect";
}

TEST(NftSource, IsOneOfTheNamespace) {
  const NftRuleset ruleset = rules(policy("tcp/443 udp icmp", "udp/53"));
  for (ModelPacket packet : {sent("192.0.2.1", 443), datagram(sent("2001:db8::1", 53)),
                             datagram(answered("192.0.2.1", 53)), icmp(0), icmp(3)}) {
    packet.forged_source = true;
    EXPECT_EQ(leaving(ruleset, packet), ModelVerdict::drop);
    EXPECT_EQ(counted(ruleset, packet), "io.socklid.egress: not an address of this namespace");
  }
}

TEST(NftSource, IsAnyWhereOptionsOpenIt) {
  annotations::Policy proxy = policy("tcp/443");
  proxy.options.transparent = true;
  ModelPacket packet = sent("192.0.2.1", 443);
  packet.forged_source = true;
  EXPECT_EQ(leaving(rules(proxy), packet), ModelVerdict::accept);
  packet.interface = 1;
  EXPECT_EQ(leaving(rules(proxy), packet), ModelVerdict::drop) << "over loopback nothing is";
}

TEST(NftSource, IsNoneForDhcp) {
  const NftRuleset ruleset = rules(policy("udp/67"));
  ModelPacket packet = datagram(sent("255.255.255.255", 67));
  packet.source = {};
  packet.forged_source = true;
  packet.source_port = 68;
  EXPECT_EQ(leaving(ruleset, packet), ModelVerdict::accept);
  EXPECT_EQ(leaving(rules(policy("udp/53")), packet), ModelVerdict::drop) << "not named";
  packet.source_port = 69;
  EXPECT_EQ(leaving(ruleset, packet), ModelVerdict::drop);
}

TEST(NftUpkeep, LeavesWhateverItsMark) {
  const NftRuleset ruleset = rules(policy("tcp"));
  for (const int type : {133, 135, 136}) {
    EXPECT_EQ(leaving(ruleset, icmpv6(type, 255)), ModelVerdict::accept) << type;
    EXPECT_EQ(leaving(ruleset, icmpv6(type, 64)), ModelVerdict::admin_prohibited) << type;
  }
  for (const int type : {131, 132, 143}) {
    EXPECT_EQ(leaving(ruleset, icmpv6(type, 1)), ModelVerdict::accept) << type;
    EXPECT_EQ(leaving(ruleset, icmpv6(type, 2)), ModelVerdict::admin_prohibited) << type;
  }
}

TEST(NftUpkeep, TellsOfNoGroupWhereNothingMayLeave) {
  ModelPacket igmp = sent("224.0.0.22", 0);
  igmp.protocol = IPPROTO_IGMP;
  igmp.destination_type = multicast;
  igmp.mark = 0xd4;
  igmp.socket_mark.reset();
  EXPECT_EQ(leaving(rules(policy("tcp")), igmp), ModelVerdict::accept);
  EXPECT_EQ(leaving(rules(policy("")), igmp), ModelVerdict::admin_prohibited);
  EXPECT_EQ(leaving(rules(policy("")), icmpv6(143, 1)), ModelVerdict::admin_prohibited);
  EXPECT_EQ(leaving(rules(policy("")), icmpv6(135, 255)), ModelVerdict::accept);
  igmp.mark = test_mark.value;  // a raw socket's
  EXPECT_EQ(leaving(rules(policy("tcp")), igmp), ModelVerdict::admin_prohibited);
}

TEST(NftUpkeep, IsNeitherRouterAdvertisementNorRedirect) {
  const NftRuleset ruleset = rules(policy(""));
  EXPECT_EQ(leaving(ruleset, icmpv6(134, 255)), ModelVerdict::admin_prohibited);
  EXPECT_EQ(leaving(ruleset, icmpv6(137, 255)), ModelVerdict::admin_prohibited);
}

TEST(NftUpkeep, ArrivesFromTheLinkOnly) {
  const NftRuleset ruleset = rules(policy(""));
  for (const int type : {134, 135, 136}) {
    EXPECT_EQ(entering(ruleset, icmpv6(type, 255)), ModelVerdict::accept) << type;
    EXPECT_EQ(entering(ruleset, icmpv6(type, 254)), ModelVerdict::drop) << type;
  }
  EXPECT_EQ(entering(ruleset, icmpv6(137, 255)), ModelVerdict::drop);
  EXPECT_EQ(entering(ruleset, icmpv6(130, 1)), ModelVerdict::accept);
}

TEST(NftLoopback, IsNoEgress) {
  ModelPacket packet = sent("127.0.0.1", 5432);
  packet.interface = 1;
  packet.mark = 0;
  packet.socket_mark.reset();
  for (const std::uint32_t type : {local, broadcast, multicast}) {
    packet.destination_type = type;
    EXPECT_EQ(leaving(rules(policy("")), packet), ModelVerdict::accept) << type;
  }
  EXPECT_EQ(entering(rules(policy("")), packet), ModelVerdict::accept);
}

TEST(NftLoopback, CarriesNothingForOthers) {
  ModelPacket packet = sent("192.0.2.1", 443);
  packet.interface = 1;
  EXPECT_EQ(leaving(rules(policy("tcp/443")), packet), ModelVerdict::drop);
  packet = datagram(packet);
  EXPECT_EQ(leaving(rules(policy("udp")), packet), ModelVerdict::drop);
}

TEST(NftLoopback, LetsGoOnWhatWasOpened) {
  for (const std::uint8_t flags : {ack, rst, static_cast<std::uint8_t>(syn | ack)}) {
    ModelPacket packet = sent("192.0.2.1", 443);
    packet.interface = 1;
    packet.tcp_flags = flags;
    EXPECT_EQ(leaving(rules(policy("tcp/443")), packet), ModelVerdict::accept) << int{flags};
    packet.loose_route = true;
    EXPECT_EQ(leaving(rules(policy("tcp/443")), packet), ModelVerdict::drop) << int{flags};
    packet.loose_route = false;
    packet.extensions = true;  // the long way
    packet.mark = 0;
    const bool reset = flags == rst;  // as `reject` makes it
    EXPECT_EQ(leaving(rules(policy("tcp/443")), packet),
              reset ? ModelVerdict::accept : ModelVerdict::drop)
        << int{flags};
  }
}

TEST(NftLoopback, HasAddressesOfItsOwn) {
  for (const bool ipv4 : {true, false}) {
    ModelPacket packet = datagram(sent(ipv4 ? "127.0.0.1" : "::1", 9));
    packet.interface = 1;
    packet.source = address(ipv4 ? "127.1.2.3" : "::1");
    packet.forged_source = true;  // the kernel's routes are not asked
    EXPECT_EQ(leaving(rules(policy("")), packet), ModelVerdict::accept) << ipv4;
    packet.source = address(ipv4 ? "128.0.0.1" : "::2");
    EXPECT_EQ(leaving(rules(policy("")), packet), ModelVerdict::drop) << ipv4;
  }
}

TEST(NftEgress, TheShortWayLeadsWhereTheLongOneDoes) {
  const NftRuleset ruleset = rules(policy("tcp/443@192.0.2.1 udp/53@192.0.2.1", "tcp/80 udp/53"));
  for (const std::uint8_t flags : {ack, rst, syn, static_cast<std::uint8_t>(syn | ack)}) {
    for (const int fault : {0, 1, 2, 3}) {
      for (const std::uint16_t port : {std::uint16_t{443}, std::uint16_t{53}}) {
        for (const bool udp : {true, false}) {
          ModelPacket packet = sent("192.0.2.1", port);
          packet.tcp_flags = flags;
          if (udp) packet = datagram(packet);
          if (fault == 1) packet.mark = 0;
          if (fault == 2) packet.socket_mark = 0;
          if (fault == 3) packet.forged_source = true;
          const ModelVerdict verdict = leaving(ruleset, packet);
          packet.extensions = true;
          EXPECT_EQ(leaving(ruleset, packet), verdict) << int{flags} << fault << port << udp;
        }
      }
    }
  }
}

TEST(NftLoopback, IsJudgedFromSomebodyElsesAddress) {
  ModelPacket packet = sent("127.0.0.1", 5432);
  packet.interface = 1;
  packet.destination_type = local;
  packet.forged_source = true;
  EXPECT_EQ(leaving(rules(policy("tcp/443")), packet), ModelVerdict::drop);
}

TEST(NftEgress, RejectsToNobodyElse) {
  ModelPacket packet = sent("203.0.113.9", 5432);
  packet.tcp_flags = ack;
  EXPECT_EQ(leaving(rules(policy("tcp/443")), packet), ModelVerdict::reset);
  packet.forged_source = true;
  EXPECT_EQ(leaving(rules(policy("tcp/443")), packet), ModelVerdict::drop);
}

TEST(NftNeighbours, AreFoundByTheKernelAlone) {
  const NftRuleset ruleset = rules(policy("tcp"));
  for (const int type : {135, 143}) {
    ModelPacket packet = icmpv6(type, type == 135 ? 255 : 1, test_mark.value);
    packet.socket_mark = test_mark.value;  // a raw socket of the container
    EXPECT_EQ(leaving(ruleset, packet), ModelVerdict::admin_prohibited) << type;
  }
}

TEST(NftSourceRoute, NeverPasses) {
  const NftRuleset ruleset = rules(policy("tcp", "tcp/443"));
  ModelPacket packet = sent("fd09::9", 443);
  packet.routing_header = true;
  EXPECT_EQ(leaving(ruleset, packet), ModelVerdict::drop);
  EXPECT_EQ(entering(ruleset, packet), ModelVerdict::drop);
  packet.interface = 1;
  EXPECT_EQ(leaving(ruleset, packet), ModelVerdict::drop) << "not even on loopback";
  ModelPacket old = sent("10.9.9.9", 443);
  old.loose_route = true;
  EXPECT_EQ(leaving(ruleset, old), ModelVerdict::drop);
  old.loose_route = false;
  old.strict_route = true;
  EXPECT_EQ(entering(ruleset, old), ModelVerdict::drop);
}

TEST(NftForward, PassesNothing) {
  const NftRuleset ruleset = rules(policy("tcp", "tcp/80"));
  const Judgement judgement = judge(ruleset, HookPoint::forward, sent("192.0.2.1", 443));
  EXPECT_EQ(judgement.verdict, ModelVerdict::drop);
  EXPECT_EQ(judgement.last_counter, "io.socklid.egress: forwarded");
}

}  // namespace
}  // namespace socklid::test
