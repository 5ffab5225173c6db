// SPDX-License-Identifier: Apache-2.0
//
// Reads standard input to its end, before anything else happens. crun before 1.17 writes the state
// before its timeout starts. It fails the container with EPIPE when a hook exits early, and hangs
// when a hook does not read at all.
#pragma once

#include <cstddef>
#include <string>

#include "base/result.hpp"

namespace socklid {

/// Everything from `fd` to its end. More than `limit` bytes is an error (Exit::state), reported
/// only after what follows has been read too, up to 16 times the limit.
[[nodiscard]] Result<std::string> read_input(int fd, std::size_t limit);

}  // namespace socklid
