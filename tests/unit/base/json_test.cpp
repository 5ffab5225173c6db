// SPDX-License-Identifier: Apache-2.0
//
// Fails if the JSON reader accepts what RFC 8259 or our own limits refuse, reports the wrong byte,
// changes a value on the way through, or if the writer's text does not read back.
#include "base/json.hpp"

#include <gtest/gtest.h>

#include <limits>

#include "tests/support/harmless.hpp"

namespace socklid::json {
namespace {

std::string error_of(std::string_view text) {
  const auto value = parse(text);
  if (value) return "no error: " + to_string(*value);
  EXPECT_EQ(value.error().exit, Exit::state);
  return value.error().message;
}

std::string nested(std::size_t depth) {
  return std::string(depth, '[') + std::string(depth, ']');
}

TEST(Json, ReadsEveryTypeOfValue) {
  const auto value = parse(R"( {"n":null,"b":true,"i":-7,"s":"a\u00e9\"","a":[1,[],{}],"d":0.5} )");
  ASSERT_TRUE(value) << value.error().message;
  EXPECT_TRUE(value->find("n")->is_null());
  EXPECT_TRUE(value->find("b")->boolean());
  EXPECT_EQ(value->find_integer("i"), -7);
  EXPECT_EQ(value->find_string("s"), "a\xc3\xa9\"");
  EXPECT_EQ(value->find("a")->array(), (Array{1, Array{}, Object{}}));
  EXPECT_EQ(*value->find("d"), Value(0.5));
}

TEST(Json, FindsNothingWhereThereIsNothingToFind) {
  const Value object(Object{{"s", "x"}, {"i", 1}});
  EXPECT_EQ(object.find("other"), nullptr);
  EXPECT_EQ(Value("no object").find("s"), nullptr);
  EXPECT_EQ(object.find_string("i"), std::nullopt);
  EXPECT_EQ(object.find_integer("s"), std::nullopt);
}

TEST(Json, KeepsIntegersExactAndLargerNumbersAsNumbers) {
  EXPECT_EQ(parse("9223372036854775807")->integer(), std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(parse("-9223372036854775808")->integer(), std::numeric_limits<std::int64_t>::min());
  EXPECT_EQ(parse("4294967295")->integer(), 4294967295);
  for (const char* text : {"9223372036854775808", "1.0", "1e3"}) {
    const auto value = parse(text);
    ASSERT_TRUE(value) << text;
    EXPECT_FALSE(value->is_integer()) << text;
    EXPECT_EQ(value->type_name(), "a number") << text;
  }
}

TEST(Json, ReadsFractionsExactly) {
  EXPECT_EQ(*parse("0e300"), Value(0.0));
  EXPECT_EQ(*parse("0.1"), Value(0.1));
  EXPECT_EQ(*parse("9007199254740993.0"), Value(9007199254740992.0));
  EXPECT_EQ(*parse("1.7976931348623157e308"), Value(std::numeric_limits<double>::max()));
  EXPECT_EQ(*parse("5e-324"), Value(std::numeric_limits<double>::denorm_min()));
  EXPECT_EQ(*parse("123456789.12345678"), Value(123456789.12345678));
}

TEST(Json, NamesTheTypeOfAValue) {
  EXPECT_EQ(Value().type_name(), "null");
  EXPECT_EQ(Value(true).type_name(), "a boolean");
  EXPECT_EQ(Value(1).type_name(), "a number");
  EXPECT_EQ(Value("").type_name(), "a string");
  EXPECT_EQ(Value(Array{}).type_name(), "an array");
  EXPECT_EQ(Value(Object{}).type_name(), "an object");
}

TEST(Json, SaysAtWhichByteTheTextWentWrong) {
  EXPECT_EQ(error_of(""), "at byte 1: The document is empty.");
  EXPECT_EQ(error_of("  "), "at byte 3: The document is empty.");
  EXPECT_EQ(error_of(R"({"a":1 "b":2})"),
            "at byte 8: Missing a comma or '}' after an object member.");
  EXPECT_EQ(error_of("{} x"), "at byte 4: The document root must not be followed by other values.");
}

TEST(Json, RefusesWhatIsNotJson) {
  for (const char* text :
       {"{", "[1,]", "{\"a\":1,}", "{a:1}", "'a'", "01", "+1", "NaN", "1e999", "\"\n\"", "// x\n1",
        "\xef\xbb\xbf{}", "tru", "\"\\x\"", "\"\\ud800\""}) {
    EXPECT_FALSE(parse(text)) << text;
  }
}

TEST(Json, RefusesInvalidUtf8) {
  for (const char* text : {"\"\xff\"", "\"\xc0\xaf\"", "\"\xed\xa0\x80\"", "\"\xc3\"",
                           "\"\xf4\x90\x80\x80\"", "{\"\xff\":1}"}) {
    EXPECT_FALSE(parse(text)) << text;
  }
}

TEST(Json, RefusesNulHoweverItIsWritten) {
  using std::string_view_literals::operator""sv;
  EXPECT_EQ(error_of("{}\0garbage"sv), "at byte 3: NUL byte.");
  EXPECT_EQ(error_of("\"a\0b\""sv), "at byte 3: NUL byte.");
  EXPECT_NE(error_of(R"("a\u0000b")").find("NUL in a string."), std::string::npos);
  EXPECT_NE(error_of(R"({"a\u0000b":1})").find("NUL in a string."), std::string::npos);
}

TEST(Json, RefusesHalvesOfSurrogatePairs) {
  EXPECT_EQ(parse(R"("\ud834\udd1e")")->string(), "\xf0\x9d\x84\x9e");
  EXPECT_EQ(parse(R"("\ud7ff")")->string(), "\xed\x9f\xbf");
  EXPECT_NE(error_of(R"("\udc00")").find("Half a surrogate pair"), std::string::npos);
  EXPECT_NE(error_of(R"({"x\udfff":1})").find("Half a surrogate pair"), std::string::npos);
  EXPECT_FALSE(parse(R"("\ud800")"));
  EXPECT_FALSE(parse(R"("\ud800\ud800")"));
}

TEST(Json, RefusesDuplicateNamesInOneObjectOnly) {
  EXPECT_EQ(error_of(R"({"a":1,"a":1})"), "at byte 11: Duplicate name in an object.");
  EXPECT_NE(error_of(R"([{"b":{"a":1,"\u0061":2}}])").find("Duplicate name"), std::string::npos);
  EXPECT_TRUE(parse(R"({"a":{"a":1},"b":{"a":1}})"));
}

TEST(Json, ReadsSixtyFourLevelsAndNoMore) {
  EXPECT_TRUE(parse(nested(64)));
  EXPECT_EQ(error_of(nested(65)), "at byte 65: Nesting deeper than 64.");
  EXPECT_FALSE(parse(std::string(1'000'000, '[')));
}

TEST(Json, WritesWhatItReads) {
  const std::string text =
      R"({"a":[1,-2,0.1,1e300,true,null],"b":{"c":"\"\\\n\u001f"},"é":[],"z":{}})";
  const auto value = parse(text);
  ASSERT_TRUE(value);
  EXPECT_EQ(parse(to_string(*value)), *value);
  EXPECT_EQ(parse(to_pretty_string(*value)), *value);
  EXPECT_EQ(to_string(*parse(R"( { "b" : [ 1 , "x" ] , "a" : { } } )")), R"({"a":{},"b":[1,"x"]})");
}

TEST(Json, WritesEveryCodePointAsAsciiThatReadsBack) {
  for (char32_t first = 1; first <= 0x10ffff; first += 64) {
    if (first >= 0xd7c0 && first <= 0xdfff) continue;
    std::string text;
    for (char32_t code = first; code < first + 64 && code <= 0x10ffff; ++code) {
      text += utf8_of(code);
    }
    const Value value(Object{{text, text}});
    const std::string written = to_string(value);
    for (const char c : written) ASSERT_TRUE(c >= 0x20 && c < 0x7f) << std::hex << unsigned{first};
    ASSERT_EQ(parse(written), value) << std::hex << unsigned{first};
    ASSERT_EQ(parse(to_pretty_string(value)), value) << std::hex << unsigned{first};
  }
}

TEST(Json, WritesBytesThatAreNotUtf8AsTheirNumbers) {
  const std::string text = "a\xff\xed\xa0\x80\xc3";
  EXPECT_EQ(to_string(text), R"("a\\xff\\xed\\xa0\\x80\\xc3")");
  EXPECT_EQ(parse(to_string(Object{{text, 1}})), Value(Object{{R"(a\xff\xed\xa0\x80\xc3)", 1}}));
}

TEST(Json, WritesNamesOfCharactersThatTerminalsObey) {
  EXPECT_EQ(to_string("\x1b\x7f\xc2\x9b\xe2\x80\xae"), R"("\u001B\u007f\u009B\u202E")");
}

TEST(Json, IndentsByTwoSpaces) {
  const Value value(Object{{"a", Array{1}}, {"b", Object{}}});
  EXPECT_EQ(to_pretty_string(value), "{\n  \"a\": [\n    1\n  ],\n  \"b\": {}\n}");
}

TEST(Json, WritesNullForNumbersJsonDoesNotHave) {
  EXPECT_EQ(to_string(Array{std::numeric_limits<double>::infinity(),
                            std::numeric_limits<double>::quiet_NaN()}),
            "[null,null]");
}

}  // namespace
}  // namespace socklid::json
