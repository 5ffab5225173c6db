// SPDX-License-Identifier: Apache-2.0
//
// Where each guard counts what it stops. Pure; selftest/arena/counters.hpp reads.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "bpf/policy_abi.h"
#include "selftest/row.hpp"

namespace socklid::selftest {

/// Every one, in the order of the enumeration.
[[nodiscard]] const std::vector<Guard>& all_guards();
/// For people: "connect", "io.socklid.egress: not named".
[[nodiscard]] std::string_view name_of(Guard guard);
/// Of a BPF guard; SL_REASON_NONE of others.
[[nodiscard]] sl_reason reason_of(Guard guard);
/// Of a guard in the rules: the comments of its rules (plan/rules/rules.cpp), one or more; of
/// others none.
[[nodiscard]] std::span<const std::string_view> comments_of(Guard guard);

}  // namespace socklid::selftest
