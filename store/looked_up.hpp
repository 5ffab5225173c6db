// SPDX-License-Identifier: Apache-2.0
//
// LookedUp as it stands in a container's details (store/record.hpp). Names of files are whatever
// bytes the image has, so they are written in hexadecimal.
//
//   document["looked_up"] = to_value(found);
//   const LookedUp looked_up = SL_TRY(parse_looked_up(*value));
#pragma once

#include "base/json.hpp"
#include "base/result.hpp"
#include "node/files/looked_up.hpp"

namespace socklid {

[[nodiscard]] json::Value to_value(const LookedUp& looked_up);
/// Exit::store if it is not what to_value() writes.
[[nodiscard]] Result<LookedUp> parse_looked_up(const json::Value& value);

}  // namespace socklid
