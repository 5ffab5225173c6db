// SPDX-License-Identifier: Apache-2.0
//
// compile_rules: Policy to NftRuleset, one container's rules in its network namespace.
//
//   if (plan.rules) ruleset = compile_rules(policy, *plan.mark, slot, container_id, cgroup_id);
//
// A packet that leaves (chain output) meets these rules in this order:
//
// 1. dropped if it carries a source route;
// 2. over loopback accepted if it stays here, else dropped;
// 3. accepted if IPv6 or a multicast group cannot live without it;
// 4. dropped if it opens a connection, or is a datagram, from an address that is not ours;
// 5. accepted if the kernel answers by itself;
// 6. dropped if its mark or its socket's is not ours;
// 7. accepted if it comes from a port that `bind` names and opens nothing, or if `egress` names it;
// 8. refused.
//
// A packet that arrives (chain input) is accepted if it opens nothing, if `bind` names it, or if it
// is a datagram from a peer that `egress` names. Nothing is forwarded, and nothing asks conntrack.
// The cost per packet depends on how many prefix lengths the lists use, not on how many endpoints
// they name, see plan/rules/endpoints.hpp (D5).
//
// In a namespace that containers share each has a table of its own and a slot in its mark. A table
// does not look at packets with another's slot or none: on the way out the packet's mark says so,
// on the way in the mark of the socket that receives it. So tables come and go without touching one
// another, and a packet meets at most one that judges it. A table without a slot judges the packets
// without a slot.
//
// No rule writes a mark and no rule names an interface by name: when the hook runs there may be
// none but loopback.
#pragma once

#include <cstdint>
#include <string_view>

#include "annotations/mark.hpp"
#include "annotations/policy.hpp"
#include "plan/rules/ruleset.hpp"

namespace socklid {

/// Requires policy.egress. `mark` is what the container's sockets carry: the policy's own, or one
/// taken for it, with the slot; those
/// of its subjects are as good. `slot` 0 is for a namespace of the container's own. Pure and total;
/// equal input gives equal output.
[[nodiscard]] NftRuleset compile_rules(const annotations::Policy& policy, annotations::Mark mark,
                                       std::uint8_t slot, std::string_view container_id,
                                       std::uint64_t cgroup_id);

}  // namespace socklid
