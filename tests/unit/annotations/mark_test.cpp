// SPDX-License-Identifier: Apache-2.0
//
// Fails if a mark or mask is read wrong at the edges of 24 and 32 bits, or if a mark that could not
// tell packets apart is accepted.
#include <gtest/gtest.h>

#include "tests/unit/annotations/expect.hpp"

namespace socklid::annotations {
namespace {

std::string mark_error(const std::string& value) {
  return refusal({{"io.socklid.mark", value}});
}

TEST(Mark, ReadsDecimalHexadecimalAndMasks) {
  const struct {
    const char* text;
    Mark mark;
    const char* written;
  } cases[] = {
      {"3", {3, 0xffffff}, "0x3"},
      {"0x3", {3, 0xffffff}, "0x3"},
      {"0x0000000A", {10, 0xffffff}, "0xa"},
      {"16777215", {0xffffff, 0xffffff}, "0xffffff"},
      {"3/0x00ffffff", {3, 0xffffff}, "0x3"},
      {"0x10/240", {0x10, 0xf0}, "0x10/0xf0"},
      {"0x01000000/0xff000000", {0x1000000, 0xff000000}, "0x1000000/0xff000000"},
      {"4294967295/0xffffffff", {0xffffffff, 0xffffffff}, "0xffffffff/0xffffffff"},
  };
  for (const auto& [text, mark, written] : cases) {
    EXPECT_EQ(policy_of({{"io.socklid.mark", text}}).mark, mark) << text;
    EXPECT_EQ(to_string(mark), written);
  }
}

TEST(Mark, WantsAMaskAboveTwentyFourBits) {
  EXPECT_EQ(mark_error("0x1000000"),
            "io.socklid.mark: \"0x1000000\": at byte 1 (\"0x1000000\"): expected at most 0xffffff, "
            "or an explicit mask: 0x1000000/0xffffffff");
}

TEST(Mark, RefusesValuesOutsideTheirMask) {
  EXPECT_EQ(mark_error("0x11/0xf0"),
            "io.socklid.mark: \"0x11/0xf0\": at byte 1 (\"0x11\"): expected no bit outside the "
            "mask 0xf0");
}

TEST(Mark, RefusesZero) {
  EXPECT_EQ(mark_error("0"),
            "io.socklid.mark: \"0\": at byte 1 (\"0\"): expected a mark other than 0: packets "
            "without a mark have 0");
  EXPECT_EQ(mark_error("3/0"),
            "io.socklid.mark: \"3/0\": at byte 3 (\"0\"): expected a mask other than 0");
  for (const char* text : {"0x0", "0/0xff", "0/0"}) mark_error(text);
}

TEST(Mark, RefusesWhatIsNotANumber) {
  EXPECT_EQ(mark_error("three"),
            "io.socklid.mark: \"three\": at byte 1 (\"three\"): expected a mark: N or N/MASK, each "
            "decimal or 0x and up to 8 digits");
  for (const char* text :
       {"", "/", "3/", "/3", "-3", "+3", "3 4", "03", "0X3", "0x", "0xg", "ff", "3/03",
        "3/0xff/0xff", "4294967296/0xffffffff", "0x100000000", "0x000000003", "3.0", "1e3"}) {
    mark_error(text);
  }
}

}  // namespace
}  // namespace socklid::annotations
