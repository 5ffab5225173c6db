// SPDX-License-Identifier: Apache-2.0
#include "selftest/rows/peer/peer.hpp"

#include "selftest/rows/rows.hpp"

namespace socklid::selftest {

std::span<const Row> peer_rows() {
  static const std::vector<Row> rows =
      joined({tcp_peer_rows(), udp_peer_rows(), copy_peer_rows(), repeated_peer_rows(),
              race_peer_rows(), label_peer_rows(), mapped_peer_rows(), entry_peer_rows(),
              task_peer_rows(), sctp_peer_rows(), raw_peer_rows()});
  return rows;
}

}  // namespace socklid::selftest
