// SPDX-License-Identifier: Apache-2.0
//
// Fails if a text is put together or taken apart otherwise than base/text.hpp says: a number that
// does not end the text, does not fit or wears a sign or blank is none.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "base/result.hpp"
#include "base/text.hpp"

namespace socklid {
namespace {

using testing::ElementsAre;

TEST(TextParts, AreTextsCharactersAndNumbers) {
  EXPECT_EQ(concat(), "");
  EXPECT_EQ(concat("a", std::string("b"), std::string_view("c"), 'd', OwnText("e"), -1), "abcde-1");
  EXPECT_EQ(concat(std::numeric_limits<std::int64_t>::min(), ' ',
                   std::numeric_limits<std::uint64_t>::max(), ' ', std::uint8_t{7}),
            "-9223372036854775808 18446744073709551615 7");
}

TEST(TextParts, MakeTheMessageOfAnError) {
  const Result<> failed = fail(Exit::process, "process ", 4711, " is ", std::string("gone"));
  EXPECT_EQ(failed.error(), (Error{Exit::process, "process 4711 is gone", {}}));
  const Result<> placed = fail(Exit::annotation, "no", {.key = "io.socklid.mark", .byte = 3});
  EXPECT_EQ(placed.error(), (Error{Exit::annotation, "no", {.key = "io.socklid.mark", .byte = 3}}));
  const Result<> above = wrap("web", placed.error());
  EXPECT_EQ(above.error().message, "web: no");
  EXPECT_EQ(above.error().where, placed.error().where);
}

TEST(TextParts, OfAListKeepTheEmptyOnes) {
  EXPECT_THAT(split("", ','), ElementsAre(""));
  EXPECT_THAT(split("a,,b,", ','), ElementsAre("a", "", "b", ""));
  EXPECT_EQ(joined(split("a,,b", ','), "; "), "a; ; b");
  EXPECT_EQ(trimmed(" \t a b\r\n"), "a b");
  EXPECT_EQ(trimmed(" \n"), "");
  EXPECT_EQ(trimmed(" a ", "\n"), " a ");
}

TEST(TextParts, ThatAreNumbersEndTheText) {
  EXPECT_EQ(parse_number<unsigned>("4711"), 4711U);
  EXPECT_EQ(parse_number<int>("-5"), -5);
  EXPECT_EQ(parse_number<std::uint64_t>("ffffffffffffffff", 16),
            std::numeric_limits<std::uint64_t>::max());
  for (const char* text : {"", " 1", "1 ", "1\n", "+1", "0x1", "-1", "1a", "4294967296"}) {
    EXPECT_EQ(parse_number<std::uint32_t>(text), std::nullopt) << text;
  }
}

TEST(TextParts, ThatBeginWithANumberLoseIt) {
  std::string_view text = "6.12-debian";
  EXPECT_EQ(take_number<unsigned>(text), 6U);
  EXPECT_EQ(text, ".12-debian");
  EXPECT_EQ(take_number<unsigned>(text), std::nullopt);
  EXPECT_EQ(text, ".12-debian");
}

TEST(TextParts, OfSixteenDigitsAreHexadecimal) {
  EXPECT_EQ(hexadecimal(0), "0");
  EXPECT_EQ(hexadecimal(0xABCDEF), "abcdef");
  EXPECT_EQ(hexadecimal(std::numeric_limits<std::uint64_t>::max()), "ffffffffffffffff");
}

}  // namespace
}  // namespace socklid
