// SPDX-License-Identifier: Apache-2.0
//
// Fails if rules use an expression of which it is not known which module has it, or which the rules
// that are tried at boot do not use: that module would be missing where none can be loaded later.
#include "nft/modules.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "nft/expressions.hpp"
#include "tests/support/nft_policy.hpp"
#include "tests/support/temporary_directory.hpp"

namespace socklid::test {
namespace {

using annotations::Otherwise;
using annotations::Policy;

std::vector<NftRuleset> many_rulesets() {
  std::vector<NftRuleset> all;
  for (const char* const egress :
       {"", "udp/53", "icmp sctp/5@10.0.0.0/8", "tcp/443@fd00::/8 udp@239.0.0.0/8 tcp/1-9"}) {
    for (const char* const bind : {"", "tcp/80", "udp/1000-2000@10.0.0.9 tcp@fd00::9"}) {
      for (const auto otherwise : {Otherwise::reject, Otherwise::drop}) {
        for (const auto slot : {std::uint8_t{0}, std::uint8_t{7}}) {
          Policy one = policy(egress, bind);
          one.otherwise = otherwise;
          all.push_back(compile_rules(one, test_mark, slot, "web", 4711));
          one.options.transparent = true;
          all.push_back(compile_rules(one, test_mark, slot, "web", 4711));
        }
      }
    }
  }
  return all;
}

TEST(NftModules, AreKnownOfEveryExpressionAndTriedAtBoot) {
  const std::set<std::string> tried = expressions_of(every_rule());
  for (const NftRuleset& ruleset : many_rulesets()) {
    for (const std::string& expression : expressions_of(ruleset)) {
      EXPECT_NE(module_of(expression), "") << expression;
      EXPECT_TRUE(tried.contains(expression)) << expression;
    }
  }
}

TEST(NftModules, OfNoExpressionThatNoRuleUses) {
  std::set<std::string_view> used;
  for (const std::string& expression : expressions_of(every_rule())) {
    used.insert(module_of(expression));
  }
  const auto needed = needed_modules();
  EXPECT_EQ(used, (std::set<std::string_view>{needed.begin(), needed.end()}));
  EXPECT_EQ(needed.front(), "nf_tables");
}

// modules-load.d: before a sysctl.d file that forbids it.
TEST(NftModules, AreThoseThatThePackageLoadsAtBoot) {
  std::ifstream file(std::filesystem::path(__FILE__).parent_path() /
                     "../../../packaging/socklid.modules");
  std::vector<std::string> listed;
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with("#")) listed.push_back(line);
  }
  const auto needed = needed_modules();
  EXPECT_EQ(listed, (std::vector<std::string>{needed.begin(), needed.end()}));
}

/// What stands for the node's root.
class Node {
 public:
  void load(const std::string& module) {
    std::filesystem::create_directories(directory_.path() + "/sys/module/" + module);
  }
  void build_in(const std::string& lines) {
    const std::string path = directory_.path() + "/lib/modules/6.1";
    std::filesystem::create_directories(path);
    std::ofstream(path + "/modules.builtin") << lines;
  }
  std::vector<std::string_view> missing() { return missing_modules(directory_.path(), "6.1"); }

 private:
  TemporaryDirectory directory_;
};

TEST(NftModules, ThatAreMissingAreEachNamed) {
  Node node;
  EXPECT_EQ(node.missing(), needed_modules());
  node.load("nf_tables");
  node.load("nft_socket");
  EXPECT_EQ(node.missing(), (std::vector<std::string_view>{"nft_fib_inet", "nft_reject_inet"}));
  EXPECT_EQ(
      missing_modules_text(node.missing()),
      " (missing kernel modules: nft_fib_inet nft_reject_inet; run \"modprobe -a nft_fib_inet "
      "nft_reject_inet\" on the node, at boot if it loads none later)");
}

TEST(NftModules, ThatAreBuiltInAreNotMissing) {
  Node node;
  node.build_in(
      "kernel/net/netfilter/nf_tables.ko\nkernel/net/netfilter/xnft_socket.ko\n"
      "kernel/net/netfilter/nft_fib_inet.ko\nkernel/net/netfilter/nft_reject_inet.ko\n");
  EXPECT_EQ(node.missing(), (std::vector<std::string_view>{"nft_socket"}));
  node.load("nft_socket");
  EXPECT_EQ(missing_modules_text(node.missing()), "");
}

}  // namespace
}  // namespace socklid::test
