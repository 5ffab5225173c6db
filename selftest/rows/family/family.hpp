// SPDX-License-Identifier: Apache-2.0
//
// The parts of family_rows().
#pragma once

#include <vector>

#include "selftest/row.hpp"

namespace socklid::selftest {

[[nodiscard]] std::vector<Row> link_rows();      ///< AF_PACKET, AF_XDP: frames past every rule
[[nodiscard]] std::vector<Row> protocol_rows();  ///< protocols of inet and inet6
[[nodiscard]] std::vector<Row> netlink_rows();   ///< protocols of netlink

}  // namespace socklid::selftest
