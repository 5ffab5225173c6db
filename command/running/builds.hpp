// SPDX-License-Identifier: Apache-2.0
//
// Builds of socklid whose programs are loaded on this node, by the hash of their BPF object.
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"
#include "command/running/container.hpp"
#include "system/paths.hpp"

namespace socklid::command {

/// Empty if none is. Errors: Exit::store.
[[nodiscard]] Result<std::vector<std::string>> loaded_builds(const Paths& paths);

/// Those of `loaded` that are of other versions and that no container uses; none while there is a
/// container of which that is not known.
[[nodiscard]] std::vector<std::string> unused_builds(const std::vector<std::string>& loaded,
                                                     const std::vector<Container>& all);

}  // namespace socklid::command
