// SPDX-License-Identifier: Apache-2.0
#include "selftest/rows/foreign/foreign.hpp"

#include "selftest/rows/rows.hpp"

namespace socklid::selftest {

std::span<const Row> foreign_rows() {
  static const std::vector<Row> rows =
      joined({foreign_peer(), foreign_listen(), foreign_raw(), foreign_change(), foreign_mark()});
  return rows;
}

}  // namespace socklid::selftest
