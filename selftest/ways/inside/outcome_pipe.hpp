// SPDX-License-Identifier: Apache-2.0
//
// Outcomes of attempts that other processes carry out.
//
//   return fork_and_wait([&](int reporter) { send_outcome(reporter, attempt(scene)); });
#pragma once

#include <functional>
#include <optional>

#include "base/unique_fd.hpp"
#include "selftest/row.hpp"

namespace socklid::selftest {

struct Pipe {
  UniqueFd read_end;
  UniqueFd write_end;
};
/// Both ends are close-on-exec. Nothing with errno.
[[nodiscard]] std::optional<Pipe> open_pipe();

/// Until no writer is left.
void wait_for_end(int fd);

/// Without what it holds: a descriptor of another process is not ours. A step is cut after 63
/// bytes.
void send_outcome(int fd, const Outcome& outcome);

/// Runs `body` in a child; its descendants may go on with it after the child has ended. `reporter`
/// is to be handed on to them: the wait is for the last holder. The first that is sent is the
/// outcome.
[[nodiscard]] Outcome fork_and_wait(const std::function<void(int reporter)>& body);

}  // namespace socklid::selftest
