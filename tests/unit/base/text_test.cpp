// SPDX-License-Identifier: Apache-2.0
//
// Fails if a character that a terminal obeys, or a byte that is not UTF-8, comes through the
// escaper; if what people write is made unreadable; if two passes say something else than one; or
// if a text is cut within a character.
#include "base/text.hpp"

#include <gtest/gtest.h>

#include "base/own_text.hpp"
#include "tests/support/harmless.hpp"

namespace socklid {
namespace {

using std::string_view_literals::operator""sv;

/// Of every code point, the surrogates included, which are none in UTF-8.
template <typename Function>
void for_each_code_point(Function function) {
  for (char32_t code = 0; code <= 0x10ffff; ++code) function(code, utf8_of(code));
}

bool is_surrogate(char32_t code) {
  return code >= 0xd800 && code <= 0xdfff;
}

TEST(Text, EveryCodePointComesOutHarmless) {
  for_each_code_point([](char32_t code, const std::string& character) {
    const std::string text = "a" + character + "z";
    const std::string shown = printable(text);
    ASSERT_TRUE(is_harmless_line(shown)) << std::hex << unsigned{code};
    ASSERT_TRUE(is_harmless(printable_lines(text))) << std::hex << unsigned{code};
    ASSERT_TRUE(is_harmless_line(excerpt(text))) << std::hex << unsigned{code};
    ASSERT_EQ(printable(shown), shown) << std::hex << unsigned{code};
    const bool escaped = is_hostile(code) || is_surrogate(code) || !is_shown(code);
    ASSERT_EQ(shown == text, !escaped) << std::hex << unsigned{code};
  });
}

TEST(Text, TheJudgeOfTheseTestsFindsEveryHostileCharacter) {
  for_each_code_point([](char32_t code, const std::string& character) {
    const bool harmless = code == '\n' || !(is_hostile(code) || is_surrogate(code));
    ASSERT_EQ(is_harmless("a" + character + "z"), harmless) << std::hex << unsigned{code};
  });
}

TEST(Text, EveryCodePointIsReadAsItself) {
  for_each_code_point([](char32_t code, const std::string& character) {
    const Character read = first_character(character + "x");
    ASSERT_EQ(read.bytes, is_surrogate(code) ? 0 : character.size()) << std::hex << unsigned{code};
    ASSERT_TRUE(read.bytes == 0 || read.code == code);
    ASSERT_EQ(as_utf8(character) == character, code != 0 && !is_surrogate(code))
        << std::hex << unsigned{code};
  });
}

TEST(Text, EveryPairAndTripleOfBytesIsJudgedByTheTableOfTheStandard) {
  for (unsigned pair = 0; pair <= 0xffff; ++pair) {
    const char bytes[] = {static_cast<char>(pair >> 8U), static_cast<char>(pair & 0xffU)};
    for (const char third : {'\x00', '\x7f', '\x80', '\xbf', '\xc0'}) {
      const std::string text = std::string(bytes, 2) + third + "\x80";
      ASSERT_EQ(first_character(text).bytes, character_bytes(text)) << std::hex << pair;
      const bool fits = is_utf8(text) && text.find('\0') == std::string::npos;
      ASSERT_EQ(as_utf8(text) == text, fits) << std::hex << pair;
      ASSERT_TRUE(is_utf8(as_utf8(text))) << std::hex << pair;
      ASSERT_TRUE(is_harmless_line(printable(text))) << std::hex << pair;
    }
  }
}

TEST(Text, WhatPeopleWriteStays) {
  const std::string text = "plain /a.b_c-d \\ \"é\" € 🐳 日本 العربية";
  EXPECT_EQ(printable(text), text);
}

TEST(Text, TheRestIsEscapedByteByByte) {
  EXPECT_EQ(printable("a\nb\tc\r\x1b[31m\x7f"), "a\\nb\\tc\\x0d\\x1b[31m\\x7f");
  EXPECT_EQ(printable("\0"sv), "\\x00");
  EXPECT_EQ(printable("\xc2\x9b"
                      "1m"),
            "\\xc2\\x9b1m");  // CSI as one C1 character
  EXPECT_EQ(printable("\xff\xc0\xaf\xed\xa0\x80"), "\\xff\\xc0\\xaf\\xed\\xa0\\x80");
  EXPECT_EQ(printable("cut \xe2\x82"), "cut \\xe2\\x82");
  EXPECT_EQ(printable("web\xe2\x80\xaetxt.exe"), "web\\xe2\\x80\\xaetxt.exe");
  EXPECT_EQ(printable_lines("a\nb\r\n"), "a\nb\\x0d\n");
  EXPECT_EQ(printable_lines("\t{\n\t\ta\tb\n"), "\t{\n\t\ta\\tb\n");
}

TEST(Text, AnExcerptIsAsciiAndShort) {
  EXPECT_EQ(excerpt("a\"b\\c\n\xc3\xa9"), "a\\\"b\\\\c\\n\\xc3\\xa9");
  EXPECT_EQ(quote("tcp/80", 3), "\"tcp…\"");
}

TEST(Text, IsCutBetweenCharacters) {
  EXPECT_EQ(count_characters("aé€🐳\xff"), 5U);
  EXPECT_EQ(first_characters("aé€🐳", 3), "aé€");
  EXPECT_EQ(first_characters("ab", 3), "ab");
  EXPECT_EQ(shortened("ééééééé", 6), "ééé...");
  EXPECT_EQ(shortened("abcdef", 6), "abcdef");
  EXPECT_EQ(shortened("abcdefg", 6), "abc...");
}

template <typename Text>
concept CanBecomeOwn = std::is_convertible_v<Text, OwnText>;

TEST(Text, OfOthersIsNeverOurOwn) {
  EXPECT_FALSE(CanBecomeOwn<std::string>);
  EXPECT_FALSE(CanBecomeOwn<std::string_view>);
  EXPECT_FALSE(CanBecomeOwn<const char*>);
  EXPECT_FALSE(CanBecomeOwn<std::string&>);
  constexpr OwnText own = "io.socklid.bind";
  EXPECT_EQ(own.view(), "io.socklid.bind");
}

}  // namespace
}  // namespace socklid
