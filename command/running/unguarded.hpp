// SPDX-License-Identifier: Apache-2.0
//
// Unguarded: a container that runs, asks for a policy and has none. It went past the hook. Either
// crun restored it from a checkpoint, and runs no hooks then, or its engine did not know of the
// hook, for instance because another file in hooks.d masks ours.
//
//   for (const Unguarded& one : unguarded(running_containers("").containers, all)) warn(one);
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "command/running/container.hpp"
#include "command/running/running.hpp"

namespace socklid::command {

/// Where list shows other containers' State.
inline constexpr std::string_view unguarded_state = "UNGUARDED";

struct Unguarded {
  RunningContainer container;
  std::string cause;  ///< "no policy", or why its annotations cannot be one
  friend bool operator==(const Unguarded&, const Unguarded&) = default;
};

/// Those of `running` whose process is in no cgroup at or below one of an active container of
/// `all`, and that ask for something: annotations that restrict nothing need no policy, and a pod's
/// sandbox only carries what its containers ask for. Those that `all` has as incomplete are left
/// out, since they are listed as that. `all` must have been read after `running`, so that a
/// container which started meanwhile is in both.
[[nodiscard]] std::vector<Unguarded> unguarded(const std::vector<RunningContainer>& running,
                                               const std::vector<Container>& all);

}  // namespace socklid::command
