// SPDX-License-Identifier: Apache-2.0
//
// Neighbours: who else has a container's cgroup or network namespace, and what place is left in it.
// By their records, by what other runs have begun, and by the tables that are there.
//
//   SL_CHECK(check_unclaimed(target, entries, in_flight));
//   const Placement placement = SL_TRY(place(node, policy, target, entries, in_flight, saved));
#pragma once

#include <optional>
#include <vector>

#include "annotations/parser.hpp"
#include "base/result.hpp"
#include "hook/node.hpp"

namespace socklid {

/// One cgroup is one container's: a second policy on it would be counted as the first one's, and
/// removed with it. Exit::cgroup; Exit::busy if another run is setting it up.
[[nodiscard]] Result<> check_unclaimed(const ContainerTarget& target,
                                       const std::vector<StoreEntry>& entries,
                                       const std::vector<Record>& in_flight);

/// How the policy is put in force in the namespace the container is in (I6, D6). Exit::unsupported
/// names what cannot be had there.
[[nodiscard]] Result<Placement> place(Node& node, const annotations::Policy& policy,
                                      const ContainerTarget& target,
                                      const std::vector<StoreEntry>& entries,
                                      const std::vector<Record>& in_flight,
                                      const std::optional<Saved>& saved);

/// Owners of tables whose container is gone, and which nobody has taken away: one would go on
/// judging what has no slot.
[[nodiscard]] std::vector<RulesOwner> stale_owners(Node& node, const ContainerTarget& target);

}  // namespace socklid
