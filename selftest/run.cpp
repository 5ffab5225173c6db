// SPDX-License-Identifier: Apache-2.0
#include "selftest/run.hpp"

#include <sched.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include <cerrno>
#include <utility>

namespace socklid::selftest {
namespace {

/// An attempt waits a second for an answer. A machine that stands still for longer, emulated or
/// shared by many, looks like one that refuses: what was neither open nor stopped as it should be
/// is tried again.
constexpr int tries = 3;

Result<> stay_on_one_cpu() {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<std::size_t>(::sched_getcpu()), &set);
  if (::sched_setaffinity(0, sizeof(set), &set) == 0) return {};
  return fail_errno(Exit::node, "stay on one CPU");
}

/// What the attempt said, and what has counted it.
std::string detail_of(const Ending& ending, const std::vector<std::string>& risen) {
  std::string text = to_string(ending);
  if (text.empty()) text = "all was done";
  text += "; counted by ";
  if (risen.empty()) return text + "nothing";
  for (std::size_t i = 0; i < risen.size(); ++i) text += (i == 0 ? "" : ", ") + risen[i];
  return text;
}

std::string why_absent(const Case& one) {
  const Row& row = *one.row;
  if (row.lacks != nullptr) return std::string(row.lacks());
  if (row.needs == 0) return "";
  const UniqueFd fd(
      ::socket(one.ip == Ip::v4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, row.needs));
  if (fd || errno != EPROTONOSUPPORT) return "";
  return "this kernel has no protocol " + std::to_string(row.needs);
}

bool has_no_answer(const Ending& ending) {
  return ending.step == "no answer" || ending.step.starts_with("signal ");
}

void judge(Finding& finding, const Trial& trial, const Counts& before, const Counts& after) {
  if (trial.proof) {
    finding.seen = Seen::open;
  } else if (has_no_answer(trial.ending)) {
    finding.seen = Seen::no_answer;
  } else if (finding.expected == Guard::harmless || rose(finding.expected, before, after)) {
    finding.seen = Seen::holds;
    finding.detail.clear();
    return;
  } else {
    finding.seen = Seen::wrong_guard;
  }
  finding.detail = detail_of(trial.ending, risen(before, after));
}

}  // namespace

Result<Runner> Runner::open(MakeNode make_node) {
  SL_CHECK(stay_on_one_cpu());
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  return Runner(SL_TRY(ArenaDirectory::open(std::move(make_node))));
}

Result<std::unique_ptr<Arena>> Runner::make_arena(Policy policy, const Row& row) {
  const annotations::Annotations wanted = SL_TRY(annotations_of(policy, row));
  return Arena::make(*directory_, std::string(name_of(policy)) + "-" + std::to_string(++made_),
                     wanted, row.own);
}

Result<> Runner::check_works(Arena& arena, Policy policy) {
  Result<> works;
  for (int i = 0; i < tries; ++i) {
    works = check_named(arena, scenes_, policy != Policy::egress);
    if (works) return {};
  }
  return wrap("the policy " + std::string(name_of(policy)), works.error());
}

Result<Arena*> Runner::shared_arena(Policy policy, const Row& row) {
  const annotations::Annotations wanted = SL_TRY(annotations_of(policy, row));
  const std::pair key(row.own, wanted);
  if (const auto known = arenas_.find(key); known != arenas_.end()) return known->second.get();
  std::unique_ptr<Arena> arena = SL_TRY(make_arena(policy, row));
  // Annotations of a row may forbid what the policies allow.
  if (policy != Policy::nothing && row.annotations.empty()) SL_CHECK(check_works(*arena, policy));
  return (arenas_[key] = std::move(arena)).get();
}

Result<Runner::Lease> Runner::lease(Policy policy, const Row& row) {
  if (!row.alone) return Lease{SL_TRY(shared_arena(policy, row)), nullptr};
  std::unique_ptr<Arena> own = SL_TRY(make_arena(policy, row));
  Arena* const arena = own.get();
  return Lease{arena, std::move(own)};
}

Result<> Runner::Lease::end() const {
  return own ? own->close() : Result<>{};
}

std::string Runner::lacks(const Row& row) {
  for (const std::string_view module : row.modules) {
    if (!modules_->load(module)) return "no kernel module " + std::string(module);
  }
  return {};
}

Result<std::string> Runner::why_not(const Case& one) {
  std::string why = lacks(*one.row);
  if (!why.empty()) return why;
  for (int i = 0; i < tries; ++i) {
    const Lease place = SL_TRY(lease(Policy::nothing, *one.row));
    const Trial trial = SL_TRY(try_row(*place.arena, *one.row, scenes_.next(one.ip)));
    SL_CHECK(place.end());
    if (trial.proof) return std::string();
    why = to_string(trial.ending);
  }
  return why.empty() ? "nothing comes of it without a policy" : why;
}

Result<> Runner::try_under(Finding& finding) {
  const Row& row = *finding.of.row;
  const Lease place = SL_TRY(lease(finding.policy, row));
  const Counts before = SL_TRY(place.arena->counters()->read());
  const Trial trial = SL_TRY(try_row(*place.arena, row, scenes_.next(finding.of.ip)));
  const Counts after = SL_TRY(place.arena->counters()->read());
  SL_CHECK(place.end());
  judge(finding, trial, before, after);
  return {};
}

Result<Finding> Runner::run_under(Policy policy, const Case& one) {
  Finding finding{.of = one,
                  .policy = policy,
                  .expected = guard_of(one.row->stops, policy),
                  .seen = Seen::not_tried,
                  .detail = lacks(*one.row)};
  if (!finding.detail.empty()) return finding;
  for (int i = 0; i < tries; ++i) {
    SL_CHECK(try_under(finding));
    if (finding.seen == Seen::holds || finding.seen == Seen::open) break;
  }
  return finding;
}

std::vector<Finding> Runner::absent(const Case& one, std::span<const Policy> policies) {
  std::vector<Finding> runs;
  const std::string why = why_absent(one);
  if (why.empty()) return runs;
  for (const Policy policy : policies) {
    runs.push_back({.of = one,
                    .policy = policy,
                    .expected = guard_of(one.row->stops, policy),
                    .seen = Seen::absent,
                    .detail = why});
  }
  return runs;
}

Result<std::vector<Finding>> Runner::run(const Case& one, std::span<const Policy> policies) {
  std::vector<Finding> runs = absent(one, policies);
  if (!runs.empty()) return runs;
  const std::string why = SL_TRY(why_not(one));
  for (const Policy policy : policies) {
    if (why.empty()) {
      runs.push_back(SL_TRY(run_under(policy, one)));
      continue;
    }
    runs.push_back({.of = one,
                    .policy = policy,
                    .expected = guard_of(one.row->stops, policy),
                    .seen = Seen::not_tried,
                    .detail = why});
  }
  return runs;
}

Result<> Runner::close() {
  Result<> first;
  for (auto& [key, arena] : arenas_) {
    auto done = arena->close();
    if (first && !done) first = std::move(done);
  }
  arenas_.clear();
  modules_.reset();
  directory_.reset();
  return first;
}

}  // namespace socklid::selftest
