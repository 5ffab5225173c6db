// SPDX-License-Identifier: Apache-2.0
//
// What `socklid selftest` prints and answers. Fails when a hole would look like none.
#include "selftest/report.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "base/json.hpp"

namespace socklid::selftest {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

const Row tcp_row{.name = "TCP", .each = Each::ip, .stops = {Guard::connect, Guard::not_named}};
const Row once_row{.name = "a file", .each = Each::once, .stops = {}, .why = "see the kernel"};
const Case tcp4{"peers", &tcp_row, Ip::v4};
const Case tcp6{"peers", &tcp_row, Ip::v6};
const Case once{"files", &once_row, Ip::v4};

Finding seen_as(const Case& of, Seen seen, Policy policy = Policy::verbs) {
  return {.of = of, .policy = policy, .expected = Guard::connect, .seen = seen, .detail = {}};
}

TEST(Report, CountsRowsAndRuns) {
  const std::vector<Finding> findings{
      seen_as(tcp4, Seen::holds), seen_as(tcp4, Seen::open, Policy::egress),
      seen_as(tcp6, Seen::wrong_guard), seen_as(once, Seen::no_answer),
      seen_as(once, Seen::not_tried)};
  EXPECT_EQ(to_string(summary_of(findings)), "3 rows, 5 runs: 1 hold, 3 open, 1 not tried");
  EXPECT_EQ(to_string(summary_of({seen_as(tcp4, Seen::holds), seen_as(tcp6, Seen::absent)})),
            "2 rows, 2 runs: 1 hold, 0 open, 0 not tried, 1 not there");
}

TEST(Report, OnlyWhatHoldsIsGood) {
  const auto good = [](Seen seen, bool strict) {
    return is_good(summary_of({seen_as(tcp4, Seen::holds), seen_as(tcp6, seen)}), strict);
  };
  EXPECT_TRUE(good(Seen::holds, true));
  EXPECT_FALSE(good(Seen::open, false));
  EXPECT_FALSE(good(Seen::wrong_guard, false));
  EXPECT_FALSE(good(Seen::no_answer, false));
  EXPECT_TRUE(good(Seen::not_tried, false));
  EXPECT_FALSE(good(Seen::not_tried, true));
  EXPECT_TRUE(good(Seen::absent, true)) << "what the kernel does not have is no way";
  EXPECT_FALSE(is_good(summary_of({seen_as(tcp4, Seen::absent)}), true));
  EXPECT_FALSE(is_good(summary_of({seen_as(tcp4, Seen::not_tried)}), false));
  EXPECT_FALSE(is_good(summary_of({}), false));
}

TEST(Report, LinesHaveColumnsAndHeadings) {
  Table table({tcp4, once});
  EXPECT_THAT(table.header(), StartsWith("path    ip  policy  stopped by"));
  EXPECT_THAT(table.line(seen_as(tcp4, Seen::holds)),
              StartsWith("\npeers\nTCP     v4  verbs   connect"));
  EXPECT_THAT(table.line(seen_as(tcp6, Seen::holds)), StartsWith("TCP     v6  verbs   connect"));
  Finding hole = seen_as(once, Seen::open, Policy::both);
  hole.detail = "all was done; counted by nothing";
  const std::string line = table.line(hole);
  EXPECT_THAT(line, StartsWith("\nfiles\na file  -   both    connect"));
  EXPECT_THAT(line, EndsWith("  OPEN: all was done; counted by nothing\n"));
}

TEST(Report, JsonSaysTheSame) {
  Finding hole = seen_as(once, Seen::open);
  hole.detail = "all was done";
  const std::string text = json::to_string(to_json({seen_as(tcp6, Seen::holds), hole}));
  EXPECT_THAT(text, HasSubstr(R"("hold":1)"));
  EXPECT_THAT(text, HasSubstr(R"("open":1)"));
  EXPECT_THAT(text, HasSubstr(R"("ip":"v6","path":"TCP","policy":"verbs","seen":"holds")"));
  EXPECT_THAT(text, HasSubstr(R"("seen":"OPEN")"));
  EXPECT_THAT(text, HasSubstr(R"("why":"see the kernel")"));
  EXPECT_THAT(text, Not(HasSubstr(R"("ip":"v4")")));
}

TEST(Cases, AreTheRowsForEachVersionOfIp) {
  const std::vector<Case> all = cases({});
  ASSERT_FALSE(all.empty());
  std::set<std::pair<std::string_view, std::string_view>> seen;
  for (const Case& one : all) {
    EXPECT_TRUE(seen.emplace(one.row->name, ip_of(one)).second) << one.row->name;
    EXPECT_EQ(one.row->name.find_first_of("\t\n"), std::string_view::npos) << one.row->name;
  }
}

TEST(Cases, AreSound) {
  for (const Case& one : cases({})) {
    EXPECT_NE(one.row->attempt, nullptr) << one.row->name;
    EXPECT_EQ(one.row->check != nullptr, one.row->proof == Proof::effect) << one.row->name;
    for (const Policy policy : policies_of(*one.row)) {
      EXPECT_TRUE(annotations_of(policy, *one.row)) << one.row->name;
    }
  }
}

/// Else they would be "not tried" on a machine that has none, which is a failure under --strict.
TEST(Cases, Of32BitCallsSayWhetherThereAreAny) {
  for (const Case& one : cases({"32-bit", "socketcall"})) {
    ASSERT_NE(one.row->lacks, nullptr) << one.row->name;
#ifdef __x86_64__
    EXPECT_EQ(one.row->lacks(), "") << one.row->name;
#endif
  }
}

TEST(Cases, ArePickedByPartsOfTheirNames) {
  const std::string some(cases({}).front().row->name.substr(1));
  for (const Case& one : cases({some})) EXPECT_THAT(std::string(one.row->name), HasSubstr(some));
  EXPECT_FALSE(cases({some}).empty());
  EXPECT_TRUE(cases({"no row is called that"}).empty());
}

}  // namespace
}  // namespace socklid::selftest
