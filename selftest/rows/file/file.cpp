// SPDX-License-Identifier: Apache-2.0
#include "selftest/rows/file/file.hpp"

namespace socklid::selftest {

std::span<const Row> file_rows() {
  static const std::vector<Row> rows =
      joined({file_write(), file_attribute(), file_name(), file_mount(), file_program()});
  return rows;
}

}  // namespace socklid::selftest
