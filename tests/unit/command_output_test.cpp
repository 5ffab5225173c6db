// SPDX-License-Identifier: Apache-2.0
//
// What a terminal gets to see. Fails when a byte from outside reaches it as it is.
#include "command/output.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "command/causes.hpp"
#include "tests/unit/harmless.hpp"

namespace socklid::command {
namespace {

TEST(Output, WaysOutAreHarmlessWhateverAVerbForgot) {
  const std::string hostile =
      "a\x1b]0;t\x07\xc2\x9b"
      "1m\xe2\x80\xae\xff\r\n";
  testing::internal::CaptureStdout();
  print(hostile);
  print_json(json::Value(hostile));
  const std::string out = testing::internal::GetCapturedStdout();
  EXPECT_TRUE(is_harmless(out)) << out;
  EXPECT_EQ(std::count(out.begin(), out.end(), '\n'), 2);
  testing::internal::CaptureStderr();
  print_error(hostile + "socklid: all is well");
  const std::string err = testing::internal::GetCapturedStderr();
  EXPECT_TRUE(is_harmless(err)) << err;
  EXPECT_EQ(err.find('\n'), err.size() - 1);
}

TEST(Output, ColumnsAreAsWideAsTheirWidestCell) {
  EXPECT_EQ(columns({{"A", "BB", "C"}, {"aaa", "", ""}, {"", "b", "c"}}),
            "A    BB  C\naaa\n     b   c\n");
  EXPECT_EQ(columns({}), "");
  EXPECT_EQ(columns({{"é", "x"}, {"aa", "y"}}), "é   x\naa  y\n");
}

TEST(Output, TimesAreUtc) {
  EXPECT_EQ(utc_time(0), "1970-01-01T00:00:00Z");
  EXPECT_EQ(utc_time(1700000000), "2023-11-14T22:13:20Z");
}

TEST(Causes, EveryNeededHookHasACause) {
  annotations::Policy policy;
  policy.connect = {annotations::Verdict::deny, {{annotations::Protocol::sctp, {}, {}}}};
  policy.listen = annotations::Verdict::deny;
  policy.accept = annotations::Verdict::deny;
  policy.shutdown = annotations::Verdict::deny;
  policy.bind.otherwise = annotations::Verdict::deny;
  policy.egress.emplace();
  std::set<Hook> seen;
  using Kind = annotations::Seal::Kind;
  for (const Kind kind : {Kind::listen, Kind::accept, Kind::after}) {
    policy.seal.kind = kind;
    for (const Hook hook : compile(policy, {NetnsKind::shared, 1}).hooks) {
      EXPECT_FALSE(causes(hook, policy).empty()) << name(hook);
      EXPECT_FALSE(purpose(hook).empty()) << name(hook);
      seen.insert(hook);
    }
  }
  EXPECT_EQ(seen.size(), hook_count);
}

TEST(Causes, ADenialNamesTheKeysThatWereGiven) {
  annotations::Policy policy;
  policy.bind.otherwise = annotations::Verdict::deny;
  EXPECT_EQ(causes(SL_REASON_BPF, policy), Keys{"io.socklid.bind"});
  EXPECT_EQ(causes(SL_REASON_FAMILY, policy), Keys{"io.socklid.bind"});
  EXPECT_EQ(causes(SL_REASON_LISTEN, policy), Keys{"io.socklid.listen"});
  policy.families.emplace();
  EXPECT_EQ(causes(SL_REASON_FAMILY, policy), Keys{"io.socklid.families"});
  EXPECT_EQ(causes(SL_REASON_UNCONFIGURED, policy), Keys{});
  EXPECT_EQ(restricting_keys(policy).empty(), !annotations::restricts(policy));
}

}  // namespace
}  // namespace socklid::command
