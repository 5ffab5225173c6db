// SPDX-License-Identifier: Apache-2.0
//
// socklid unload: takes all of socklid off the node: programs, anchors, links, of every build.
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"
#include "command/running/container.hpp"

namespace socklid::command {

/// Why it can't be done now, naming the containers; empty if there are none.
[[nodiscard]] std::string refusal(const std::vector<Container>& left);

struct UnloadOptions {
  bool wait{false};
  bool purge{false};  ///< also what it remembers: recorded refusals, the view, the lock
};

/// First cleans up what is gone, or over. 1 while a container is under policy: its protection would
/// go. With `wait` it tries again until that is done, whatever hinders it; each hindrance is
/// printed once.
[[nodiscard]] Result<int> unload(const UnloadOptions& options);

}  // namespace socklid::command
