// SPDX-License-Identifier: Apache-2.0
//
// io.socklid.seal. Fails if a seal is read as another one, does not survive being printed, waits
// for what never comes, or holds back nothing.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/annotations/expect.hpp"

namespace socklid::annotations {
namespace {

using ::testing::HasSubstr;
using Kind = Seal::Kind;

Seal seal_of(const std::string& value) {
  return policy_of({{"io.socklid.create", "deny"}, {"io.socklid.seal", value}}).seal;
}

std::string refused(const std::string& value) {
  return refusal({{"io.socklid.create", "deny"}, {"io.socklid.seal", value}});
}

TEST(Seal, IsFromTheStartIfNotGiven) {
  EXPECT_EQ(policy_of({{"io.socklid.create", "deny"}}).seal, Seal{});
  EXPECT_EQ(seal_of("start"), Seal{});
  EXPECT_EQ(policy_of({{"io.socklid.seal", "start"}}), Policy{});
}

TEST(Seal, KnowsItsKinds) {
  EXPECT_EQ(seal_of("listen"), (Seal{Kind::listen, {}, 0}));
  EXPECT_EQ(seal_of("accept"), (Seal{Kind::accept, {}, 0}));
  EXPECT_EQ(seal_of("manual"), (Seal{Kind::manual, {}, 0}));
  EXPECT_EQ(seal_of("30s"), (Seal{Kind::after, {}, 30}));
  EXPECT_EQ(seal_of("5m"), (Seal{Kind::after, {}, 300}));
  EXPECT_EQ(seal_of("168h"), (Seal{Kind::after, {}, 604'800}));
}

TEST(Seal, NamesListens) {
  const Seal seal = seal_of("listen tcp/443 tcp/80, tcp/80;tcp/110@:: tcp/110@0.0.0.0");
  ASSERT_EQ(seal.listens.size(), 4U);
  EXPECT_EQ(to_string(seal), "listen tcp/80 tcp/110@0.0.0.0 tcp/110@:: tcp/443");
  EXPECT_EQ(seal_of(to_string(seal)), seal);
}

TEST(Seal, PrintsAsItIsRead) {
  for (const char* text :
       {"listen", "listen tcp/80", "accept", "manual", "1s", "90s", "2m", "3h"}) {
    EXPECT_EQ(to_string(seal_of(text)), text);
    const Policy policy = policy_of({{"io.socklid.bind", "deny"}, {"io.socklid.seal", text}});
    EXPECT_THAT(to_string(policy), HasSubstr("io.socklid.seal: " + std::string(text) + "\n"));
  }
  EXPECT_EQ(to_string(seal_of("120s")), "2m");
}

TEST(Seal, IsRefusedWithWhatWasExpected) {
  for (const char* text : {"",
                           "Listen",
                           "listening",
                           "listen tcp",
                           "listen tcp/0",
                           "listen tcp/80-90",
                           "listen udp/53",
                           "listen icmp",
                           "listen tcp/80@10.0.0.0/8",
                           "0s",
                           "30",
                           "s",
                           "5 m",
                           "-5m",
                           "1.5h",
                           "05m",
                           "169h",
                           "99999999999s",
                           "1d",
                           "1h30m",
                           "accept tcp/80"}) {
    EXPECT_THAT(refused(text), HasSubstr("expected")) << text;
  }
  EXPECT_EQ(
      refused("listen tcp/80 udp/53"),
      "io.socklid.seal: \"listen tcp/80 udp/53\": at byte 15 (\"udp/53\"): expected tcp and one "
      "port, such as tcp/80: other listens are not seen");
  std::string many = "listen";
  for (int port = 1; port <= 17; ++port) many += " tcp/" + std::to_string(port);
  EXPECT_THAT(refused(many), HasSubstr("expected one to 16 listens"));
}

TEST(Seal, NeedsSomethingToHoldBack) {
  for (const char* key :
       {"create", "create.tcp", "create.udp", "connect", "bind", "listen", "accept", "shutdown"}) {
    EXPECT_EQ(policy_of({{"io.socklid." + std::string(key), "deny"}, {"io.socklid.seal", "manual"}})
                  .seal.kind,
              Kind::manual);
  }
  EXPECT_THAT(refusal({{"io.socklid.seal", "listen"}, {"io.socklid.egress", ""}}),
              HasSubstr("io.socklid.seal: \"listen\": expected one of io.socklid.create"));
  EXPECT_THAT(refusal({{"io.socklid.policy", R"({"seal":"5m"})"}}),
              HasSubstr("io.socklid.policy: seal: \"5m\": expected one of"));
}

}  // namespace
}  // namespace socklid::annotations
