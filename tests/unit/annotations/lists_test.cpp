// SPDX-License-Identifier: Apache-2.0
//
// Fails if a value that is written over many lines, or with comments, means another thing than the
// same on one line; if a comment takes away what stands beside it; or if an error points at another
// place than the one that is wrong.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/annotations/expect.hpp"

namespace socklid::annotations {
namespace {

using ::testing::HasSubstr;

Policy egress(const std::string& value) {
  return policy_of({{"io.socklid.egress", value}});
}

TEST(Lists, AreSeparatedByAnyWhiteSpace) {
  const Policy expected = egress("udp/53 tcp/80");
  for (const char* value :
       {"udp/53\ntcp/80", "udp/53\ntcp/80\n", "\n udp/53\t tcp/80", "udp/53\r\ntcp/80",
        "udp/53\vtcp/80", "udp/53\ftcp/80", "udp/53,\n;tcp/80\r"}) {
    EXPECT_EQ(egress(value), expected) << value;
  }
  EXPECT_EQ(policy_of({{"io.socklid.bind", "tcp/80\ntcp/81\n"}}).bind->size(), 2U);
  EXPECT_EQ(policy_of({{"io.socklid.families", "inet\n"}}).families->size(), 1U);
  EXPECT_EQ(egress("\n").egress, Endpoints{});
}

TEST(Values, MayHaveWhiteSpaceAroundThem) {
  for (const char* value : {"deny\n", " deny", "\tdeny \r\n", "# why\ndeny\n"}) {
    EXPECT_EQ(policy_of({{"io.socklid.connect", value}}).connect, Endpoints{}) << value;
    EXPECT_EQ(policy_of({{"io.socklid.create", value}}).create, Verdict::deny) << value;
  }
  EXPECT_EQ(policy_of({{"io.socklid.mark", "3\n"}}).mark, Mark{.value = 3});
  const Policy sealed =
      policy_of({{"io.socklid.seal", "listen\ntcp/80\n"}, {"io.socklid.create", "deny"}});
  EXPECT_EQ(sealed.seal.listens.size(), 1U);
  EXPECT_EQ(policy_of({{"io.socklid.policy", "{\n\"connect\": \"deny\\n\"\n}\n"}}).connect,
            Endpoints{});
}

TEST(Comments, AreLinesThatBeginWithTheSign) {
  const Policy expected = egress("udp/53 tcp/80");
  for (const char* value :
       {"# names\nudp/53\n# web, tcp/443 some day\ntcp/80\n", "udp/53\n  # indented\ntcp/80",
        "udp/53 tcp/80\n#", "#\r\nudp/53\r\n#x\r\ntcp/80", "#a\rudp/53\rtcp/80"}) {
    EXPECT_EQ(egress(value), expected) << value;
  }
}

TEST(Comments, DoNotBeginWithinALine) {
  EXPECT_EQ(refusal({{"io.socklid.egress", "udp/53 # tcp/80"}}).find("at byte 8 (\"#\")"), 38U);
  refusal({{"io.socklid.egress", "udp/53#"}});
  refusal({{"io.socklid.egress", "udp/53;# x"}});
}

TEST(Comments, AloneAreNoValue) {
  for (const char* value : {"#", "# udp/53", "  # a\n\t#b\n", "#\n\n"}) {
    EXPECT_THAT(refusal({{"io.socklid.egress", value}}), HasSubstr("at byte 1"));
    EXPECT_THAT(refusal({{"io.socklid.egress", value}}),
                HasSubstr("expected a value beside the comments"));
    refusal({{"io.socklid.connect", value}});
  }
}

TEST(Comments, AreNotInArrays) {
  refusal({{"io.socklid.policy", R"({"egress": ["# a", "udp/53"]})"}});
  refusal({{"io.socklid.policy", R"({"egress": ["#a"]})"}});
  refusal({{"io.socklid.policy", R"({"egress": ["#a", "udp/53"]})"}});
  refusal({{"io.socklid.policy", R"({"egress": ["#a\nudp/53"]})"}});
}

TEST(Values, AreQuotedAndCountedAsTheyWereGiven) {
  EXPECT_EQ(
      refusal({{"io.socklid.bind", "# c\n tcp/80\n udp/x\n"}}),
      "io.socklid.bind: \"# c\\n tcp/80\\n udp/x\\n\": at byte 18 (\"x\"): expected a port from 0 "
      "to 65535");
  EXPECT_THAT(refusal({{"io.socklid.connect", "\n maybe"}}), HasSubstr("at byte 3 (\"maybe\")"));
}

TEST(Values, HaveNoOtherCharacters) {
  for (const std::string& value : {std::string("deny\0", 5), std::string("deny\x1b"),
                                   std::string("# \xc3\xa9\ndeny"), std::string("deny\xc2\xa0")}) {
    EXPECT_THAT(refusal({{"io.socklid.connect", value}}), HasSubstr("printable ASCII"));
  }
}

}  // namespace
}  // namespace socklid::annotations
