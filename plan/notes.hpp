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

/// What a server needs that listens for both versions of IP by a socket each, and so is sealed by
/// its first one: "io.socklid.seal=listen tcp/80@0.0.0.0 tcp/80@::"; empty if the seal has it, or
/// waits for no listen on given ports.
[[nodiscard]] std::string seal_for_both(const annotations::Policy& policy);

}  // namespace socklid
