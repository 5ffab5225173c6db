// SPDX-License-Identifier: Apache-2.0
//
// Fails if `readonly` protects another path than the one that is written, if an exception is taken
// that is one from nothing, or if a document means something else.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/annotations/expect.hpp"

namespace socklid::annotations {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Policy document(const std::string& json) {
  return policy_of({{"io.socklid.policy", json}});
}

TEST(Readonly, NamesPathsAndExceptions) {
  const Policy policy =
      policy_of({{"io.socklid.readonly", "# LIDS\n/usr/sbin/ /etc\n!/etc/./run /a,b;c /etc"}});
  EXPECT_THAT(policy.readonly,
              ElementsAre(ProtectedPath{"/usr/sbin", false}, ProtectedPath{"/etc", false},
                          ProtectedPath{"/etc/run", true}, ProtectedPath{"/a,b;c", false}));
  EXPECT_EQ(to_string(policy), "io.socklid.readonly: /usr/sbin /etc !/etc/run /a,b;c\n");
  EXPECT_EQ(document(R"({"readonly":["/usr/sbin","/etc","!/etc/run","/a,b;c"]})"), policy);
  EXPECT_EQ(document(R"({"readonly":"/usr/sbin /etc !/etc/run /a,b;c"})"), policy);
  EXPECT_EQ(given_keys(policy), Keys{Key::readonly});
}

TEST(Readonly, MayBeEverything) {
  EXPECT_THAT(policy_of({{"io.socklid.readonly", "/ !/tmp"}}).readonly,
              ElementsAre(ProtectedPath{"/", false}, ProtectedPath{"/tmp", true}));
}

TEST(Readonly, RefusesExceptionsFromNothing) {
  EXPECT_EQ(refusal({{"io.socklid.readonly", "/usr/sbin !/usr/sbinx"}}),
            "io.socklid.readonly: \"/usr/sbin !/usr/sbinx\": at byte 11 (\"!/usr/sbinx\"): "
            "expected an exception below a path that is protected");
  EXPECT_EQ(refusal({{"io.socklid.readonly", "/usr !/usr/"}}),
            "io.socklid.readonly: \"/usr !/usr/\": at byte 6 (\"!/usr/\"): both protected and an "
            "exception");
  refusal({{"io.socklid.readonly", "!/usr"}});
  refusal({{"io.socklid.readonly", "!/ /usr"}});
}

TEST(Readonly, RefusesWhatIsNoPath) {
  for (const char* value :
       {"", "usr/sbin", "/usr/..", "!!/usr", "/usr !", "~", "../x", "/a\xff", "allow", "deny"}) {
    refusal({{"io.socklid.readonly", value}});
  }
  std::string many;
  for (int i = 0; i < 257; ++i) many += "/" + std::to_string(i) + " ";
  EXPECT_THAT(refusal({{"io.socklid.readonly", many}}), HasSubstr("expected one to 256 paths"));
}

TEST(Readonly, OfAContainerWinsOverThatOfThePod) {
  EXPECT_EQ(to_string(policy_of(
                {{"io.socklid.readonly", "/usr"}, {"io.socklid.readonly/web", "/etc"}}, "web")),
            "io.socklid.readonly: /etc\n");
}

}  // namespace
}  // namespace socklid::annotations
