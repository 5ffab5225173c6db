// SPDX-License-Identifier: Apache-2.0
//
// What tables of rows share that are spread over several files.
#pragma once

#include <initializer_list>
#include <span>
#include <string_view>
#include <vector>

#include "selftest/row.hpp"

namespace socklid::selftest {

/// The same guard under every policy.
constexpr Stops always(Guard guard) {
  return {guard, guard, guard};
}

/// A peer that no list names.
inline constexpr Stops stops_peer{Guard::connect, Guard::not_named, Guard::connect};

/// Of rows about the rules: as egress is in force under every policy, so are they.
inline constexpr std::string_view egress_annotation =
    "io.socklid.egress=tcp/4747@10.231.7.9 udp/4747@10.231.7.9 "
    "tcp/4747@fd5e:1f::9 udp/4747@fd5e:1f::9";
/// Peers are for the rules alone to judge.
inline constexpr std::string_view any_peer_annotation = "io.socklid.connect=allow";

[[nodiscard]] inline std::vector<Row> joined(std::initializer_list<std::span<const Row>> tables) {
  std::vector<Row> rows;
  for (const std::span<const Row>& table : tables) {
    rows.insert(rows.end(), table.begin(), table.end());
  }
  return rows;
}

}  // namespace socklid::selftest
