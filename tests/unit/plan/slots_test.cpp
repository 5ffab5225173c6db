// SPDX-License-Identifier: Apache-2.0
//
// Tables side by side in one network namespace. Fails if a packet is judged by another table than
// its container's, or a neighbour's is hindered.
#include <gtest/gtest.h>

#include <string>

#include "plan/placement.hpp"
#include "tests/support/nft_model.hpp"
#include "tests/support/nft_policy.hpp"

namespace socklid::test {
namespace {

using nft::HookPoint;

constexpr std::uint32_t slot_7 = 0x07000003, slot_8 = 0x08000003;
constexpr std::uint8_t syn_ack = 18;

NftRuleset of_slot(const std::string& egress, const std::string& bind = "") {
  return compile_rules(policy(egress, bind), {slot_7, 0xffffffff}, 7, "web", 4711);
}

ModelPacket to_port(std::uint16_t port, std::uint32_t mark, std::optional<std::uint32_t> socket) {
  ModelPacket packet;
  packet.source = address("10.9.9.9");
  packet.destination = address("192.0.2.1");
  packet.source_port = 40000;
  packet.destination_port = port;
  packet.mark = mark;
  packet.socket_mark = socket;
  packet.tcp_flags = 2;  // SYN
  return packet;
}

ModelVerdict leaving(const NftRuleset& rules, const ModelPacket& packet) {
  return judge(rules, HookPoint::output, packet).verdict;
}

ModelVerdict arriving(const NftRuleset& rules, ModelPacket packet) {
  packet.mark = 0;
  return judge(rules, HookPoint::input, packet).verdict;
}

TEST(NftSlots, OwnPacketsAreJudged) {
  const NftRuleset rules = of_slot("tcp/443");
  EXPECT_EQ(leaving(rules, to_port(443, slot_7, slot_7)), ModelVerdict::accept);
  EXPECT_EQ(leaving(rules, to_port(80, slot_7, slot_7)), ModelVerdict::reset);
}

TEST(NftSlots, AMarkThatIsNotTheSocketsOpensNothing) {
  const NftRuleset rules = of_slot("tcp/443");
  for (const std::uint32_t mark : {0U, 3U, slot_8, 0x07000004U}) {
    EXPECT_EQ(leaving(rules, to_port(443, mark, slot_7)), ModelVerdict::reset) << mark;
  }
}

TEST(NftSlots, PacketsWithoutAFullSocketAreJudgedByTheirMark) {
  const NftRuleset rules = of_slot("tcp/443", "tcp/80");
  EXPECT_EQ(leaving(rules, to_port(80, slot_7, std::nullopt)), ModelVerdict::reset);
  ModelPacket answer = to_port(50000, slot_7, std::nullopt);
  answer.source_port = 80;
  answer.tcp_flags = syn_ack;
  EXPECT_EQ(leaving(rules, answer), ModelVerdict::accept);
}

TEST(NftSlots, NeighboursAreNotLookedAt) {
  const NftRuleset rules = of_slot("");
  for (const std::uint32_t mark : {0U, 3U, slot_8}) {
    EXPECT_EQ(leaving(rules, to_port(80, mark, mark)), ModelVerdict::accept) << mark;
    EXPECT_EQ(leaving(rules, to_port(80, mark, std::nullopt)), ModelVerdict::accept) << mark;
    EXPECT_EQ(arriving(rules, to_port(80, 0, mark)), ModelVerdict::accept) << mark;
  }
  EXPECT_EQ(arriving(rules, to_port(80, 0, std::nullopt)), ModelVerdict::accept);
  EXPECT_EQ(judge(rules, HookPoint::forward, to_port(80, 0, 0)).verdict, ModelVerdict::accept);
}

TEST(NftSlots, WhatASocketOfOursReceivesMustBeServed) {
  const NftRuleset rules = of_slot("", "tcp/80");
  EXPECT_EQ(arriving(rules, to_port(80, 0, slot_7)), ModelVerdict::accept);
  EXPECT_EQ(arriving(rules, to_port(81, 0, slot_7)), ModelVerdict::reset);
}

TEST(NftSlots, ANamespaceOfOnesOwnLetsThoseInWhoHaveTablesOfTheirOwn) {
  const NftRuleset rules = test::rules(policy("tcp/443", "tcp/80"));
  EXPECT_EQ(leaving(rules, to_port(80, slot_7, slot_7)), ModelVerdict::accept);
  EXPECT_EQ(leaving(rules, to_port(80, slot_7, std::nullopt)), ModelVerdict::accept);
  EXPECT_EQ(arriving(rules, to_port(81, 0, slot_7)), ModelVerdict::accept);
  // But not with a packet whose own socket says otherwise, nor anybody without one.
  EXPECT_EQ(leaving(rules, to_port(80, slot_7, test_mark.value)), ModelVerdict::reset);
  EXPECT_EQ(leaving(rules, to_port(443, slot_7 + 1, test_mark.value)), ModelVerdict::reset);
  EXPECT_EQ(leaving(rules, to_port(80, 0, slot_7)), ModelVerdict::reset);
  EXPECT_EQ(leaving(rules, to_port(80, 0, 0)), ModelVerdict::reset);
  EXPECT_EQ(arriving(rules, to_port(81, 0, 0)), ModelVerdict::reset);
}

TEST(NftSlots, AMarkOfAllBitsLetsNobodyIn) {
  const annotations::Mark wide{0x05000000, 0xffffffff};
  const NftRuleset rules = compile_rules(policy("tcp/443"), wide, 0, "web", 4711);
  EXPECT_EQ(leaving(rules, to_port(443, wide.value, wide.value)), ModelVerdict::accept);
  EXPECT_EQ(leaving(rules, to_port(443, slot_7, slot_7)), ModelVerdict::reset);
  EXPECT_EQ(arriving(rules, to_port(81, 0, slot_7)), ModelVerdict::reset);
}

TEST(NftSlots, TablesAreNamedByTheirSlot) {
  EXPECT_EQ(table_name(0), "socklid");
  EXPECT_EQ(table_name(255), "socklid_255");
  for (unsigned slot = 0; slot <= slot_max; ++slot) {
    const auto one = static_cast<std::uint8_t>(slot);
    EXPECT_EQ(slot_of_table(table_name(one)), one);
  }
  for (const char* other : {"", "socklid_", "socklid_0", "socklid_256", "socklid_07", "socklid_7x",
                            "socklid-7", "socklids", "filter"}) {
    EXPECT_EQ(slot_of_table(other), std::nullopt) << other;
  }
}

}  // namespace
}  // namespace socklid::test
