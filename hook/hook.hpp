// SPDX-License-Identifier: Apache-2.0
//
// What the hook does at each stage. No system call: everything goes through Node.
//
//   LinuxNode node(Paths{}, Deadline::after_seconds(run_seconds));
//   SL_CHECK(create(node, state));
//   for (const Error& error : remove(node, state)) log_error(error.message);
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "hook/node.hpp"
#include "node/container_state.hpp"

namespace socklid {

/// Puts the container's policy in force, all of it or nothing (I2). Does nothing at all if no
/// annotation of ours is for it (I1). Twice for the same container is as good as once: the new
/// links are in force before the old ones go.
[[nodiscard]] Result<> create(Node& node, const ContainerState& container);

/// Removes what is left of the container `container.id`, from saved state alone (I7). A container
/// that was started again under the same id meanwhile is left alone (D8). Goes on after an error;
/// returns all of them.
[[nodiscard]] std::vector<Error> remove(Node& node, const ContainerState& container);

struct Collection {
  std::size_t removed{0};  ///< containers that were gone
  std::size_t left{0};     ///< for lack of time, or by the errors
  bool out_of_time{false};
  std::vector<Error> errors;
};

/// Removes what is left of containers whose cgroup is gone, which create() does too, because
/// poststop is not reliable; and entries in the maps that belong to no saved state, which is what
/// a run leaves that was killed before it saved any. The caller holds the lock (Node::begin).
[[nodiscard]] Collection collect_garbage(Node& node);

/// Removes one container's state whatever it is: rules, pins, entries in the maps, record. What
/// could not be removed keeps its record, so that the next run tries again. Waits for nobody's
/// network namespace longer than half a second. The caller holds the lock.
[[nodiscard]] std::vector<Error> remove_entry(Node& node, const StoreEntry& entry);

}  // namespace socklid
