// SPDX-License-Identifier: Apache-2.0
//
// NodeLock: one run at a time changes the node's state. Deadline: a run gives up by itself before
// the runtime kills it (hooks.d says 60 seconds), because a killed run cannot roll back (I2).
//
//   const Deadline deadline = Deadline::after_seconds(run_seconds);
//   const NodeLock lock = SL_TRY(NodeLock::acquire(paths, deadline));
#pragma once

#include <cstdint>
#include <string>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "system/paths.hpp"

namespace socklid {

/// Far more than a run needs: a first container on a busy node waits for others to load programs.
inline constexpr std::int64_t run_seconds = 50;

/// A point on the monotonic clock.
class Deadline {
 public:
  [[nodiscard]] static Deadline after_seconds(std::int64_t seconds);
  [[nodiscard]] static Deadline after_milliseconds(std::int64_t milliseconds);
  /// 0 once it has passed.
  [[nodiscard]] std::int64_t milliseconds_left() const;
  /// Exit::busy once it has passed.
  [[nodiscard]] Result<> check() const;

 private:
  explicit Deadline(std::int64_t end) : end_(end) {}
  std::int64_t end_;  ///< milliseconds of CLOCK_MONOTONIC
};

/// flock(2), exclusive, on an open file, which errors call `name`. Waits until `deadline`, then
/// Exit::busy. Uses SIGALRM and ITIMER_REAL meanwhile. It lasts until the file is closed.
[[nodiscard]] Result<> lock_file(int file, const std::string& name, const Deadline& deadline);

/// flock(2) on <run>/lock, held as long as the object lives; the kernel lets go of it when the
/// process dies.
class NodeLock {
 public:
  /// As lock_file().
  [[nodiscard]] static Result<NodeLock> acquire(const Paths& paths, const Deadline& deadline);

 private:
  explicit NodeLock(UniqueFd file) : file_(std::move(file)) {}
  UniqueFd file_;
};

}  // namespace socklid
