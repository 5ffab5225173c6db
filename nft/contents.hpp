// SPDX-License-Identifier: Apache-2.0
//
// nft_contents: what one table has, or should have, as texts that can be compared.
//
//   const Contents wanted = contents_of(ruleset);
//   const Contents found = SL_TRY(read_contents(netlink, ruleset.table));
//   if (found.chains == wanted.chains && found.unread == 0) use(found.rules);
#pragma once

#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "nft/netlink.hpp"
#include "plan/rules/ruleset.hpp"

namespace socklid {

/// Names of chains and sets, with the rest of them as text.
struct Contents {
  std::map<std::string, std::string> chains;
  std::map<std::string, std::vector<std::string>> rules;  ///< by chain, in their order
  std::map<std::string, std::string> sets;
  std::set<std::string> filled;  ///< those of them that rules fill: what is in them is not compared
  std::map<std::string, std::multiset<std::string>> elements;  ///< by set
  std::size_t unread{0};  ///< chains, rules, sets and lists of elements that libnftnl cannot read
};

/// The same messages that install() sends.
[[nodiscard]] Contents contents_of(const NftRuleset& ruleset);

/// Of the table in the kernel. Errors: Exit::nft, nothing was found out.
[[nodiscard]] Result<Contents> read_contents(NetlinkSocket& netlink, const std::string& table);

}  // namespace socklid
