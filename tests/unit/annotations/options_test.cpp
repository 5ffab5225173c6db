// SPDX-License-Identifier: Apache-2.0
//
// io.socklid.options. Fails if a word opens what it does not name, if a word that is none is not
// refused, or if the key stands alone without a word said about it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/annotations/expect.hpp"

namespace socklid::annotations {
namespace {

using ::testing::HasSubstr;

OpenedOptions opened(const char* value) {
  return policy_of({{"io.socklid.connect", "deny"}, {"io.socklid.options", value}}).options;
}

TEST(Options, OpenWhatTheirWordsName) {
  EXPECT_EQ(opened("transparent"), (OpenedOptions{.transparent = true}));
  EXPECT_EQ(opened("source-groups"), (OpenedOptions{.source_groups = true}));
  EXPECT_EQ(opened(" source-groups;transparent, transparent "),
            (OpenedOptions{.transparent = true, .source_groups = true}));
  EXPECT_EQ(opened(""), OpenedOptions{});
}

TEST(Options, WantTheirWordsAsTheyAre) {
  for (const char* value : {"Transparent", "all", "transparent source_groups", "27"}) {
    EXPECT_THAT(refusal({{"io.socklid.connect", "deny"}, {"io.socklid.options", value}}),
                HasSubstr("expected one or more of transparent source-groups"))
        << value;
  }
}

TEST(Options, NeedAPolicyThatClosesSome) {
  EXPECT_THAT(refusal({{"io.socklid.options", "transparent"}, {"io.socklid.listen", "deny"}}),
              HasSubstr("expected a key beside it that restricts the network"));
  EXPECT_EQ(policy_of({{"io.socklid.options", ""}}), Policy{});
}

}  // namespace
}  // namespace socklid::annotations
