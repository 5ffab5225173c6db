// SPDX-License-Identifier: Apache-2.0
#include "selftest/arena/counters.hpp"

#include <algorithm>
#include <utility>

#include "plan/plan.hpp"
#include "plan/subjects.hpp"

namespace socklid::selftest {
namespace {

std::uint64_t packets(const Counts& counts, std::string_view comment) {
  std::uint64_t sum = 0;
  for (const RuleCounter& rule : counts.rules) sum += rule.comment == comment ? rule.packets : 0;
  return sum;
}

bool rule_rose(std::string_view comment, const Counts& before, const Counts& after) {
  return packets(after, comment) > packets(before, comment);
}

}  // namespace

bool rose(Guard guard, const Counts& before, const Counts& after) {
  const sl_reason reason = reason_of(guard);
  if (reason != SL_REASON_NONE) return after.denials.count[reason] > before.denials.count[reason];
  const auto& comments = comments_of(guard);
  return std::any_of(comments.begin(), comments.end(),
                     [&](std::string_view comment) { return rule_rose(comment, before, after); });
}

std::vector<std::string> risen(const Counts& before, const Counts& after) {
  std::vector<std::string> names;
  for (int reason = SL_REASON_NONE + 1; reason < SL_REASON_COUNT; ++reason) {
    if (after.denials.count[reason] > before.denials.count[reason]) {
      names.emplace_back(socklid::name_of(static_cast<sl_reason>(reason)));
    }
  }
  for (const RuleCounter& rule : after.rules) {
    const bool known = std::find(names.begin(), names.end(), rule.comment) != names.end();
    if (!known && rule_rose(rule.comment, before, after)) names.push_back(rule.comment);
  }
  return names;
}

Result<std::vector<std::uint32_t>> subjects_of(const annotations::Annotations& annotations) {
  const annotations::Policy policy = SL_TRY(annotations::parse(annotations));
  std::vector<std::uint32_t> numbers;
  for (const SubjectPlan& subject : compile_subjects(policy, 0)) numbers.push_back(subject.index);
  return numbers;
}

Result<Counters> Counters::open(std::uint64_t cgroup_id, const NetnsRef& netns,
                                std::vector<std::uint32_t> subjects) {
  std::optional<SocketGuard> guard = SL_TRY(SocketGuard::find(object_hash()));
  if (!guard) return fail(Exit::bpf, "the programs that were loaded are not there any more");
  return Counters(cgroup_id, std::move(*guard), SL_TRY(NetlinkSocket::open_in(netns)),
                  std::move(subjects));
}

Result<Counts> Counters::read() const {
  Counts counts{.denials = SL_TRY(guard_.denials(cgroup_id_)),
                .rules = SL_TRY(socklid::counters(netlink_, table_name(0)))};
  for (const std::uint32_t subject : subjects_) {
    const sl_denials more = SL_TRY(guard_.subject_denials(cgroup_id_, subject));
    for (std::size_t i = 0; i < SL_REASON_COUNT; i++) counts.denials.count[i] += more.count[i];
  }
  return counts;
}

}  // namespace socklid::selftest
