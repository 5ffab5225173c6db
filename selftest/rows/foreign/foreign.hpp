// SPDX-License-Identifier: Apache-2.0
//
// The parts of foreign_rows(). Each is in PART.cpp of this folder.
#pragma once

#include <vector>

#include "selftest/row.hpp"

namespace socklid::selftest {

/// A peer for a socket that was made elsewhere.
inline constexpr Stops stops_foreign_peer{Guard::connect, Guard::foreign, Guard::connect};

[[nodiscard]] std::vector<Row> foreign_peer();    ///< choosing a peer, or having one
[[nodiscard]] std::vector<Row> foreign_listen();  ///< being reached
[[nodiscard]] std::vector<Row> foreign_raw();     ///< sockets that the container could not make
[[nodiscard]] std::vector<Row> foreign_change();  ///< what changes something else by a socket
[[nodiscard]] std::vector<Row> foreign_mark();    ///< whose packet is marked past the hooks

}  // namespace socklid::selftest
