// SPDX-License-Identifier: Apache-2.0
//
// Subjects: from those of a policy to what the kernel is given of each (bpf/subject_abi.h). A
// subject is a policy like the container's, which judges the same attempts once more.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "annotations/mark.hpp"
#include "annotations/policy.hpp"
#include "annotations/subject.hpp"
#include "plan/causes.hpp"
#include "plan/plan.hpp"

namespace socklid {

/// In the order of their names; numbers are given in that order, everyone else's is
/// SL_SUBJECT_OTHERS. `slot` as in Placement, 0 without rules.
[[nodiscard]] std::vector<SubjectPlan> compile_subjects(const annotations::Policy& policy,
                                                        std::uint8_t slot);

/// What the container's sockets may carry within the bits of `mark`, the container's: that mark
/// first, and those that its subjects make of it, where a task is in any of them. Each once. More
/// than `limit` are not looked for.
[[nodiscard]] std::vector<annotations::Mark> marks_within(const annotations::Policy& policy,
                                                          annotations::Mark mark,
                                                          std::size_t limit);
/// As many as rules are written for.
inline constexpr std::size_t max_marks = 64;

/// Outside its hours a subject is denied these.
inline constexpr annotations::Keys timed_keys{annotations::Key::create, annotations::Key::connect,
                                              annotations::Key::bind, annotations::Key::listen,
                                              annotations::Key::accept};

/// What a subject asks for, for the tables of hooks and reasons: its packets are judged by programs
/// alone, as in the host's namespace. `within` is policy_within(); it must outlive the result.
[[nodiscard]] Asked asked_by(const annotations::Subject& subject,
                             const annotations::Policy& within);

}  // namespace socklid
