// SPDX-License-Identifier: Apache-2.0
//
// Fails if the sets made of an endpoint list say anything else than the list read one endpoint at
// a time, on random overlapping lists; or if their size or the rules per packet grow faster than
// the list.
#include "plan/rules/endpoints.hpp"

#include <gtest/gtest.h>
#include <netinet/in.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "tests/support/nft_model.hpp"
#include "tests/support/nft_policy.hpp"

namespace socklid::test {
namespace {

using annotations::AddressFamily;
using annotations::Endpoint;
using annotations::Policy;
using annotations::PortRange;
using annotations::Prefix;
using annotations::Protocol;

using Random = std::mt19937;

constexpr std::uint8_t syn = 2, ack = 16;

constexpr std::array<Protocol, 5> protocols{Protocol::tcp, Protocol::udp, Protocol::icmp,
                                            Protocol::sctp, Protocol::dccp};

std::uint32_t below(Random& random, std::uint32_t limit) {
  return static_cast<std::uint32_t>(random()) % limit;
}

/// Few distinct values, near each other, so that lists overlap and packets hit them.
std::uint16_t near_port(Random& random) {
  switch (below(random, 8)) {
    case 0:
      return 0;
    case 1:
      return 65535;
    default:
      return static_cast<std::uint16_t>(100 + below(random, 30));
  }
}

std::array<std::uint8_t, 16> near_address(Random& random, bool ipv4) {
  std::array<std::uint8_t, 16> bytes{};
  if (below(random, 8) == 0) return bytes;  // the wildcard
  bytes[0] = ipv4 ? 10 : 0xfd;
  for (std::size_t i = ipv4 ? 1 : 12; i < (ipv4 ? 4U : 16U); ++i) {
    bytes[i] = static_cast<std::uint8_t>(below(random, 4));
  }
  return bytes;
}

Prefix near_prefix(Random& random) {
  Prefix prefix;
  const bool ipv4 = below(random, 2) == 0;
  const std::uint32_t full = ipv4 ? 32 : 128;
  prefix.family = ipv4 ? AddressFamily::ipv4 : AddressFamily::ipv6;
  prefix.bits = static_cast<std::uint8_t>(below(random, 3) == 0   ? full
                                          : below(random, 2) == 0 ? below(random, full + 1)
                                                                  : full - below(random, 12));
  prefix.address = near_address(random, ipv4);
  const auto mask = nft::leading_bits(prefix.bits);
  for (std::size_t i = 0; i < mask.size(); ++i) prefix.address[i] &= mask[i];
  return prefix;
}

Endpoint near_endpoint(Random& random) {
  Endpoint endpoint;
  endpoint.protocol = protocols[below(random, protocols.size())];
  if (endpoint.protocol != Protocol::icmp && below(random, 6) != 0) {
    const std::uint16_t a = near_port(random);
    const std::uint16_t b = below(random, 2) == 0 ? a : near_port(random);
    endpoint.ports = {std::min(a, b), std::max(a, b)};
  }
  if (below(random, 8) != 0) endpoint.prefix = near_prefix(random);
  return endpoint;
}

ModelPacket near_packet(Random& random) {
  ModelPacket packet;
  packet.ipv4 = below(random, 2) == 0;
  constexpr std::array<std::uint8_t, 7> numbers{IPPROTO_TCP,   IPPROTO_UDP,     IPPROTO_ICMP,
                                                IPPROTO_SCTP,  IPPROTO_UDPLITE, IPPROTO_DCCP,
                                                IPPROTO_ICMPV6};
  packet.protocol = numbers[below(random, numbers.size())];
  packet.source = near_address(random, packet.ipv4);
  packet.destination = near_address(random, packet.ipv4);
  packet.source_port = near_port(random);
  packet.destination_port = near_port(random);
  packet.icmp_type = 8;
  packet.mark = test_mark.value;
  packet.socket_mark = test_mark.value;
  return packet;
}

bool has_prefix(const Prefix& prefix, const std::array<std::uint8_t, 16>& address) {
  for (unsigned bit = 0; bit < prefix.bits; ++bit) {
    const auto mask = static_cast<std::uint8_t>(0x80U >> bit % 8);
    if (((prefix.address[bit / 8] ^ address[bit / 8]) & mask) != 0) return false;
  }
  return true;
}

/// The reference: one endpoint and one end of a packet, straight from the grammar's meaning.
bool names(const Endpoint& endpoint, const ModelPacket& packet, bool source) {
  const std::uint16_t port = source ? packet.source_port : packet.destination_port;
  const auto with_port = [&](std::uint8_t number) {
    return packet.protocol == number && endpoint.ports.first <= port && port <= endpoint.ports.last;
  };
  bool protocol = false;
  switch (endpoint.protocol) {
    case Protocol::tcp:
      protocol = with_port(IPPROTO_TCP);
      break;
    case Protocol::udp:
      protocol = with_port(IPPROTO_UDP);
      break;
    case Protocol::sctp:
      protocol = with_port(IPPROTO_SCTP);
      break;
    case Protocol::dccp:
      protocol = with_port(IPPROTO_DCCP);
      break;
    case Protocol::numbered:
      protocol = packet.protocol == endpoint.ports.first;
      break;
    case Protocol::icmp:
      protocol = packet.protocol == (packet.ipv4 ? int{IPPROTO_ICMP} : int{IPPROTO_ICMPV6});
  }
  if (!protocol || !endpoint.prefix) return protocol;
  return packet.ipv4 == (endpoint.prefix->family == AddressFamily::ipv4) &&
         has_prefix(*endpoint.prefix, source ? packet.source : packet.destination);
}

/// The same for what may be bound: a wildcard address stands for every address it receives on.
bool serves(const Endpoint& endpoint, const ModelPacket& packet, bool source) {
  Endpoint widened = endpoint;
  if (endpoint.prefix && endpoint.prefix->address == std::array<std::uint8_t, 16>{}) {
    const bool ipv4 = endpoint.prefix->family == AddressFamily::ipv4;
    if (ipv4 && endpoint.prefix->bits == 32) widened.prefix->bits = 0;
    if (!ipv4 && endpoint.prefix->bits == 128) widened.prefix.reset();
  }
  return names(widened, packet, source);
}

TEST(NftEndpoints, AgreeWithANaiveMatcherOnRandomEgressLists) {
  Random random(1);
  int accepted = 0;
  for (int round = 0; round < 300; ++round) {
    Policy policy;
    policy.egress.emplace();
    const std::uint32_t size = 1 + below(random, 60);
    while (policy.egress->size() < size) policy.egress->push_back(near_endpoint(random));
    const NftRuleset ruleset = rules(policy);
    for (int i = 0; i < 200; ++i) {
      const ModelPacket packet = near_packet(random);
      const bool named =
          std::any_of(policy.egress->begin(), policy.egress->end(),
                      [&](const Endpoint& endpoint) { return names(endpoint, packet, false); });
      const Judgement judgement = judge(ruleset, nft::HookPoint::output, packet);
      ASSERT_EQ(judgement.verdict == ModelVerdict::accept, named)
          << "round " << round << ", packet " << i << "\n"
          << annotations::to_string(*policy.egress) << "\n"
          << to_string(ruleset);
      accepted += named ? 1 : 0;
    }
  }
  EXPECT_GT(accepted, 5000) << "the packets hit too little to prove anything";
  EXPECT_LT(accepted, 55000);
}

TEST(NftEndpoints, AgreeWithANaiveMatcherOnRandomBindLists) {
  Random random(2);
  int accepted = 0;
  for (int round = 0; round < 300; ++round) {
    Policy policy;
    policy.egress.emplace();
    policy.bind.emplace();
    const std::uint32_t size = 1 + below(random, 40);
    while (policy.bind->size() < size) {
      Endpoint endpoint = near_endpoint(random);
      if (endpoint.protocol > Protocol::udp) endpoint.protocol = Protocol::tcp;
      policy.bind->push_back(endpoint);
    }
    const NftRuleset ruleset = rules(policy);
    for (int i = 0; i < 200; ++i) {
      ModelPacket packet = near_packet(random);
      if (packet.protocol == IPPROTO_ICMP || packet.protocol == IPPROTO_ICMPV6) continue;
      const auto named = [&](bool source) {
        return std::any_of(policy.bind->begin(), policy.bind->end(), [&](const Endpoint& endpoint) {
          return serves(endpoint, packet, source);
        });
      };
      packet.tcp_flags = syn;
      ASSERT_EQ(judge(ruleset, nft::HookPoint::input, packet).verdict == ModelVerdict::accept,
                named(false))
          << annotations::to_string(*policy.bind) << "\n"
          << to_string(ruleset);
      packet.tcp_flags = ack;
      ASSERT_EQ(judge(ruleset, nft::HookPoint::output, packet).verdict == ModelVerdict::accept,
                named(true))
          << annotations::to_string(*policy.bind) << "\n"
          << to_string(ruleset);
      accepted += named(false) ? 1 : 0;
    }
  }
  EXPECT_GT(accepted, 5000);
}

TEST(NftEndpoints, MergeToOneTargetPerPlace) {
  const auto targets = merge_endpoints(
      endpoints("tcp/80@10.0.0.1 tcp/81-90@10.0.0.1 tcp/92@10.0.0.1 tcp/85-88@10.0.0.1 udp/80"));
  ASSERT_EQ(targets.size(), 2U);
  EXPECT_EQ(targets[0].ports, (Ports{{80, 80}}));
  EXPECT_EQ(targets[1].ports, (Ports{{80, 90}, {92, 92}}));
}

TEST(NftEndpoints, MergeUpToTheLastPort) {
  const auto targets = merge_endpoints(endpoints("tcp/0-65534 tcp/65535 tcp/1-65535"));
  ASSERT_EQ(targets.size(), 1U);
  EXPECT_EQ(targets[0].ports, (Ports{{0, 65535}}));
}

/// What installing costs: messages grow with each of these.
std::size_t size_of(const NftRuleset& ruleset) {
  std::size_t size = ruleset.sets.size() + ruleset.chains.size();
  for (const nft::Set& set : ruleset.sets) size += set.elements.size();
  for (const nft::Chain& chain : ruleset.chains) size += chain.rules.size();
  return size;
}

std::size_t rules_in(const NftRuleset& ruleset, std::string_view name) {
  for (const nft::Chain& chain : ruleset.chains) {
    if (chain.name == name) return chain.rules.size();
  }
  return 0;
}

std::array<std::uint8_t, 16> any_bytes(Random& random) {
  std::array<std::uint8_t, 16> bytes{};
  for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(random());
  return bytes;
}

Endpoint exact_endpoint(Random& random) {
  const auto port = static_cast<std::uint16_t>(random());
  return {Protocol::tcp, {port, port}, Prefix{AddressFamily::ipv6, any_bytes(random), 128}};
}

Endpoint range_endpoint(Random& random) {
  const auto first = static_cast<std::uint16_t>(below(random, 60000));
  Endpoint endpoint = exact_endpoint(random);
  endpoint.ports = {first, static_cast<std::uint16_t>(first + 100 + below(random, 5000))};
  endpoint.prefix->bits = static_cast<std::uint8_t>(1 + below(random, 128));
  const auto mask = nft::leading_bits(endpoint.prefix->bits);
  for (std::size_t i = 0; i < mask.size(); ++i) endpoint.prefix->address[i] &= mask[i];
  return endpoint;
}

/// Many ranges at each of many addresses, no two addresses with the same ones: sets for all.
Endpoint crowded_endpoint(Random& random) {
  Endpoint endpoint = range_endpoint(random);
  endpoint.ports.last = static_cast<std::uint16_t>(endpoint.ports.first + 10);
  endpoint.prefix = Prefix{AddressFamily::ipv4, {10, 0, static_cast<std::uint8_t>(random())}, 32};
  return endpoint;
}

TEST(NftEndpoints, GrowLinearly) {
  for (const auto make : {exact_endpoint, range_endpoint, crowded_endpoint}) {
    for (const std::size_t size : {std::size_t{10}, std::size_t{1000}, std::size_t{10000}}) {
      Random random(3);
      Policy policy;
      policy.egress.emplace();
      while (policy.egress->size() < size) policy.egress->push_back(make(random));
      const NftRuleset ruleset = rules(policy);
      EXPECT_LE(size_of(ruleset), 4 * size + 400) << size;
      // Three look-ups for each prefix length and what little follows them.
      EXPECT_LE(rules_in(ruleset, "egress"), 3 * (32 + 128) + 16) << size;
    }
  }
}

TEST(NftEndpoints, NeverMakeManySets) {
  // A set is found by walking all sets of its table: their number must stay far below the list's.
  Random random(4);
  Policy policy;
  policy.egress.emplace();
  for (int i = 0; i < 10000; ++i) policy.egress->push_back(range_endpoint(random));
  for (int i = 0; i < 10000; ++i) policy.egress->push_back(crowded_endpoint(random));
  EXPECT_LT(rules(policy).sets.size(), 20000U / 16 + 3 * 160);
}

TEST(NftEndpoints, ShareEqualRanges) {
  Policy policy;
  policy.egress.emplace();
  Random random(5);
  for (int i = 0; i < 1000; ++i) {
    Endpoint endpoint = exact_endpoint(random);
    endpoint.ports = {1000, 2000};
    policy.egress->push_back(endpoint);
  }
  EXPECT_EQ(rules(policy).chains.size(),
            rules(test::policy("tcp/1000-2000@10.0.0.1")).chains.size());
}

}  // namespace
}  // namespace socklid::test
