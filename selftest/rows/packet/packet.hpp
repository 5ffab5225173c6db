// SPDX-License-Identifier: Apache-2.0
//
// The parts of packet_rows().
#pragma once

#include <string_view>
#include <vector>

#include "selftest/row.hpp"

namespace socklid::selftest {

[[nodiscard]] std::vector<Row> source_route_rows();  ///< to a named peer by way of another
[[nodiscard]] std::vector<Row> way_rows();           ///< which interface, which source, which group
[[nodiscard]] std::vector<Row> raw_packet_rows();    ///< where a policy opens raw sockets
[[nodiscard]] std::vector<Row> forged_flow_rows();   ///< answers to what nobody has asked
[[nodiscard]] std::vector<Row> address_rows();    ///< other hosts' addresses, and loopback's device
[[nodiscard]] std::vector<Row> tunnel_rows();     ///< packets in packets
[[nodiscard]] std::vector<Row> forwarded_rows();  ///< packets that a device injects

inline constexpr std::string_view raw_annotation = "io.socklid.families=inet inet6 raw";

}  // namespace socklid::selftest
