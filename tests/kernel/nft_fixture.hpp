// SPDX-License-Identifier: Apache-2.0
//
// NftKernelTest: rules of ours in a namespace of the test's own. Skips where there can be none,
// and fails instead if SOCKLID_REQUIRE_KERNEL=1.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "nft/nft.hpp"
#include "plan/rules/rules.hpp"
#include "tests/kernel/nft_namespaces.hpp"
#include "tests/support/nft_policy.hpp"

namespace socklid::test {

inline constexpr SocketOptions marked{test_mark.value, 0};

class NftKernelTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto reason = why_not();
    if (!reason) return;
    const char* required = std::getenv("SOCKLID_REQUIRE_KERNEL");
    if (required != nullptr && std::string_view(required) == "1") FAIL() << *reason;
    GTEST_SKIP() << *reason;
  }

  /// A socket to the nf_tables of `space`.
  static NetlinkSocket netlink(const Namespace& space) {
    std::optional<NetlinkSocket> socket;
    space.run([&] {
      auto opened = NetlinkSocket::open();
      if (!opened) ADD_FAILURE() << opened.error().message;
      if (opened) socket.emplace(std::move(*opened));
    });
    return std::move(socket).value();
  }

  static void install_in(const Namespace& space, const NftRuleset& ruleset) {
    NetlinkSocket socket = netlink(space);
    const auto installed = install(socket, ruleset);
    EXPECT_TRUE(installed) << installed.error().message;
  }

  /// Packets of the rule with this comment, in every chain.
  static std::uint64_t counted(const Namespace& space, std::string_view comment) {
    NetlinkSocket socket = netlink(space);
    const auto all = counters(socket, "socklid");
    if (!all) ADD_FAILURE() << all.error().message;
    std::uint64_t packets = 0;
    bool found = false;
    for (const RuleCounter& counter : all.value_or(std::vector<RuleCounter>{})) {
      if (counter.comment != comment) continue;
      packets += counter.packets;
      found = true;
    }
    EXPECT_TRUE(found) << "no rule is called " << comment;
    return packets;
  }
};

// Comments of counted rules.

inline constexpr std::string_view not_named = "io.socklid.egress: not named";
inline constexpr std::string_view not_bound = "io.socklid.bind: not named";
inline constexpr std::string_view unmarked = "io.socklid.mark: unmarked or foreign mark";

/// Two connected namespaces, `box` under the rules.

class NftPackets : public NftKernelTest {
 protected:
  void enforce(const std::string& egress, const std::string& bind = "",
               annotations::Otherwise otherwise = annotations::Otherwise::reject) {
    annotations::Policy asked = policy(egress, bind);
    asked.otherwise = otherwise;
    install_in(net->box, rules(asked));
  }
  [[nodiscard]] std::uint64_t count(std::string_view comment) const {
    return counted(net->box, comment);
  }
  /// As if `input` let in everything, to see that `output` stands alone.
  void open_input() const {
    net->box.shell(
        "nft 'flush chain inet socklid input; chain inet socklid input { policy accept; }'");
  }
  /// Waits until the rule has seen so many packets, for what nobody answers; 5 s at most.
  [[nodiscard]] bool comes_to_count(std::string_view comment, std::uint64_t packets) const {
    for (int i = 0; i < 250 && count(comment) < packets; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    return count(comment) == packets;
  }
  void SetUp() override {
    NftKernelTest::SetUp();
    if (!IsSkipped() && !HasFatalFailure()) net.emplace();
  }

  std::optional<TwoNamespaces> net;
};

}  // namespace socklid::test
