// SPDX-License-Identifier: Apache-2.0
//
// Rows about what a program may do by itself, and whatever runs in it.
#pragma once

#include <string_view>
#include <vector>

#include "selftest/row.hpp"
#include "selftest/rows/rows.hpp"
#include "selftest/ways/elsewhere.hpp"

namespace socklid::selftest {

std::vector<Row> subject_program();
std::vector<Row> subject_task();
std::vector<Row> subject_socket();
std::vector<Row> subject_hold();
std::vector<Row> subject_limit();

/// caged may connect to the named peer alone, and so may what its script is, and third on its first
/// level.
[[nodiscard]] std::vector<std::string_view> caged_annotations();

/// By TCP to the target: what caged may not.
[[nodiscard]] Outcome reach_target(const Scene& scene);

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
