// SPDX-License-Identifier: Apache-2.0
//
// Fails if the printed rules change: compare with tests/golden/nft/*.nft, which are also what the
// kernel tests give to nft itself. SOCKLID_UPDATE_GOLDEN=1 writes them anew.
#include "plan/rules/ruleset.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "tests/support/nft_policy.hpp"

namespace socklid::test {
namespace {

using annotations::Otherwise;
using annotations::Policy;

std::filesystem::path golden(const std::string& name) {
  return std::filesystem::path(__FILE__).parent_path() / "../../golden/nft" / (name + ".nft");
}

void expect_golden(const std::string& name, const NftRuleset& ruleset) {
  const std::string text = to_string(ruleset);
  if (std::getenv("SOCKLID_UPDATE_GOLDEN") != nullptr) {
    std::ofstream(golden(name)) << text;
    return;
  }
  std::stringstream expected;
  expected << std::ifstream(golden(name)).rdbuf();
  EXPECT_EQ(text, expected.str()) << golden(name);
}
void expect_golden(const std::string& name, const Policy& policy) {
  expect_golden(name, rules(policy));
}

TEST(NftText, OfOneOfAPod) {
  expect_golden("one-of-a-pod", compile_rules(policy("udp/53", "tcp/80"), {0x07000003, 0xffffffff},
                                              7, "web", 4711));
}

TEST(NftText, OfAClosedContainer) {
  expect_golden("nothing-may-leave", policy(""));
}

TEST(NftText, OfAWebServer) {
  expect_golden("web-server",
                policy("tcp/5432@10.0.0.2 udp/53@10.0.0.1 udp/53@fd00::1", "tcp/80 tcp/443@::"));
}

TEST(NftText, OfEveryKindOfEndpoint) {
  Policy everything = policy(
      "tcp/443 udp/1-1023 udp/5353 icmp sctp dccp/5@10.0.0.0/8 tcp@192.0.2.0/24 "
      "icmp@198.51.100.7 tcp/8000-8100@fd00::/8 tcp/8000-8100@fd00::1 udp/9@0.0.0.0/0 "
      "tcp/100-200@10.0.0.1 tcp/300-400@10.0.0.1",
      "tcp/80@10.0.0.9 tcp/1000-2000@10.0.0.9 udp/53@0.0.0.0 udp@fd00::9");
  everything.otherwise = Otherwise::drop;
  expect_golden("every-kind", everything);
}

TEST(NftText, OfTheTableComment) {
  EXPECT_EQ(table_comment("web", 4711), "container web cgroup 4711");
  EXPECT_EQ(table_comment("a\"b\n", 1), "container a_b_ cgroup 1");
}

TEST(NftText, OfTheTableCommentFitsNftWhateverTheId) {
  const std::string comment = table_comment(std::string(1000, 'x'), ~std::uint64_t{0});
  EXPECT_EQ(comment.size(), 127U);
  EXPECT_TRUE(comment.ends_with(" cgroup 18446744073709551615"));
}

TEST(NftText, OfAPrefixMask) {
  EXPECT_EQ(nft::leading_bits(0), (std::array<std::uint8_t, 16>{}));
  EXPECT_EQ(nft::leading_bits(12), (std::array<std::uint8_t, 16>{0xff, 0xf0}));
  EXPECT_EQ(nft::leading_bits(16), (std::array<std::uint8_t, 16>{0xff, 0xff}));
  EXPECT_EQ(nft::leading_bits(128).back(), 0xff);
}

TEST(NftText, ComparesAsAValue) {
  EXPECT_EQ(rules(policy("tcp/443")), rules(policy("tcp/443")));
  EXPECT_NE(rules(policy("tcp/443")), rules(policy("tcp/444")));
}

}  // namespace
}  // namespace socklid::test
