// SPDX-License-Identifier: Apache-2.0
#include "guard/runs.hpp"

#include <map>
#include <utility>

#include "plan/seal.hpp"

namespace socklid {
namespace {

std::uint64_t number_of(const sl_run& run) {
  return run.word >> SL_RUN_BITS;
}

std::optional<sl_run> find_run(const std::optional<sl_runs>& runs, std::uint64_t number) {
  if (!runs || number == 0) return std::nullopt;
  const sl_run& place = runs->run[number % SL_RUNS];
  return number_of(place) == number ? std::optional(place) : std::nullopt;
}

}  // namespace

bool is_sealed_later(const sl_subject& subject) {
  return (subject.policy.flags & SL_SEALED_LATER) != 0;
}

sl_runs no_runs() {
  constexpr std::uint64_t microsecond = 1000;
  sl_runs runs{};
  runs.last = boot_time() / microsecond;
  return runs;
}

Result<std::vector<LiveRun>> live_runs(const SubjectMaps& maps, std::uint64_t cgroup_id) {
  std::map<std::pair<std::uint32_t, std::uint64_t>, std::uint64_t> tasks;
  SL_CHECK(maps.tasks.for_each([&](std::uint64_t /*task*/, const sl_task& task) {
    if (task.cgroup_id != cgroup_id) return;
    for (std::uint32_t i = 0; i < SL_SUBJECTS; i++) {
      if ((task.subjects >> i & 1U) != 0) ++tasks[{i, task.runs[i]}];
    }
  }));
  std::vector<LiveRun> all;
  for (const auto& [which, count] : tasks) {
    const auto& [subject, number] = which;
    const auto runs = SL_TRY(maps.runs.find({.cgroup_id = cgroup_id, .index = subject, .pad = 0}));
    all.push_back({.subject = subject, .tasks = count, .run = find_run(runs, number)});
  }
  return all;
}

Result<std::vector<sl_seal_request>> open_runs(const SubjectMaps& maps, std::uint64_t cgroup_id,
                                               std::optional<std::uint32_t> subject) {
  std::vector<sl_seal_request> all;
  for (std::uint32_t i = 0; i < SL_SUBJECTS; i++) {
    if (subject && *subject != i) continue;
    const auto runs = SL_TRY(maps.runs.find({.cgroup_id = cgroup_id, .index = i, .pad = 0}));
    if (!runs) continue;
    for (const sl_run& run : runs->run) {
      if ((run.word & SL_RUN_WAITS) == 0) continue;
      all.push_back({.cgroup_id = cgroup_id, .run = number_of(run), .subject = i + 1, .pad = 0});
    }
  }
  return all;
}

}  // namespace socklid
