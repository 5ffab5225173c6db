// SPDX-License-Identifier: Apache-2.0
//
// Rows about files that nobody in the container may change (selftest/arena/root.hpp).
#pragma once

#include <string_view>
#include <vector>

#include "selftest/row.hpp"
#include "selftest/rows/rows.hpp"
#include "selftest/ways/elsewhere.hpp"
#include "selftest/ways/inside/program.hpp"

namespace socklid::selftest {

std::vector<Row> file_write();
std::vector<Row> file_attribute();
std::vector<Row> file_name();
std::vector<Row> file_mount();
std::vector<Row> file_program();

/// Once, with the same policy for all.
/// Protected files: one by its directory, one by itself.
inline constexpr char prog[] = "/sbin/prog", single[] = "/etc/single";

/// By a program: who is none yet mounts no new file system in a container with subjects.
template <Act act>
[[nodiscard]] Outcome by_program(const Scene& scene) {
  return in_program("/bin/other", act, scene);
}

[[nodiscard]] inline Row file_row(std::string_view name, Act attempt) {
  return {.name = name,
          .each = Each::once,
          .proof = Proof::done,
          .stops = always(Guard::file),
          .attempt = attempt,
          .annotations = {"io.socklid.readonly=/sbin /way /etc/conf !/etc/conf/run /etc/single",
                          "io.socklid.subject.caged=/bin/caged listen=deny",
                          "io.socklid.subject.script=/bin/script listen=deny"},
          .own = true};
}

}  // namespace socklid::selftest
