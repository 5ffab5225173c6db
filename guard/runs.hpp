// SPDX-License-Identifier: Apache-2.0
//
// Runs of subjects (sl_runs, bpf/subject_abi.h): which there are, and sealing them by hand.
//
//   for (const LiveRun& run : SL_TRY(live_runs(maps, cgroup_id))) ...
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/result.hpp"
#include "guard/subjects.hpp"

namespace socklid {

/// Tasks that are in a subject now, and of one run of it.
struct LiveRun {
  std::uint32_t subject{0};  ///< its number
  std::uint64_t tasks{0};
  std::optional<sl_run> run;  ///< nothing: it has no place, and is sealed
};

[[nodiscard]] bool is_sealed_later(const sl_subject& subject);

/// The runs that a subject begins with: none, and no number that an entry before this one can have
/// given.
[[nodiscard]] sl_runs no_runs();

/// Of the container, by subject, the run that began first before the others. Of a subject that is
/// not sealed later all its tasks are one run.
[[nodiscard]] Result<std::vector<LiveRun>> live_runs(const SubjectMaps& maps,
                                                     std::uint64_t cgroup_id);

/// Requests for the program that seals by hand: one for each run that is open now, of this subject
/// or of all.
[[nodiscard]] Result<std::vector<sl_seal_request>> open_runs(const SubjectMaps& maps,
                                                             std::uint64_t cgroup_id,
                                                             std::optional<std::uint32_t> subject);

}  // namespace socklid
