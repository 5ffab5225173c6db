// SPDX-License-Identifier: Apache-2.0
//
// What a person should know of a policy: what it costs, what it leaves out, who is known to want
// more. One line each, for explain and the log.
#pragma once

#include <string>
#include <vector>

#include "annotations/policy.hpp"
#include "plan/plan.hpp"

namespace socklid {

[[nodiscard]] std::vector<std::string> notes_on(const annotations::Policy& policy, const Plan& plan,
                                                Placement placement);

}  // namespace socklid
