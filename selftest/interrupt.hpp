// SPDX-License-Identifier: Apache-2.0
//
// Interrupt: SIGINT, SIGTERM and SIGHUP end a run at its next step, so that it takes away what it
// has put on the node.
#pragma once

#include "base/result.hpp"

namespace socklid::selftest {

/// From now on, in this process.
void catch_interrupts();
/// Exit::busy once there was one.
[[nodiscard]] Result<> check_interrupted();

}  // namespace socklid::selftest
