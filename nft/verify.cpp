// SPDX-License-Identifier: Apache-2.0
#include "nft/verify.hpp"

#include <libnftnl/common.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string_view>

#include "base/text.hpp"
#include "nft/contents.hpp"
#include "nft/dump.hpp"
#include "nft/owned.hpp"

namespace socklid {
namespace {

void compare(const std::string& kind, const std::map<std::string, std::string>& wanted,
             const std::map<std::string, std::string>& found, std::vector<std::string>& all) {
  for (const auto& [name, text] : wanted) {
    const auto there = found.find(name);
    if (there == found.end() || there->second != text) all.push_back(kind + " " + name);
  }
  // Their names, and how many there are, are their maker's.
  constexpr std::size_t named = 4;
  std::size_t foreign = 0;
  for (const auto& [name, text] : found) {
    if (wanted.contains(name)) continue;
    if (++foreign <= named) all.push_back("foreign " + kind + " " + quote(name, 40));
  }
  if (foreign > named) {
    all.push_back(std::to_string(foreign - named) + " more foreign " + kind + "s");
  }
}

/// Rules by their place in the chain: those that are gone, else the first that is another.
void compare_rules(const std::string& chain, const std::vector<std::string>& wanted,
                   const std::vector<std::string>& found, std::vector<std::string>& all) {
  if (wanted == found) return;
  const std::size_t before = all.size();
  std::multiset<std::string> left(found.begin(), found.end());
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const auto one = left.find(wanted[i]);
    if (one == left.end()) {
      all.push_back("rule " + std::to_string(i + 1) + " of chain " + chain);
    } else {
      left.erase(one);
    }
  }
  if (!left.empty())
    all.push_back(std::to_string(left.size()) + " foreign rules in chain " + chain);
  if (all.size() == before) all.push_back("order of the rules of chain " + chain);
}

void compare_elements(const std::string& set, const std::multiset<std::string>& wanted,
                      const std::multiset<std::string>& found, std::vector<std::string>& all) {
  const auto only_in = [](const auto& one, const auto& other) {
    std::vector<std::string> rest;
    std::set_difference(one.begin(), one.end(), other.begin(), other.end(),
                        std::back_inserter(rest));
    return rest.size();
  };
  if (const std::size_t missing = only_in(wanted, found); missing != 0) {
    all.push_back(std::to_string(missing) + " elements of set " + set);
  }
  if (const std::size_t foreign = only_in(found, wanted); foreign != 0) {
    all.push_back(std::to_string(foreign) + " foreign elements in set " + set);
  }
}

template <typename Map>
const typename Map::mapped_type& at(const Map& map, const std::string& key) {
  static const typename Map::mapped_type none{};
  const auto found = map.find(key);
  return found == map.end() ? none : found->second;
}

std::vector<std::string> compare(const Contents& wanted, const Contents& found) {
  std::vector<std::string> all;
  compare("chain", wanted.chains, found.chains, all);
  for (const auto& [chain, text] : wanted.chains) {
    // Of a chain that is gone its name says it all.
    if (!found.chains.contains(chain)) continue;
    compare_rules(chain, at(wanted.rules, chain), at(found.rules, chain), all);
  }
  compare("set", wanted.sets, found.sets, all);
  for (const auto& [set, text] : wanted.sets) {
    if (!found.sets.contains(set)) continue;
    compare_elements(set, at(wanted.elements, set), at(found.elements, set), all);
  }
  if (found.unread != 0) {
    all.push_back(std::to_string(found.unread) +
                  " chains, rules or sets that cannot be read, which none of ours is");
  }
  return all;
}

/// What is wrong with the table itself; nothing if it is there, ours and awake.
Result<std::optional<std::string>> check_table(NetlinkSocket& netlink, const NftRuleset& wanted) {
  const std::string what = "table " + wanted.table;
  const NetlinkAnswer answer = SL_TRY(netlink.exchange(table_request(wanted.table), only_sequence));
  if (!answer.errors.empty()) {
    if (means_absent(answer.errors.front())) return std::optional(what);
    return refused(what, answer.errors.front());
  }
  const auto table = owned(nftnl_table_alloc());
  if (answer.messages.empty() ||
      nftnl_table_nlmsg_parse(header_of(answer.messages.front()), table.get()) < 0) {
    return fail(Exit::nft, "nft ", what, ": the kernel's description of it is unreadable");
  }
  std::uint32_t size = 0;
  const void* data = nftnl_table_get_data(table.get(), NFTNL_TABLE_USERDATA, &size);
  if (comment_of(NFTNL_UDATA_TABLE_COMMENT, data, size) != wanted.comment) {
    return std::optional("owner of " + what);
  }
  if ((nftnl_table_get_u32(table.get(), NFTNL_TABLE_FLAGS) & NFT_TABLE_F_DORMANT) != 0) {
    return std::optional(what + " (dormant)");
  }
  return std::optional<std::string>();
}

}  // namespace

Result<std::vector<std::string>> differences(NetlinkSocket& netlink, const NftRuleset& wanted) {
  if (auto wrong = SL_TRY(check_table(netlink, wanted))) {
    return std::vector<std::string>{std::move(*wrong)};
  }
  return compare(contents_of(wanted), SL_TRY(read_contents(netlink, wanted.table)));
}

}  // namespace socklid
