// SPDX-License-Identifier: Apache-2.0
//
// Rules as a container would get them, in a network namespace of their own that goes with them:
// what shows whether this node can have them, and makes the kernel load the modules that they need.
//
//   if (const auto tried = rehearse_rules(); !tried) print_error(tried.error().message);
#pragma once

#include "base/result.hpp"

namespace socklid::command {

/// In a child. Errors: Exit::nft, naming each module that is missing; Exit::internal.
[[nodiscard]] Result<> rehearse_rules();

}  // namespace socklid::command
