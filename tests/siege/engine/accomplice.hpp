// SPDX-License-Identifier: Apache-2.0
//
// The container's accomplice outside: it answers whoever comes, over TCP and UDP.
//
//   return answer_all(7);
#pragma once

#include <cstdint>

namespace socklid::siege {

/// Echoes what comes to the port; prints "ok" when it listens, and returns only on an error.
int answer_all(std::uint16_t port);

}  // namespace socklid::siege
