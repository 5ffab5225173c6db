// SPDX-License-Identifier: Apache-2.0
//
// socklid gc: removes all that is left of containers that are gone. A start removes a share of it
// (hook/hook.hpp), so that nobody needs this; it is for who wants it done now.
#pragma once

#include "base/result.hpp"

namespace socklid::command {

/// Gives the node's lock back after each share, for containers that start meanwhile. 1 if something
/// could not be removed; what, is on standard error.
[[nodiscard]] Result<int> gc();

}  // namespace socklid::command
