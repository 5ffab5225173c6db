// SPDX-License-Identifier: Apache-2.0
//
// Case: a row with the version of IP it is tried with; what `socklid selftest --list` lists. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "selftest/row.hpp"

namespace socklid::selftest {

struct Case {
  std::string_view group;  ///< heading
  const Row* row{nullptr};
  Ip ip{Ip::v4};
};

/// "v4", "v6", or "-" for a row that knows no versions.
[[nodiscard]] std::string_view ip_of(const Case& one);

/// Every row of the tables, in the order of the report. With `patterns`, only those whose name
/// contains one of them.
[[nodiscard]] std::vector<Case> cases(const std::vector<std::string>& patterns);

/// One line each: the name, a tab, ip_of().
[[nodiscard]] std::string list_text(const std::vector<Case>& all);

}  // namespace socklid::selftest
