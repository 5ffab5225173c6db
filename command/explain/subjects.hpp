// SPDX-License-Identifier: Apache-2.0
//
// What explain says of a policy's subjects, a block for each, and of the files that it protects.
//
//   subject sshd:
//     programs             /usr/sbin/sshd
//     bind                 tcp/22
//     inherit              all
#pragma once

#include <string>

#include "base/json.hpp"
#include "command/explain/explain.hpp"

namespace socklid::command {

/// Empty if there is nothing of either.
[[nodiscard]] std::string subjects_text(const Explanation& explanation);

/// Arrays: of objects, and of paths, with '!' before an exception.
[[nodiscard]] json::Value subjects_json(const Explanation& explanation);
[[nodiscard]] json::Value readonly_json(const Explanation& explanation);

}  // namespace socklid::command
