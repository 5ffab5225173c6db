// SPDX-License-Identifier: Apache-2.0
//
// A run's messages to the node's operator: a line in the system log, and each refusal recorded for
// `socklid doctor`. These are places of ours: the lines quote what others wrote, escaped (I11).
// What standard error gets is hook/public_line.hpp. Nothing here blocks or fails the run.
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
#include "system/paths.hpp"

namespace socklid {

/// Replaces the phrases by which podman picks the one line of a runtime's output that it shows,
/// and the exit status 126 or 127, by the names of their errnos: libpod, getOCIRuntimeError()
/// searches, in either case, for "permission denied", "operation not permitted", "executable file
/// not found" and "no such file or directory".
[[nodiscard]] std::string without_engine_phrases(std::string_view text);

/// The line that the system log gets: `message` without the above, printable (base/text.hpp), cut
/// after 2048 characters.
[[nodiscard]] std::string log_line(std::string_view message);

/// The error that stopped the container.
void log_error(std::string_view message);
/// Where something worth knowing did not stop it.
void log_warning(std::string_view message);
void log_notice(std::string_view message);

/// Why a container was refused.
struct Refusal {
  std::int64_t time{0};  ///< seconds since 1970
  std::string id;        ///< empty if the state had none
  int exit{0};           ///< as Exit
  std::string message;   ///< one line
  /// Whose it is: the cgroup above the container's, which is a pod's where there are pods; empty if
  /// that is not known.
  std::string origin{};
  std::int64_t count{1};  ///< how often, the last time at `time`
  friend bool operator==(const Refusal&, const Refusal&) = default;
};

inline constexpr std::size_t max_refusals = 128;
/// Of one pod, or of one container where there is none: what fails again and again does not wash
/// out what others were refused for.
inline constexpr std::size_t refusals_of_one = 8;
/// Of all containers without a pod in one slice: `podman run` in a loop has a new id each time.
inline constexpr std::size_t refusals_of_shared = max_refusals / 2;

/// Keeps it as a file of its own in <run>/refusals, written by rename. The same once more, of one
/// pod or container, is one refusal that is counted; the oldest above `refusals_of_one`,
/// `refusals_of_shared` and `max_refusals` go. Needs no lock. Errors: Exit::store.
[[nodiscard]] Result<> remember_refusal(const Paths& paths, const Refusal& refusal);
/// Oldest first; files that do not read are left out. Errors: Exit::store.
[[nodiscard]] Result<std::vector<Refusal>> refusals(const Paths& paths);

}  // namespace socklid
