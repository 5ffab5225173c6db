// SPDX-License-Identifier: Apache-2.0
//
// Fails if the kernel does not hold exactly the rules that were printed, if installing or removing
// touches anything else or is not all or nothing, or if a long list takes more messages than it
// must.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <random>
#include <string>

#include "nft/batch.hpp"
#include "tests/kernel/nft_fixture.hpp"
#include "tests/support/level.hpp"

namespace socklid::test {
namespace {

using annotations::AddressFamily;
using annotations::Endpoint;
using annotations::Policy;
using annotations::Prefix;
using annotations::Protocol;

class NftInstall : public NftKernelTest {};

std::size_t elements_of(const NftRuleset& ruleset) {
  std::size_t count = 0;
  for (const nft::Set& set : ruleset.sets) count += set.elements.size();
  return count;
}

std::size_t elements_listed(const Namespace& space) {
  return std::stoul(
      space.shell("nft -s -j list table inet socklid | python3 -c 'import json, sys\n"
                  "print(sum(len(part[kind].get(\"elem\", []))\n"
                  "          for part in json.load(sys.stdin)[\"nftables\"]\n"
                  "          for kind in (\"set\", \"map\") if kind in part))'"));
}

/// The table as nft sees it, without what differs from one installation to the next.
std::string listing(const Namespace& space, const std::string& table = "socklid") {
  std::string text = space.shell("nft -s -j list table inet " + table);
  for (std::size_t at = 0; (at = text.find("\"handle\": ", at)) != std::string::npos;) {
    text.erase(at, text.find_first_not_of("0123456789", at + 10) - at);
  }
  return text;
}

/// What nft itself makes of the printed rules, in another namespace.
std::string listing_of_text(const NftRuleset& ruleset) {
  const Namespace space;
  std::string path = ::testing::TempDir() + "socklid-nft-XXXXXX";
  const UniqueFd fd(::mkstemp(path.data()));
  std::ofstream(path) << to_string(ruleset);
  space.shell("nft -f " + path);
  ::unlink(path.c_str());
  return listing(space, ruleset.table);
}

/// A third exact addresses, a third prefixes, a third port ranges at prefixes.
NftRuleset many(std::size_t size) {
  std::mt19937 random(7);
  Policy policy;
  policy.egress.emplace();
  while (policy.egress->size() < size) {
    const std::size_t kind = policy.egress->size() % 3;
    const bool ipv4 = random() % 2 == 0;
    Prefix prefix{ipv4 ? AddressFamily::ipv4 : AddressFamily::ipv6,
                  {},
                  ipv4 ? std::uint8_t{32} : std::uint8_t{128}};
    if (kind > 0) prefix.bits = static_cast<std::uint8_t>(8 + random() % (prefix.bits - 8U));
    const auto mask = nft::leading_bits(prefix.bits);
    for (std::size_t i = 0; i < (ipv4 ? 4U : 16U); ++i) {
      prefix.address[i] = static_cast<std::uint8_t>(random() & mask[i]);
    }
    const auto port = static_cast<std::uint16_t>(random() % 60000);
    const auto last = static_cast<std::uint16_t>(kind == 2 ? port + 10 + random() % 5000 : port);
    policy.egress->push_back({Protocol::tcp, {port, last}, prefix});
  }
  return rules(policy);
}

TEST_F(NftInstall, HoldsWhatWasPrinted) {
  const Namespace space;
  Policy everything = policy(
      "tcp/443 udp/1-1023 udp/5353 icmp sctp dccp/5@10.0.0.0/8 tcp@192.0.2.0/24 "
      "icmp@198.51.100.7 tcp/8000-8100@fd00::/8 tcp/8000-8100@fd00::1 udp/9@0.0.0.0/0",
      "tcp/80@10.0.0.9 tcp/1000-2000@10.0.0.9 udp/53@0.0.0.0 udp@fd00::9 tcp/1 tcp/3 tcp/65535");
  for (const Policy& policy : {test::policy(""), test::policy("tcp", "tcp/80"), everything}) {
    install_in(space, rules(policy));
    EXPECT_EQ(listing(space), listing_of_text(rules(policy)));
  }
}

TEST_F(NftInstall, HoldsTablesSideBySide) {
  const Namespace space;
  const auto of_slot = [](std::uint8_t slot) {
    return compile_rules(policy("udp/53", "tcp/80"), {std::uint32_t{slot} << 24U, 0xff000000}, slot,
                         "c" + std::to_string(slot), slot);
  };
  install_in(space, of_slot(1));
  EXPECT_EQ(listing(space, "socklid_1"), listing_of_text(of_slot(1)));
  install_in(space, of_slot(200));
  install_in(space, rules(policy("")));
  NetlinkSocket socket = netlink(space);
  EXPECT_THAT(tables(socket).value(),
              testing::UnorderedElementsAre(Table{0, table_comment("web", 4711)},
                                            Table{1, table_comment("c1", 1)},
                                            Table{200, table_comment("c200", 200)}));
  ASSERT_TRUE(uninstall(socket, "socklid_200"));
  ASSERT_TRUE(uninstall(socket, "socklid"));
  EXPECT_EQ(listing(space, "socklid_1"), listing_of_text(of_slot(1)))
      << "the others are as they were";
}

TEST_F(NftInstall, HoldsLongLists) {
  // nft itself is slow to make them from the text.
  for (const std::size_t size : {std::size_t{10}, std::size_t{is_thorough() ? 1000U : 100U}}) {
    const Namespace space;
    const NftRuleset ruleset = many(size);
    install_in(space, ruleset);
    EXPECT_EQ(listing(space), listing_of_text(ruleset)) << size;
  }
  const Namespace space;
  const NftRuleset ruleset = many(10000);
  install_in(space, ruleset);
  EXPECT_EQ(elements_listed(space), elements_of(ruleset));
}

TEST_F(NftInstall, SendsManyElementsInFewMessages) {
  nft::Set set{"many", {nft::KeyType::ipv4_addr, nft::KeyType::inet_proto}, false, false, {}};
  for (std::uint8_t i = 0; i < 100; ++i) {
    for (std::uint8_t k = 0; k < 100; ++k) set.elements.push_back({{10, i, k}, 6, {0, 0}, {}});
  }
  NftBatch batch("socklid");
  batch.add_table("container x cgroup 1");
  batch.add(set);
  const std::string_view bytes = batch.finish();
  // Begin, table, set, elements, end; an element is 28 bytes, a message at most 64 KiB of them.
  EXPECT_LE(batch.message_count(), 4 + set.elements.size() * 28 / 65536 + 1);
  EXPECT_LE(bytes.size(), set.elements.size() * 28 + 1024);
}

TEST_F(NftInstall, ReplacesWhatWasThere) {
  const Namespace space;
  install_in(space, many(1000));
  install_in(space, rules(policy("tcp/443", "tcp/80")));
  const std::string once = listing(space);
  install_in(space, rules(policy("tcp/443", "tcp/80")));
  EXPECT_EQ(listing(space), once);
  EXPECT_EQ(once, listing_of_text(rules(policy("tcp/443", "tcp/80"))));
}

TEST_F(NftInstall, IsAllOrNothingAndNamesWhatWasRefused) {
  const Namespace space;
  install_in(space, rules(policy("tcp/443")));
  const std::string before = listing(space);
  NftRuleset broken = rules(policy("tcp/444"));
  broken.chains.back().rules.push_back({{}, {nft::Action::jump, "nowhere", {}}, {}, false});
  NetlinkSocket socket = netlink(space);
  const auto installed = install(socket, broken);
  ASSERT_FALSE(installed);
  EXPECT_EQ(installed.error().exit, Exit::nft);
  EXPECT_NE(installed.error().message.find("rule \"jump nowhere\" of chain forward"),
            std::string::npos)
      << installed.error().message;
  EXPECT_EQ(listing(space), before);
  EXPECT_TRUE(install(socket, rules(policy("tcp/444")))) << "the socket is as good as new";
}

TEST_F(NftInstall, SaysWhenAPrivilegeIsMissing) {
  const Namespace space;
  NetlinkSocket socket = netlink(space);
  ASSERT_EQ(::seteuid(65534), 0);
  const auto installed = install(socket, rules(policy("")));
  ASSERT_EQ(::seteuid(0), 0);
  ASSERT_FALSE(installed);
  EXPECT_NE(installed.error().message.find("CAP_NET_ADMIN"), std::string::npos)
      << installed.error().message;
}

TEST_F(NftInstall, IsUndoneCompletelyAndTwice) {
  const Namespace space;
  NetlinkSocket socket = netlink(space);
  EXPECT_TRUE(uninstall(socket, "socklid")) << "there was nothing";
  ASSERT_TRUE(install(socket, many(1000)));
  EXPECT_TRUE(uninstall(socket, "socklid"));
  EXPECT_EQ(space.shell("nft list ruleset"), "");
  EXPECT_TRUE(uninstall(socket, "socklid"));
}

TEST_F(NftInstall, LeavesOtherTablesAlone) {
  const Namespace space;
  space.shell(
      "nft 'table inet other { set s { type inet_service; elements = { 1 } }; "
      "chain c { type filter hook output priority 0; tcp dport @s counter accept; }; }; "
      "table ip socklid { chain c { type filter hook input priority 0; counter; }; }'");
  const std::string before = space.shell("nft -a list ruleset");
  NetlinkSocket socket = netlink(space);
  ASSERT_TRUE(install(socket, rules(policy("tcp/443"))));
  EXPECT_EQ(space.shell("nft -a list table inet other; nft -a list table ip socklid"), before);
  ASSERT_TRUE(uninstall(socket, "socklid"));
  EXPECT_EQ(space.shell("nft -a list ruleset"), before);
}

TEST_F(NftInstall, TellsWhoseTheTableIs) {
  const Namespace space;
  NetlinkSocket socket = netlink(space);
  EXPECT_EQ(owner(socket, "socklid").value(), std::nullopt);
  space.shell("nft add table inet socklid");
  EXPECT_EQ(owner(socket, "socklid").value(), "");
  space.shell("nft delete table inet socklid; nft 'add table inet socklid { comment \"mine\"; }'");
  EXPECT_EQ(owner(socket, "socklid").value(), "");
  ASSERT_TRUE(install(socket, rules(policy(""))));
  EXPECT_EQ(owner(socket, "socklid").value(), table_comment("web", 4711));
}

TEST_F(NftInstall, CountsNothingAtFirstAndNamesEveryCounter) {
  const Namespace space;
  NetlinkSocket socket = netlink(space);
  EXPECT_TRUE(counters(socket, "socklid").value().empty()) << "there is no table";
  space.shell("nft 'table inet other { chain c { counter comment \"not ours\"; }; }'");
  ASSERT_TRUE(install(socket, many(1000)));
  const auto all = counters(socket, "socklid").value();
  EXPECT_EQ(all.size(), 14U);
  for (const RuleCounter& counter : all) {
    EXPECT_EQ(counter.packets, 0U);
    EXPECT_TRUE(counter.comment.starts_with("io.socklid.")) << counter.comment;
  }
}

}  // namespace
}  // namespace socklid::test
