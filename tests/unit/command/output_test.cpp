// SPDX-License-Identifier: Apache-2.0
//
// What a terminal gets to see. Fails when a byte from outside reaches it as it is.
#include "command/output.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/support/harmless.hpp"

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

}  // namespace
}  // namespace socklid::command
