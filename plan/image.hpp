// SPDX-License-Identifier: Apache-2.0
//
// A policy as the kernel has it (sl_policy, bpf/policy_abi.h), a container's or a subject's.
//
//   plan.image = policy_image(policy, placement, plan.mark);
//   plan.lists = lists_of(policy);
#pragma once

#include <optional>

#include "annotations/policy.hpp"
#include "bpf/policy_abi.h"
#include "plan/endpoint_lists.hpp"
#include "plan/placement.hpp"

namespace socklid {

/// `mark` is what new sockets get. Cgroup, namespaces and generation are 0, and nothing is said of
/// subjects and of files.
[[nodiscard]] sl_policy policy_image(const annotations::Policy& policy, Placement placement,
                                     const std::optional<annotations::Mark>& mark);

/// The endpoints that `connect`, `bind` and `egress` name.
[[nodiscard]] EndpointLists lists_of(const annotations::Policy& policy);

}  // namespace socklid
