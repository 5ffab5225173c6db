// SPDX-License-Identifier: Apache-2.0
//
// Fails if what somebody else wrote into a document hides what stands beside it, or if a document
// that was cut off passes for a whole one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "base/json_members.hpp"

namespace socklid::json {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

struct Seen {
  std::vector<std::pair<std::string, std::string>> members;
  std::string error;
};

Seen read(std::string_view text, std::size_t depth = 2) {
  Seen seen;
  const auto done = for_each_member(text, depth, [&](const Path& path, std::string_view token) {
    std::string name;
    for (const std::string& part : path) name += "/" + part;
    seen.members.emplace_back(name, token);
  });
  if (!done) seen.error = done.error().message;
  return seen;
}

std::string beside(const std::string& hostile) {
  return R"({"a":{"before":"1",)" + hostile + R"(,"after":"2"},"pid":7})";
}

TEST(JsonMembers, AreToldOfByName) {
  const Seen seen = read(R"( {"a":{"b":"x","c":-1.5e3}, "list":["y",{"deep":0}],"t":true} )");
  EXPECT_EQ(seen.error, "");
  EXPECT_THAT(seen.members, ElementsAre(Pair("/a/b", "\"x\""), Pair("/a/c", "-1.5e3"),
                                        Pair("/list/", "\"y\""), Pair("/t", "true")));
}

TEST(JsonMembers, AreFoundBesideWhateverOthersWrite) {
  const std::string nested(200'000, '[');
  const std::string closed(200'000, ']');
  for (const std::string& hostile :
       {std::string(R"("x":"\u0000")"), std::string(R"("x":"\udc00\ud800")"),
        std::string("\"x\":\"\xff\xc3\x28\""), std::string("\"x\":\"") + '\0' + "\"",
        std::string("\"x\":\"\x01\n\""), std::string(R"("x":"\q")"),
        R"("x":1,"x":2)" + std::string(), R"("x":")" + std::string(5'000'000, 'a') + "\"",
        R"("x":)" + nested + closed, std::string(R"("\u0000":1)"), std::string(R"("x":"a\\\"b\\")"),
        std::string(R"("x":99999999999999999999999)"), std::string(R"("x":nonsense)")}) {
    const Seen seen = read(beside(hostile));
    EXPECT_EQ(seen.error, "") << hostile.substr(0, 40);
    EXPECT_THAT(seen.members, testing::Contains(Pair("/a/before", "\"1\"")));
    EXPECT_THAT(seen.members, testing::Contains(Pair("/a/after", "\"2\"")));
    EXPECT_THAT(seen.members, testing::Contains(Pair("/pid", "7")));
  }
}

TEST(JsonMembers, CannotBeForgedByContent) {
  const Seen seen = read(R"({"a":{"x":"\",\"after\":\"3"}})");
  EXPECT_THAT(seen.members, ElementsAre(Pair("/a/x", R"("\",\"after\":\"3")")));
  EXPECT_THAT(read(R"({"x":{"a":{"after":"3"}}})", 2).members, ElementsAre());
}

TEST(JsonMembers, OfABrokenDocumentAreAnError) {
  for (const std::string text : {"", "{", R"({"a":"x)", R"({"a":1]", R"({"a":1}})", R"({"a":1} 2)",
                                 "]", R"({1:2})", R"({"a")", R"({:1})", R"({{}})"}) {
    EXPECT_THAT(read(text).error, HasSubstr("at byte ")) << text;
  }
  for (std::size_t size = 1; size < beside("\"x\":[1,{}]").size(); ++size) {
    EXPECT_NE(read(beside("\"x\":[1,{}]").substr(0, size)).error, "") << size;
  }
}

TEST(JsonMembers, AreReadOneByOne) {
  EXPECT_EQ(parse_string(R"("a\u006cb")"), "alb");
  EXPECT_EQ(parse_string(R"("a b")"), "a b");
  EXPECT_EQ(parse_string(R"("\u0000")"), std::nullopt);
  EXPECT_EQ(parse_string("\"\xff\""), std::nullopt);
  EXPECT_EQ(parse_string("7"), std::nullopt);
  EXPECT_EQ(parse_string("\""), std::nullopt);
  EXPECT_EQ(parse_integer("7"), 7);
  EXPECT_EQ(parse_integer("\"7\""), std::nullopt);
  EXPECT_EQ(parse_integer("7.5"), std::nullopt);
}

TEST(JsonElements, AreToldApartWhateverTheyHold) {
  EXPECT_THAT(elements(" [] ").value(), ElementsAre());
  EXPECT_THAT(elements("[1]").value(), ElementsAre("1"));
  EXPECT_THAT(elements(R"([ {"a": "],\"[", "b": [1, {}]} , "x,]\\", [[],[]],7 ])").value(),
              ElementsAre(R"({"a": "],\"[", "b": [1, {}]} )", R"("x,]\\")", "[[],[]]", "7 "));
  for (const char* none : {"", "{}", "null", "7", "\"[]\"", "[", "[1", "[1,", "[\"", "[\"\\", "[{]",
                           "[1] x", "[1][2]", "x[1]"}) {
    EXPECT_FALSE(elements(none)) << none;
  }
}

}  // namespace
}  // namespace socklid::json
