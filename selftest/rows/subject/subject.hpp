// SPDX-License-Identifier: Apache-2.0
//
// Rows about what a program may do by itself, and whatever runs in it.
#pragma once

#include <string_view>
#include <utility>
#include <vector>

#include "selftest/row.hpp"
#include "selftest/rows/rows.hpp"
#include "selftest/ways/elsewhere.hpp"
#include "selftest/ways/inside/program.hpp"

namespace socklid::selftest {

std::vector<Row> subject_program();
std::vector<Row> subject_task();
std::vector<Row> subject_socket();
std::vector<Row> subject_hold();
std::vector<Row> subject_limit();
std::vector<Row> subject_seal();

/// caged may connect to the named peer alone, and so may what its script is, and third on its first
/// level.
[[nodiscard]] std::vector<std::string_view> caged_annotations();

/// Programs of the container: one with a subject and one without.
inline constexpr char bin_caged[] = "/bin/caged", bin_other[] = "/bin/other";

/// What is handed on is this descriptor in every program.
inline constexpr int handed = 50;

/// By TCP to the target: what caged may not.
[[nodiscard]] Outcome reach_target(const Scene& scene);

/// This process becomes /bin/other, and that does.
[[nodiscard]] Outcome as_other(const Scene& scene);

/// A child becomes caged, and that does it.
template <Act act>
[[nodiscard]] Outcome in_caged(const Scene& scene) {
  return in_program(bin_caged, act, scene);
}
template <Act act>
[[nodiscard]] Outcome in_other(const Scene& scene) {
  return in_program(bin_other, act, scene);
}

/// selftest/ways/elsewhere.hpp: a child, a thread, ... does it.
template <Outcome (*where)(Act, const Scene&), Act act = reach_target>
[[nodiscard]] Outcome done_in(const Scene& scene) {
  return where(act, scene);
}

/// The one and, if that has succeeded, the other.
template <Act first, Act then>
[[nodiscard]] Outcome both(const Scene& scene) {
  Outcome done = first(scene);
  return done.step.empty() ? then(scene) : std::move(done);
}

/// Once, in a container with files of its own.
[[nodiscard]] inline Row subject_row(std::string_view name, Act attempt, Guard guard,
                                     Proof proof = Proof::wire) {
  return {.name = name,
          .each = Each::once,
          .proof = proof,
          .stops = always(guard),
          .attempt = attempt,
          .annotations = caged_annotations(),
          .own = true};
}

/// A peer that caged does not name.
[[nodiscard]] inline Row caged_row(std::string_view name, Act attempt) {
  return subject_row(name, attempt, Guard::connect);
}

}  // namespace socklid::selftest
