// SPDX-License-Identifier: Apache-2.0
//
// io.socklid.deputies and io.socklid.bpf. Fails if a word opens what it does not name, if a word
// that is none is not refused, if a key stands alone that would do nothing, or if one that does
// something alone is refused.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/annotations/expect.hpp"

namespace socklid::annotations {
namespace {

using ::testing::HasSubstr;

Deputies deputies(const char* value) {
  return policy_of({{"io.socklid.connect", "deny"}, {"io.socklid.deputies", value}}).deputies;
}

TEST(DeputiesKey, OpensWhatItsWordsName) {
  EXPECT_EQ(deputies("keys"), (Deputies{.keys = true}));
  EXPECT_EQ(deputies("mounts sysfs"), (Deputies{.mounts = true, .sysfs = true}));
  EXPECT_EQ(deputies(" sysctl;keys, keys "), (Deputies{.keys = true, .sysctl = true}));
  EXPECT_EQ(deputies(""), Deputies{});
  EXPECT_EQ(to_string(Deputies{true, true, true, true}), "keys mounts sysfs sysctl");
}

TEST(DeputiesKey, WantsItsWordsAsTheyAre) {
  for (const char* value : {"Keys", "all", "keys mount", "sysctls", "-"}) {
    EXPECT_THAT(refusal({{"io.socklid.connect", "deny"}, {"io.socklid.deputies", value}}),
                HasSubstr("expected one or more of keys mounts sysfs sysctl"))
        << value;
  }
}

TEST(DeputiesKey, NeedsAPolicyThatClosesSome) {
  EXPECT_THAT(refusal({{"io.socklid.deputies", "keys"}, {"io.socklid.listen", "deny"}}),
              HasSubstr("expected a key beside it that restricts the network"));
}

TEST(BpfKey, IsDeniedByItselfAndAllowedBesideAPolicy) {
  EXPECT_EQ(policy_of({{"io.socklid.bpf", "deny"}}).bpf, Verdict::deny);
  EXPECT_EQ(policy_of({{"io.socklid.bpf", "allow"}, {"io.socklid.listen", "deny"}}).bpf,
            Verdict::allow);
  EXPECT_THAT(refusal({{"io.socklid.bpf", "allow"}}), HasSubstr("expected a policy beside it"));
  EXPECT_THAT(refusal({{"io.socklid.bpf", "audit"}}), HasSubstr("expected allow or deny"));
}

}  // namespace
}  // namespace socklid::annotations
