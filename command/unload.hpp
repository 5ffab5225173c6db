// SPDX-License-Identifier: Apache-2.0
//
// socklid unload: takes all of socklid off the node: programs, anchors, links, of every build.
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"
#include "command/container.hpp"

namespace socklid::command {

/// Why it can't be done now, naming the containers; empty if there are none.
[[nodiscard]] std::string refusal(const std::vector<Container>& left);

struct UnloadOptions {
  bool wait{false};
};

/// First cleans up what is gone. 1 while a container is under policy: its protection would go; or
/// waits until there is none.
[[nodiscard]] Result<int> unload(const UnloadOptions& options);

}  // namespace socklid::command
