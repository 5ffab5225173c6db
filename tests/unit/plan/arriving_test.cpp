// SPDX-License-Identifier: Apache-2.0
//
// What the rules let in: fails if a packet that the policy names is not let through, or one that it
// does not name is.
#include <gtest/gtest.h>
#include <netinet/in.h>

#include "tests/support/nft_packets.hpp"

namespace socklid::test {
namespace {

using nft::HookPoint;

TEST(NftInput, LetsInWhatBindNames) {
  const NftRuleset ruleset = rules(policy("", "tcp/80 udp/53@10.9.9.9"));
  EXPECT_EQ(entering(ruleset, arriving(true, 80)), ModelVerdict::accept);
  EXPECT_EQ(entering(ruleset, arriving(false, 80)), ModelVerdict::accept);
  EXPECT_EQ(entering(ruleset, arriving(true, 81)), ModelVerdict::reset);
  ModelPacket query = arriving(true, 53);
  EXPECT_EQ(entering(ruleset, query), ModelVerdict::reset);
  query = datagram(query);
  EXPECT_EQ(entering(ruleset, query), ModelVerdict::accept);
  query.destination = address("10.9.9.8");
  EXPECT_EQ(entering(ruleset, query), ModelVerdict::drop);
}

TEST(NftInput, TakesTheWildcardAddressForEveryAddress) {
  const NftRuleset ruleset = rules(policy("", "tcp/80@0.0.0.0 tcp/81@::"));
  EXPECT_EQ(entering(ruleset, arriving(true, 80)), ModelVerdict::accept);
  EXPECT_EQ(entering(ruleset, arriving(false, 80)), ModelVerdict::reset);
  EXPECT_EQ(entering(ruleset, arriving(true, 81)), ModelVerdict::accept) << "dual stack";
  EXPECT_EQ(entering(ruleset, arriving(false, 81)), ModelVerdict::accept);
}

TEST(NftInput, IsClosedWithoutAListOfPorts) {
  annotations::Policy open = policy("tcp/443");
  EXPECT_EQ(entering(rules(open), arriving(true, 80)), ModelVerdict::reset);
  open.bind.emplace();
  EXPECT_EQ(entering(rules(open), arriving(false, 80)), ModelVerdict::reset);
  EXPECT_EQ(entering(rules(open), datagram(arriving(true, 80))), ModelVerdict::drop);
  EXPECT_EQ(judge(rules(open), HookPoint::input, arriving(true, 80)).last_counter,
            "io.socklid.bind: not named");
  open.otherwise = annotations::Otherwise::drop;
  EXPECT_EQ(entering(rules(open), arriving(true, 80)), ModelVerdict::drop);
  EXPECT_EQ(judge(rules(open), HookPoint::input, arriving(true, 80)).last_counter,
            "io.socklid.bind: not named");
}

TEST(NftInput, LetsInEchoesErrorsAndWhatOpensNothing) {
  const NftRuleset ruleset = rules(policy(""));
  ModelPacket packet = arriving(true, 40000);
  EXPECT_EQ(entering(ruleset, packet), ModelVerdict::reset);
  for (const int flags : {syn | ack, int{ack}, int{rst}}) {
    packet.tcp_flags = static_cast<std::uint8_t>(flags);
    EXPECT_EQ(entering(ruleset, packet), ModelVerdict::accept) << flags;
  }
  for (const std::uint8_t type : {std::uint8_t{0}, std::uint8_t{8}, std::uint8_t{11}}) {
    EXPECT_EQ(entering(ruleset, icmp(type)), ModelVerdict::accept) << int{type};
  }
  EXPECT_EQ(entering(ruleset, icmp(5)), ModelVerdict::drop) << "a redirect";
  EXPECT_EQ(entering(ruleset, icmpv6(128, 64)), ModelVerdict::accept);
}

TEST(NftInput, LetsInDatagramsFromWhomEgressNames) {
  const NftRuleset ruleset = rules(policy("udp/53@192.0.2.7 tcp/443"));
  ModelPacket packet = datagram(arriving(true, 40000));
  packet.source_port = 53;
  EXPECT_EQ(entering(ruleset, packet), ModelVerdict::accept);
  packet.source_port = 54;
  EXPECT_EQ(entering(ruleset, packet), ModelVerdict::drop);
  packet.source_port = 53;
  packet.source = address("192.0.2.8");
  EXPECT_EQ(entering(ruleset, packet), ModelVerdict::drop);
  ModelPacket connection = arriving(true, 40000);
  connection.source_port = 443;
  EXPECT_EQ(entering(ruleset, connection), ModelVerdict::reset) << "of TCP only what opens nothing";
}

TEST(NftInput, LetsInWhatAnswersSctpAndDccp) {
  const NftRuleset ruleset = rules(policy("sctp/9@192.0.2.7 dccp/9@192.0.2.7"));
  ModelPacket packet = arriving(true, 40000);
  packet.source_port = 9;
  for (const auto& [protocol, request] : {std::pair{IPPROTO_SCTP, 1}, {IPPROTO_DCCP, 0}}) {
    packet.protocol = static_cast<std::uint8_t>(protocol);
    packet.first_byte = static_cast<std::uint8_t>(request);
    EXPECT_EQ(entering(ruleset, packet), ModelVerdict::drop) << protocol;
    packet.first_byte = 2;
    EXPECT_EQ(entering(ruleset, packet), ModelVerdict::accept) << protocol;
  }
}

/// As VRRP has it: to the group, from whoever else is a router.
TEST(NftInput, LetsInWhatComesToAGroupOfAProtocolByNumber) {
  annotations::Policy asked = policy("tcp/25");
  const auto numbered = [&](std::uint16_t number, const std::string& where, std::uint8_t bits) {
    const bool ipv4 = where.find(':') == std::string::npos;
    const auto family = ipv4 ? annotations::AddressFamily::ipv4 : annotations::AddressFamily::ipv6;
    asked.egress->push_back({annotations::Protocol::numbered,
                             {number, number},
                             annotations::Prefix{family, address(where), bits}});
  };
  numbered(112, "224.0.0.18", 32);
  numbered(47, "192.0.2.0", 24);
  numbered(89, "ff02::5", 128);
  const NftRuleset ruleset = rules(asked);
  ModelPacket packet = arriving(true, 0);
  packet.protocol = 112;
  EXPECT_EQ(entering(ruleset, packet), ModelVerdict::drop) << "to us alone, from nobody named";
  packet.destination = address("224.0.0.18");
  EXPECT_EQ(entering(ruleset, packet), ModelVerdict::accept);
  packet.protocol = 89;
  EXPECT_EQ(entering(ruleset, packet), ModelVerdict::drop);
  ModelPacket tunnel = arriving(true, 0);
  tunnel.protocol = 47;
  EXPECT_EQ(entering(ruleset, tunnel), ModelVerdict::accept) << "from whom egress names";
  tunnel.source = address("192.0.3.7");
  tunnel.destination = address("192.0.2.9");
  EXPECT_EQ(entering(ruleset, tunnel), ModelVerdict::drop) << "a prefix that is no group";
  ModelPacket six = arriving(false, 0);
  six.protocol = 89;
  six.destination = address("ff02::5");
  EXPECT_EQ(entering(ruleset, six), ModelVerdict::accept);
}

TEST(NftInput, LetsInTheRestOfAFragmentedPacket) {
  ModelPacket packet = datagram(arriving(false, 0));
  packet.fragment = 0;
  EXPECT_EQ(entering(rules(policy("")), packet), ModelVerdict::drop);
  packet.fragment = 1232;
  EXPECT_EQ(entering(rules(policy("")), packet), ModelVerdict::accept);
  EXPECT_EQ(leaving(rules(policy("")), packet), ModelVerdict::admin_prohibited);
}

}  // namespace
}  // namespace socklid::test
