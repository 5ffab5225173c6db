// SPDX-License-Identifier: Apache-2.0
//
// Where the hook is that was installed with this program.
#pragma once

#include <string>

#include "base/result.hpp"

namespace socklid::command {

/// The hook of the tree that this program is installed in: PREFIX/libexec/oci/hooks.d/socklid-hook
/// beside PREFIX/bin/PROGRAM.
[[nodiscard]] std::string own_hook();

/// With a hook that cannot be run no container would start. Errors: Exit::node.
[[nodiscard]] Result<> check_hook(const std::string& hook);

}  // namespace socklid::command
