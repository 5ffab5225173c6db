// SPDX-License-Identifier: Apache-2.0
#include "selftest/rows/packet/packet.hpp"

#include "selftest/rows/rows.hpp"

namespace socklid::selftest {

std::span<const Row> packet_rows() {
  static const std::vector<Row> rows =
      joined({source_route_rows(), way_rows(), raw_packet_rows(), forged_flow_rows(),
              address_rows(), tunnel_rows(), forwarded_rows()});
  return rows;
}

}  // namespace socklid::selftest
