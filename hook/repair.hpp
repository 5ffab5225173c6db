// SPDX-License-Identifier: Apache-2.0
//
// repair: puts back what a container's record says, with the steps of create().
//
//   SL_CHECK(node.check_view());
//   SL_CHECK(repair(node, entry, observed.rules_damaged));
#pragma once

#include "base/result.hpp"
#include "hook/linux_node.hpp"
#include "store/policy_store.hpp"

namespace socklid {

/// Takes the node's lock (Node::begin), but not for the rules: whoever is in the container's
/// network namespace keeps nobody waiting but this run. Attaches and pins every link anew, with its
/// anchors, and writes the maps' entries. The rules are installed anew if `with_rules`, which
/// starts their counters at 0; the others stay. New links are in force before old ones go; an error
/// leaves no less in force than before. Errors name what is gone and cannot come back: Exit::store
/// without a record, Exit::unsupported if another build's programs are in force, Exit::cgroup,
/// Exit::netns, and those of the steps.
[[nodiscard]] Result<> repair(LinuxNode& node, const StoreEntry& entry, bool with_rules);

}  // namespace socklid
