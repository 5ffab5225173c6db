// SPDX-License-Identifier: Apache-2.0
//
// Installs rules as a container would get them, in a network namespace that lasts only so long. It
// shows whether this node can have rules, and makes the kernel load the modules that they need.
//
//   if (const auto tried = rehearse_rules(); !tried) print_error(tried.error().message);
#pragma once

#include "base/result.hpp"

namespace socklid::command {

/// In a child. Errors: Exit::nft, naming each module that is missing; Exit::internal.
[[nodiscard]] Result<> rehearse_rules();

}  // namespace socklid::command
