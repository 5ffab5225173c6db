// SPDX-License-Identifier: Apache-2.0
#include "selftest/row.hpp"

namespace socklid::selftest {

std::span<const Row> packet_rows() {
  static const std::vector<Row> rows{};
  return rows;
}

}  // namespace socklid::selftest
