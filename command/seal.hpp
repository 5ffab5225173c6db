// SPDX-License-Identifier: Apache-2.0
//
// socklid seal: holds a container to its policy from now on, whatever its seal waits for, and the
// runs of its subjects that there are now.
#pragma once

#include <string>

#include "base/result.hpp"

namespace socklid::command {

struct SealOptions {
  std::string id;       ///< or the beginning of one
  std::string subject;  ///< its runs alone; empty: the container and the runs of all its subjects
};

/// 0 if the container is sealed afterwards, also if it was before or from the start. 1 if no
/// running container matches the id, or it has no such subject.
[[nodiscard]] Result<int> seal(const SealOptions& options);

}  // namespace socklid::command
