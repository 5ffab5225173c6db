// SPDX-License-Identifier: Apache-2.0
//
// Fails if a packet that the policy names is not let through, one that it does not name is, or a
// test of a mark comes before or after what it must not: each case is one packet at one hook,
// judged by tests/unit/nft_model.hpp.
#include <gtest/gtest.h>
#include <netinet/in.h>

#include <string>

#include "tests/unit/nft_model.hpp"
#include "tests/unit/nft_policy.hpp"

namespace socklid::test {
namespace {

using annotations::Otherwise;
using nft::HookPoint;

constexpr std::uint32_t established = 2, related = 4, fresh = 8;
constexpr std::uint32_t reply = 1;
constexpr std::uint8_t rst = 4;

/// A first packet of a marked TCP socket.
ModelPacket sent(const std::string& to, std::uint16_t port) {
  ModelPacket packet;
  packet.ipv4 = to.find(':') == std::string::npos;
  packet.source = address(packet.ipv4 ? "10.9.9.9" : "fd09::9");
  packet.destination = address(to);
  packet.source_port = 40000;
  packet.destination_port = port;
  packet.mark = test_mark.value;
  packet.socket_mark = test_mark.value;
  return packet;
}

ModelPacket icmpv6(int type, int hop_limit, std::uint32_t mark = 0xd4) {
  ModelPacket packet = sent("ff02::1", 0);
  packet.protocol = IPPROTO_ICMPV6;
  packet.icmp_type = static_cast<std::uint8_t>(type);
  packet.hop_limit = static_cast<std::uint8_t>(hop_limit);
  packet.mark = mark;
  packet.socket_mark = 0;  // the kernel's own socket
  return packet;
}

ModelPacket icmp(std::uint8_t type, std::uint32_t state, std::uint32_t direction) {
  ModelPacket packet = sent("192.0.2.1", 0);
  packet.protocol = IPPROTO_ICMP;
  packet.icmp_type = type;
  packet.mark = 0;
  packet.socket_mark = 0;  // the kernel's own socket
  packet.ct_state = state;
  packet.ct_direction = direction;
  return packet;
}

/// What answers an inbound connection to `port` of 10.9.9.9 or fd09::9.
ModelPacket answered(const std::string& to, std::uint16_t port) {
  ModelPacket packet = sent(to, 50000);
  packet.source_port = port;
  packet.ct_state = established;
  packet.ct_direction = reply;
  return packet;
}

/// A first packet from outside to `port` of 10.9.9.9 or fd09::9.
ModelPacket arriving(bool ipv4, std::uint16_t port) {
  ModelPacket packet = sent(ipv4 ? "10.9.9.9" : "fd09::9", port);
  packet.source = address(ipv4 ? "192.0.2.7" : "2001:db8::7");
  packet.mark = 0;
  packet.socket_mark.reset();
  return packet;
}

ModelVerdict leaving(const NftRuleset& ruleset, const ModelPacket& packet) {
  return judge(ruleset, HookPoint::output, packet).verdict;
}

ModelVerdict entering(const NftRuleset& ruleset, const ModelPacket& packet) {
  return judge(ruleset, HookPoint::input, packet).verdict;
}

std::string counted(const NftRuleset& ruleset, const ModelPacket& packet) {
  return judge(ruleset, HookPoint::output, packet).last_counter;
}

TEST(NftEgress, LetsOutWhatItNames) {
  const NftRuleset ruleset = rules(policy("tcp/443@192.0.2.0/24 udp/53 icmp tcp@2001:db8::/32"));
  EXPECT_EQ(leaving(ruleset, sent("192.0.2.77", 443)), ModelVerdict::accept);
  EXPECT_EQ(leaving(ruleset, sent("2001:db8::1", 9)), ModelVerdict::accept);
  ModelPacket query = sent("2001:4860::8", 53);
  query.protocol = IPPROTO_UDP;
  EXPECT_EQ(leaving(ruleset, query), ModelVerdict::accept);
  ModelPacket echo = icmp(8, fresh, 0);
  echo.mark = echo.socket_mark.emplace(test_mark.value);
  EXPECT_EQ(leaving(ruleset, echo), ModelVerdict::accept);
}

TEST(NftEgress, RefusesTheRestAndCountsIt) {
  const NftRuleset ruleset = rules(policy("tcp/443@192.0.2.0/24"));
  EXPECT_EQ(leaving(ruleset, sent("192.0.2.77", 80)), ModelVerdict::reset);
  EXPECT_EQ(leaving(ruleset, sent("192.0.3.1", 443)), ModelVerdict::reset);
  EXPECT_EQ(leaving(ruleset, sent("c000:200::", 443)), ModelVerdict::reset);
  ModelPacket datagram = sent("192.0.2.77", 443);
  datagram.protocol = IPPROTO_UDP;
  EXPECT_EQ(leaving(ruleset, datagram), ModelVerdict::admin_prohibited);
  EXPECT_EQ(counted(ruleset, datagram), "io.socklid.egress: not named");
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

TEST(NftMark, DropsWhatIsUnmarkedOrOfAnotherMark) {
  const NftRuleset ruleset = rules(policy("tcp/443"));
  ModelPacket packet = sent("192.0.2.1", 443);
  packet.mark = 0;
  EXPECT_EQ(leaving(ruleset, packet), ModelVerdict::drop);
  EXPECT_EQ(counted(ruleset, packet), "io.socklid.mark: unmarked or foreign mark");
  packet.mark = 0x4;
  EXPECT_EQ(leaving(ruleset, packet), ModelVerdict::drop);
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
  packet.socket_mark.reset();
  EXPECT_EQ(leaving(rules(policy("tcp/443")), packet), ModelVerdict::accept);
}

TEST(NftMark, IsNotAskedOfAResetWithoutSocketButItsAddressIs) {
  const NftRuleset ruleset = rules(policy("tcp/443@192.0.2.1"));
  ModelPacket packet = sent("192.0.2.1", 443);
  packet.mark = 0;
  packet.socket_mark.reset();
  packet.tcp_flags = rst;
  EXPECT_EQ(leaving(ruleset, packet), ModelVerdict::drop) << "belongs to no connection";
  packet.ct_state = established;
  EXPECT_EQ(leaving(ruleset, packet), ModelVerdict::accept);
  packet.destination = address("192.0.2.2");
  EXPECT_EQ(leaving(ruleset, packet), ModelVerdict::reset);
}

TEST(NftReply, ComesFromAServedPort) {
  const NftRuleset ruleset = rules(policy("", "tcp/80"));
  ModelPacket packet = answered("192.0.2.1", 80);
  EXPECT_EQ(leaving(ruleset, packet), ModelVerdict::accept);
  packet.mark = 0;  // the reset of a served port nobody listens on
  packet.socket_mark.reset();
  EXPECT_EQ(leaving(ruleset, packet), ModelVerdict::accept);
  EXPECT_EQ(leaving(ruleset, answered("192.0.2.1", 81)), ModelVerdict::reset);
}

TEST(NftReply, IsNoneIfTheConnectionBeganHere) {
  ModelPacket packet = answered("192.0.2.1", 80);
  packet.ct_direction = 0;
  EXPECT_EQ(leaving(rules(policy("", "tcp/80")), packet), ModelVerdict::reset);
  packet.ct_direction.reset();  // conntrack did not see it
  EXPECT_EQ(leaving(rules(policy("", "tcp/80")), packet), ModelVerdict::reset);
}

TEST(NftReply, ComesFromTheServedAddress) {
  const NftRuleset ruleset = rules(policy("", "tcp/80@10.9.9.9 tcp/81@10.9.9.8"));
  EXPECT_EQ(leaving(ruleset, answered("192.0.2.1", 80)), ModelVerdict::accept);
  EXPECT_EQ(leaving(ruleset, answered("192.0.2.1", 81)), ModelVerdict::reset);
}

TEST(NftReply, IsAnEchoOrAnErrorOfAKnownFlow) {
  const NftRuleset ruleset = rules(policy(""));
  EXPECT_EQ(leaving(ruleset, icmp(0, established, reply)), ModelVerdict::accept);
  EXPECT_EQ(leaving(ruleset, icmp(0, fresh, 0)), ModelVerdict::drop);
  EXPECT_EQ(leaving(ruleset, icmp(3, related, reply)), ModelVerdict::accept);
  EXPECT_EQ(leaving(ruleset, icmp(3, 1, 0)), ModelVerdict::drop);
  EXPECT_EQ(leaving(ruleset, icmp(5, related, 0)), ModelVerdict::drop) << "a redirect";
}

TEST(NftUpkeep, LeavesWhateverItsMark) {
  const NftRuleset ruleset = rules(policy(""));
  for (const int type : {133, 135, 136}) {
    EXPECT_EQ(leaving(ruleset, icmpv6(type, 255)), ModelVerdict::accept) << type;
    EXPECT_EQ(leaving(ruleset, icmpv6(type, 64)), ModelVerdict::drop) << type;
  }
  for (const int type : {131, 132, 143}) {
    EXPECT_EQ(leaving(ruleset, icmpv6(type, 1)), ModelVerdict::accept) << type;
    EXPECT_EQ(leaving(ruleset, icmpv6(type, 2)), ModelVerdict::drop) << type;
  }
}

TEST(NftUpkeep, IsNeitherRouterAdvertisementNorRedirect) {
  const NftRuleset ruleset = rules(policy(""));
  EXPECT_EQ(leaving(ruleset, icmpv6(134, 255)), ModelVerdict::drop);
  EXPECT_EQ(leaving(ruleset, icmpv6(137, 255)), ModelVerdict::drop);
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
  EXPECT_EQ(leaving(rules(policy("")), packet), ModelVerdict::accept);
  EXPECT_EQ(entering(rules(policy("")), packet), ModelVerdict::accept);
}

TEST(NftLoopback, IsJudgedFromSomebodyElsesAddress) {
  ModelPacket packet = sent("127.0.0.1", 5432);
  packet.interface = 1;
  packet.forged_source = true;
  EXPECT_EQ(leaving(rules(policy("tcp/443")), packet), ModelVerdict::drop);
}

TEST(NftEgress, RejectsToNobodyElse) {
  ModelPacket packet = sent("203.0.113.9", 5432);
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

TEST(NftInput, LetsInWhatBindNames) {
  const NftRuleset ruleset = rules(policy("", "tcp/80 udp/53@10.9.9.9"));
  EXPECT_EQ(entering(ruleset, arriving(true, 80)), ModelVerdict::accept);
  EXPECT_EQ(entering(ruleset, arriving(false, 80)), ModelVerdict::accept);
  EXPECT_EQ(entering(ruleset, arriving(true, 81)), ModelVerdict::drop);
  ModelPacket query = arriving(true, 53);
  EXPECT_EQ(entering(ruleset, query), ModelVerdict::drop);
  query.protocol = IPPROTO_UDP;
  EXPECT_EQ(entering(ruleset, query), ModelVerdict::accept);
  query.destination = address("10.9.9.8");
  EXPECT_EQ(entering(ruleset, query), ModelVerdict::drop);
}

TEST(NftInput, TakesTheWildcardAddressForEveryAddress) {
  const NftRuleset ruleset = rules(policy("", "tcp/80@0.0.0.0 tcp/81@::"));
  EXPECT_EQ(entering(ruleset, arriving(true, 80)), ModelVerdict::accept);
  EXPECT_EQ(entering(ruleset, arriving(false, 80)), ModelVerdict::drop);
  EXPECT_EQ(entering(ruleset, arriving(true, 81)), ModelVerdict::accept) << "dual stack";
  EXPECT_EQ(entering(ruleset, arriving(false, 81)), ModelVerdict::accept);
}

TEST(NftInput, IsClosedWithoutAListOfPorts) {
  annotations::Policy open = policy("tcp/443");
  EXPECT_EQ(entering(rules(open), arriving(true, 80)), ModelVerdict::drop);
  open.bind.emplace();
  EXPECT_EQ(entering(rules(open), arriving(true, 80)), ModelVerdict::drop);
  EXPECT_EQ(judge(rules(open), HookPoint::input, arriving(true, 80)).last_counter,
            "io.socklid.bind: not named");
}

TEST(NftInput, LetsInRepliesEchoRequestsAndErrors) {
  const NftRuleset ruleset = rules(policy(""));
  ModelPacket packet = arriving(true, 40000);
  packet.ct_state = established;
  packet.socket_mark = test_mark.value;
  EXPECT_EQ(entering(ruleset, packet), ModelVerdict::drop) << "of a flow that began outside";
  packet.ct_direction = reply;
  EXPECT_EQ(entering(ruleset, packet), ModelVerdict::accept);
  EXPECT_EQ(entering(ruleset, icmp(8, fresh, 0)), ModelVerdict::accept);
  EXPECT_EQ(entering(ruleset, icmp(11, related, 0)), ModelVerdict::accept);
  EXPECT_EQ(entering(ruleset, icmp(11, 1, 0)), ModelVerdict::drop);
  EXPECT_EQ(entering(ruleset, icmpv6(128, 64)), ModelVerdict::accept);
}

TEST(NftForward, PassesNothing) {
  const NftRuleset ruleset = rules(policy("tcp", "tcp/80"));
  const Judgement judgement = judge(ruleset, HookPoint::forward, sent("192.0.2.1", 443));
  EXPECT_EQ(judgement.verdict, ModelVerdict::drop);
  EXPECT_EQ(judgement.last_counter, "io.socklid.egress: forwarded");
}

}  // namespace
}  // namespace socklid::test
