// SPDX-License-Identifier: Apache-2.0
//
// The policies that rows are tried under, as annotations.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "annotations/parser.hpp"
#include "base/result.hpp"
#include "selftest/row.hpp"

namespace socklid::selftest {

enum class Policy : std::uint8_t {
  nothing,  ///< none: what a row sends must arrive
  verbs,    ///< connect and bind lists
  egress,   ///< egress
  both,
  own,  ///< what the row says, and nothing else
};
/// Those that the row is tried under.
[[nodiscard]] std::span<const Policy> policies_of(const Row& row);

[[nodiscard]] std::string_view name_of(Policy policy);
/// The guard that a row expects under a policy other than nothing.
[[nodiscard]] Guard guard_of(const Stops& stops, Policy policy);
/// With those of the row put over them; of `own` the row's alone. Exit::internal if one of these is
/// not KEY=VALUE.
[[nodiscard]] Result<annotations::Annotations> annotations_of(Policy policy, const Row& row);

}  // namespace socklid::selftest
