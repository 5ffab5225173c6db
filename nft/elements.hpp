// SPDX-License-Identifier: Apache-2.0
//
// nft_elements: a set's elements as libnftnl has them, for what sends them and what compares them.
#pragma once

#include <string>

#include "nft/owned.hpp"
#include "plan/rules/ruleset.hpp"

namespace socklid {

/// The table's and the set's name, and the elements. Of an interval the kernel wants its first
/// value, and the first value behind it with a flag; nothing if it goes up to the end.
[[nodiscard]] Owned<nftnl_set> elements_of(const std::string& table, const nft::Set& set);

}  // namespace socklid
