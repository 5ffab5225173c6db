// SPDX-License-Identifier: Apache-2.0
//
// A policy as {"io.socklid.bind": "tcp/80", ...}: only what differs from the default.
#pragma once

#include "annotations/policy.hpp"
#include "base/json.hpp"

namespace socklid::command {

[[nodiscard]] json::Value policy_json(const annotations::Policy& policy);

}  // namespace socklid::command
