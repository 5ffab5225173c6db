// SPDX-License-Identifier: Apache-2.0
//
// What a run tells people: one line on standard error (runc shows it in its error), the same line
// in the system log (crun sends standard error to /dev/null), and each refusal kept for
// `socklid doctor`. Nothing here blocks or fails the run.
//
//   log_error("createRuntime of web: io.socklid.mark: ...");
//   (void)remember_refusal(paths, {.time = now, .id = "web", .exit = 13, .message = "..."});
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "hook/paths.hpp"

namespace socklid {

/// `text` as one printable line of UTF-8: control characters (C1 ones too, so that no terminal
/// obeys it) and bytes that are not UTF-8 as \n, \t or \xHH; cut after 2048 bytes.
[[nodiscard]] std::string one_line(std::string_view text);

/// Replaces the phrases by which podman picks the one line of a runtime's output that it shows,
/// and the exit status 126 or 127, by the names of their errnos: libpod, getOCIRuntimeError()
/// searches, in either case, for "permission denied", "operation not permitted", "executable file
/// not found" and "no such file or directory".
[[nodiscard]] std::string without_engine_phrases(std::string_view text);

/// To standard error, one write, and to the system log as an error. Through both of the above.
void log_error(std::string_view message);
/// To the system log alone: where something worth knowing did not stop the container.
void log_warning(std::string_view message);
void log_notice(std::string_view message);

/// Why a container was refused.
struct Refusal {
  std::int64_t time{0};  ///< seconds since 1970
  std::string id;        ///< empty if the state had none
  int exit{0};           ///< as Exit
  std::string message;   ///< one line
  friend bool operator==(const Refusal&, const Refusal&) = default;
};

inline constexpr std::size_t refusals_kept = 64;

/// Keeps it as a file of its own in <run>/refusals, written by rename, and removes the oldest
/// above `refusals_kept`. Needs no lock. Errors: Exit::store.
[[nodiscard]] Result<> remember_refusal(const Paths& paths, const Refusal& refusal);
/// Oldest first; files that do not read are left out. Errors: Exit::store.
[[nodiscard]] Result<std::vector<Refusal>> refusals(const Paths& paths);

}  // namespace socklid
