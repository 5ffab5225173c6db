// SPDX-License-Identifier: Apache-2.0
//
// The parts of peer_rows(), a file each.
#pragma once

#include <vector>

#include "selftest/row.hpp"

namespace socklid::selftest {

/// Of a datagram socket that is connected to a peer that no list names: by the packet, which the
/// rules see first.
inline constexpr Stops stops_connected{Guard::connect, Guard::not_named, Guard::not_named};

[[nodiscard]] std::vector<Row> tcp_peer_rows();
[[nodiscard]] std::vector<Row> udp_peer_rows();
[[nodiscard]] std::vector<Row> copy_peer_rows();  ///< UDP to many, whose copies are judged nowhere
[[nodiscard]] std::vector<Row> repeated_peer_rows();  ///< the same peer twice, in another manner
[[nodiscard]] std::vector<Row> race_peer_rows();      ///< while another thread rewrites the address
[[nodiscard]] std::vector<Row> label_peer_rows();     ///< IPv6 flow labels
[[nodiscard]] std::vector<Row> mapped_peer_rows();  ///< one version of IP on a socket of the other
[[nodiscard]] std::vector<Row> entry_peer_rows();   ///< io_uring and 32-bit calls
[[nodiscard]] std::vector<Row> task_peer_rows();    ///< threads, children, namespaces
[[nodiscard]] std::vector<Row> sctp_peer_rows();    ///< where the policy opens SCTP or DCCP
[[nodiscard]] std::vector<Row> raw_peer_rows();     ///< where it opens ping or raw sockets

}  // namespace socklid::selftest
