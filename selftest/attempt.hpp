// SPDX-License-Identifier: Apache-2.0
//
// Attempt: a row's attempt() carried out as a process of the container would: in its cgroup and
// network namespace, with a mount namespace of its own, and with no descriptor of ours but the
// broker's and the one it answers through.
//
//   Attempt attempt = SL_TRY(Attempt::start(arena, row, scene));
//   const Ending ending = SL_TRY(attempt.wait());
//   ... while the socket that it holds waits for the receiver ...
//   const bool got = SL_TRY(attempt.has_received());
#pragma once

#include <optional>
#include <string>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "selftest/arena/arena.hpp"
#include "selftest/arena/child.hpp"
#include "selftest/row.hpp"

namespace socklid::selftest {

/// How an attempt ended. Empty step: it did all it had to.
struct Ending {
  std::string step;
  int error{0};  ///< errno; 0 where it has none
};

/// "connect: Operation not permitted", "no answer"; empty if it did all it had to.
[[nodiscard]] std::string to_string(const Ending& ending);

class Attempt {
 public:
  /// Errors: Exit::internal.
  [[nodiscard]] static Result<Attempt> start(const Arena& arena, const Row& row,
                                             const Scene& scene);
  /// Waits for the attempt's outcome. One that does not come in time
  /// (selftest/arena/interrupt.hpp), or dies, ends at the step "no answer" or "signal N".
  /// Exit::busy if the run was interrupted.
  [[nodiscard]] Result<Ending> wait();
  /// Whether the socket that it holds has got the token by now. Not if it is gone.
  [[nodiscard]] Result<bool> has_received();

 private:
  Attempt(Child child, UniqueFd control) : child_(std::move(child)), control_(std::move(control)) {}
  Child child_;
  UniqueFd control_;
};

}  // namespace socklid::selftest
