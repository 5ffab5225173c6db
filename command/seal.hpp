// SPDX-License-Identifier: Apache-2.0
//
// socklid seal: holds a container to its policy from now on, whatever its seal waits for.
#pragma once

#include <string>

#include "base/result.hpp"

namespace socklid::command {

/// 0 if the container is sealed afterwards, also if it was before or from the start. 1 if no
/// running container matches `id`, which may be the beginning of one.
[[nodiscard]] Result<int> seal(const std::string& id);

}  // namespace socklid::command
