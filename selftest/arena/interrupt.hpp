// SPDX-License-Identifier: Apache-2.0
//
// Waiting for what is bound to come; and interrupts: SIGINT, SIGTERM and SIGHUP end a run at its
// next step, so that it takes away what it has put on the node.
#pragma once

#include "base/result.hpp"

namespace socklid::selftest {

/// Longer than a machine stands still that is emulated, or shared by many.
inline constexpr int deadline_seconds = 20;

/// Until the descriptor is readable, an error or an end included. False after `deadline_seconds`.
/// Exit::busy if there was an interrupt.
[[nodiscard]] Result<bool> wait_readable(int fd);

/// From now on, in this process.
void catch_interrupts();
/// Exit::busy once there was one.
[[nodiscard]] Result<> check_interrupted();

}  // namespace socklid::selftest
