// SPDX-License-Identifier: Apache-2.0
//
// socklid repair: puts back what a container's record says, where less is in force.
#pragma once

#include <string>

#include "base/result.hpp"

namespace socklid::command {

/// 0 if all of it is in force afterwards, also if it was before. 1 if no running container matches
/// `id`, which may be the beginning of one, or if something could not be put back: each thing is
/// named. Errors of repair() (hook/repair.hpp).
[[nodiscard]] Result<int> repair(const std::string& id);

}  // namespace socklid::command
