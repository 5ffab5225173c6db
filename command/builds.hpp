// SPDX-License-Identifier: Apache-2.0
//
// Builds of socklid whose programs are loaded on this node, by the hash of their BPF object.
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"
#include "hook/paths.hpp"

namespace socklid::command {

/// Empty if none is. Errors: Exit::store.
[[nodiscard]] Result<std::vector<std::string>> loaded_builds(const Paths& paths);

}  // namespace socklid::command
