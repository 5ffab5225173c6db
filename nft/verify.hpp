// SPDX-License-Identifier: Apache-2.0
//
// nft_verify: whether a table in the kernel is the one that install() would put there. Every chain,
// rule, set and element of it is read back from the kernel. A comment alone proves nothing: whoever
// is in the namespace and has the capability may empty the table and leave the comment.
//
//   for (const std::string& what : SL_TRY(differences(netlink, ruleset))) report(what);
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"
#include "nft/netlink.hpp"
#include "plan/rules/ruleset.hpp"

namespace socklid {

/// Each part of `wanted` that is missing or changed, and what is there besides it: "table socklid",
/// "owner of table socklid", "chain egress", "rule 3 of chain output", "2 elements of set
/// egress_v4_32". Empty: all of it is in force. What counters have counted is not compared. Errors:
/// Exit::nft, nothing was found out.
[[nodiscard]] Result<std::vector<std::string>> differences(NetlinkSocket& netlink,
                                                           const NftRuleset& wanted);

}  // namespace socklid
