// SPDX-License-Identifier: Apache-2.0
//
// Each guard alone. Every row that names it as what stops it under a policy is tried with all
// other guards switched off, and must still be stopped, by that guard; so no guard is idle behind
// another. Fails when a guard stops nothing of what rows say it stops, when it has no row, or when
// switching guards off opens nothing, which would make all of this worthless.
//
// And each of the two lines that judge packets alone (D13): every row that one of them stops is
// tried without the rules, and without the programs.
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "bpf/policy_abi.h"
#include "hook/linux_node.hpp"
#include "selftest/report.hpp"
#include "selftest/run.hpp"
#include "selftest/ways/inside/program.hpp"
#include "tests/mutants/mutant_node.hpp"
#include "tests/support/level.hpp"

namespace socklid::selftest {

/// For GoogleTest, by its name.
void PrintTo(Guard guard, std::ostream* stream) {
  *stream << name_of(guard);
}

}  // namespace socklid::selftest

namespace socklid::test {
namespace {

using selftest::Case;
using selftest::Finding;
using selftest::Guard;
using selftest::Policy;
using selftest::Row;
using selftest::Runner;
using selftest::Seen;

struct Pair {
  Case of;
  Policy policy;
};

/// For as long as the test runs: the row, but stopped by what is behind its guard.
const Row& without_first_guard(const Row& row) {
  static std::deque<Row> rows;
  rows.push_back(row);
  rows.back().stops = {*row.behind, *row.behind, *row.behind};
  return rows.back();
}

/// Not more than so many, from all over the list, where there is no time for all.
std::vector<Pair> thinned(std::vector<Pair> pairs, std::size_t most) {
  if (is_thorough() || pairs.size() <= most) return pairs;
  std::vector<Pair> some;
  for (std::size_t i = 0; i < most; ++i) some.push_back(pairs[i * pairs.size() / most]);
  return some;
}

/// The cases and policies whose guard this is: all, or some and each under one policy.
std::vector<Pair> pairs_of(Guard guard) {
  constexpr std::size_t most = 8;
  std::vector<Pair> pairs;
  for (Case one : selftest::cases({})) {
    if (one.row->behind == guard) one.row = &without_first_guard(*one.row);
    for (const Policy policy : selftest::policies_of(*one.row)) {
      if (selftest::guard_of(one.row->stops, policy) != guard) continue;
      pairs.push_back({one, policy});
      if (!is_thorough()) break;
    }
  }
  return thinned(std::move(pairs), most);
}

std::string describe(const Finding& finding) {
  return std::string(finding.of.row->name) + " [" + std::string(ip_of(finding.of)) + "] under " +
         std::string(name_of(finding.policy)) + ": " + std::string(name_of(finding.seen)) + ": " +
         finding.detail;
}

void expect(Seen wanted, const Finding& finding) {
  EXPECT_TRUE(finding.seen == wanted) << describe(finding);
}

/// Its own arenas, so that its rules are those of the one guard.
class Mutant {
 public:
  explicit Mutant(Guards guards) : guards_(std::move(guards)) {
    auto runner = Runner::open([this] { return std::make_unique<MutantNode>(guards_); });
    if (!runner) {
      ADD_FAILURE() << runner.error().message;
      return;
    }
    runner_.emplace(std::move(*runner));
  }
  Mutant(const Mutant&) = delete;
  Mutant& operator=(const Mutant&) = delete;
  ~Mutant() {
    if (!runner_) return;
    const auto closed = runner_->close();
    EXPECT_TRUE(closed) << closed.error().message;
  }

  /// Nothing if it could not be tried; says why.
  std::optional<Finding> try_pair(const Pair& pair) {
    if (!runner_) return std::nullopt;
    const auto switched = leave_only_in_programs(guards_);
    auto finding = runner_->run_under(pair.policy, pair.of);
    if (switched && finding) return std::move(*finding);
    ADD_FAILURE() << pair.of.row->name << ": "
                  << (switched ? finding.error().message : switched.error().message);
    return std::nullopt;
  }

 private:
  Guards guards_;
  std::optional<Runner> runner_;
};

class EachGuard : public testing::TestWithParam<Guard> {
 protected:
  static void SetUpTestSuite() {
    const auto loaded = load_programs();
    ASSERT_TRUE(loaded) << loaded.error().message;
  }
  static void TearDownTestSuite() {
    const auto unloaded = unload_programs();
    EXPECT_TRUE(unloaded) << unloaded.error().message;
  }
};

TEST_P(EachGuard, StopsByItselfWhatItIsThereFor) {
  const std::vector<Pair> pairs = pairs_of(GetParam());
  ASSERT_FALSE(pairs.empty()) << "no row is stopped by it";
  Mutant mutant({GetParam()});
  for (const Pair& pair : pairs) {
    const auto finding = mutant.try_pair(pair);
    if (!finding) return;
    expect(Seen::holds, *finding);
  }
}

/// Of every group some, of every guard one: enough to show that the switches switch.
TEST_F(EachGuard, LetsEverythingThroughWhenAllAreOff) {
  Mutant mutant({});
  std::size_t open = 0;
  for (const Guard guard : selftest::all_guards()) {
    if (guard == Guard::harmless) continue;
    const std::vector<Pair> pairs = pairs_of(guard);
    if (pairs.empty()) continue;
    const auto finding = mutant.try_pair(pairs.front());
    if (!finding) return;
    expect(Seen::open, *finding);
    ++open;
  }
  EXPECT_GT(open, 0U);
}

/// Where not every row is tried, so many of a line are, and so many of what is let through.
constexpr std::size_t of_line = 16, of_guard = 2;

/// The lines, by their guards. What tells marks and routes of a packet is in both.
const Guards programs_line = {Guard::packet_out, Guard::packet_in, Guard::packet_source,
                              Guard::mark, Guard::option};
const Guards rules_line = {Guard::unmarked,    Guard::socket_mark,  Guard::routing_header,
                           Guard::loose_route, Guard::strict_route, Guard::foreign_source,
                           Guard::not_named,   Guard::forwarded,    Guard::inbound};

bool is_in(const Guards& line, Guard guard) {
  return std::find(line.begin(), line.end(), guard) != line.end();
}

/// What is stopped by either under `egress`, but for what only the other one can stop.
std::vector<Pair> pairs_of_lines(Row::Lines others) {
  std::vector<Pair> pairs;
  for (const Case& one : selftest::cases({})) {
    const Guard guard = selftest::guard_of(one.row->stops, Policy::egress);
    if (one.row->behind || one.row->own || one.row->lines == others) continue;
    if (!is_in(rules_line, guard) && guard != Guard::packet_out && guard != Guard::packet_in &&
        guard != Guard::packet_source) {
      continue;
    }
    pairs.push_back({one, Policy::egress});
  }
  return pairs;
}

/// Which guard of the line has stopped it is all the same, and so is whether the attempt still
/// waits for an answer to a packet that was dropped.
void expect_stopped(const Guards& line, const std::vector<Pair>& pairs) {
  EXPECT_FALSE(pairs.empty());
  Mutant mutant(line);
  for (const Pair& pair : thinned(pairs, of_line)) {
    const auto finding = mutant.try_pair(pair);
    if (!finding) return;
    EXPECT_TRUE(finding->seen != Seen::open && finding->seen != Seen::not_tried)
        << describe(*finding);
  }
}

TEST_F(EachGuard, TheProgramsAloneStopWhatHasASocket) {
  expect_stopped(programs_line, pairs_of_lines(Row::Lines::rules));
}

TEST_F(EachGuard, TheRulesAloneStopAllButDatagramsThatAnswer) {
  expect_stopped(rules_line, pairs_of_lines(Row::Lines::programs));
}

/// Of the rows by that name, under the first of their policies, with all guards but these.
void expect_rows(std::size_t rows, Seen wanted, std::string_view name,
                 const std::vector<unsigned>& off) {
  std::size_t tried = 0;
  auto runner = Runner::open(
      [] { return std::make_unique<LinuxNode>(Paths{}, Deadline::after_seconds(run_seconds)); });
  ASSERT_TRUE(runner) << runner.error().message;
  for (const Case& one : selftest::cases({})) {
    if (one.row->name != name) continue;
    const auto switched = switch_off_in_programs(off);
    ASSERT_TRUE(switched) << switched.error().message;
    const auto finding = runner->run_under(selftest::policies_of(*one.row).front(), one);
    ASSERT_TRUE(finding) << finding.error().message;
    expect(wanted, *finding);
    ++tried;
  }
  EXPECT_EQ(tried, rows) << name;
  const auto closed = runner->close();
  EXPECT_TRUE(closed) << closed.error().message;
}

/// What stops a listener that another thread's disconnect makes is one of two: that it keeps its
/// port, and behind that, that its port is named where it accepts.
TEST_F(EachGuard, OfTheRaceOfListenIsSeenAlone) {
  constexpr std::string_view listen = "race: listen on a connected socket while it is dissolved";
  constexpr std::string_view accepted = "race: listen on an accepted socket while it is dissolved";
  constexpr std::string_view accept =
      "race: listen on a connected socket while it is dissolved, accept";
  expect_rows(2, Seen::open, listen, {SL_GUARD_KEPT_PORT, SL_GUARD_NAMED_LISTENER});
  expect_rows(2, Seen::open, accepted, {SL_GUARD_KEPT_PORT, SL_GUARD_NAMED_LISTENER});
  expect_rows(2, Seen::open, accept, {SL_GUARD_KEPT_PORT, SL_GUARD_NAMED_LISTENER});
  expect_rows(2, Seen::holds, accept, {SL_GUARD_KEPT_PORT});
  expect_rows(2, Seen::holds, accept, {SL_GUARD_NAMED_LISTENER});
  expect_rows(2, Seen::holds, listen, {SL_GUARD_NAMED_LISTENER});
}

TEST_F(EachGuard, OfCopiesIsSeenAlone) {
  for (const Seen wanted : {Seen::holds, Seen::open}) {
    const auto off =
        wanted == Seen::open ? std::vector<unsigned>{SL_GUARD_UNICAST} : std::vector<unsigned>{};
    expect_rows(1, wanted, "copies: UDP connected to a group", off);
    expect_rows(1, wanted, "copies: UDP connected to a broadcast", off);
  }
}

void expect_without(Seen wanted, Guard off, Guard rows_of) {
  auto runner = Runner::open(
      [] { return std::make_unique<LinuxNode>(Paths{}, Deadline::after_seconds(run_seconds)); });
  ASSERT_TRUE(runner) << runner.error().message;
  const std::vector<unsigned> number{static_cast<unsigned>(selftest::reason_of(off))};
  for (const Pair& pair : thinned(pairs_of(rows_of), of_guard)) {
    const auto switched = switch_off_in_programs(number);
    ASSERT_TRUE(switched) << switched.error().message;
    const auto finding = runner->run_under(pair.policy, pair.of);
    ASSERT_TRUE(finding) << finding.error().message;
    expect(wanted, *finding);
  }
  const auto closed = runner->close();
  EXPECT_TRUE(closed) << closed.error().message;
}

/// Nothing stands behind these: without one of them its own rows arrive, and no others.
TEST_F(EachGuard, OfHoursHoldsAndFilesOpensItsOwnRowsAlone) {
  const Guards of_programs{Guard::hours, Guard::trace, Guard::file};
  for (const Guard off : of_programs) {
    for (const Guard guard : of_programs) {
      expect_without(guard == off ? Seen::open : Seen::holds, off, guard);
    }
  }
}

std::vector<Guard> guards() {
  std::vector<Guard> all = selftest::all_guards();
  std::erase(all, Guard::harmless);
  return all;
}

std::string test_name(const testing::TestParamInfo<Guard>& info) {
  std::string name;
  for (const char c : selftest::name_of(info.param)) {
    name += std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
  }
  return name;
}

INSTANTIATE_TEST_SUITE_P(Guards, EachGuard, testing::ValuesIn(guards()), test_name);

}  // namespace
}  // namespace socklid::test

/// The programs of selftest's containers are copies of this one.
int main(int argc, char** argv) {
  if (const auto exit = socklid::selftest::run_program(argc, argv)) return *exit;
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
