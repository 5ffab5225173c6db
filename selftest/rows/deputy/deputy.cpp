// SPDX-License-Identifier: Apache-2.0
#include "selftest/rows/deputy/deputy.hpp"

#include <fcntl.h>
#include <unistd.h>

#include "selftest/rows/rows.hpp"

namespace socklid::selftest {

bool write_file_at(int directory, const char* path, std::string_view text) {
  const UniqueFd file(::openat(directory, path, O_WRONLY | O_CLOEXEC));
  return file && ::write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

std::span<const Row> deputy_rows() {
  static const std::vector<Row> rows =
      joined({deputy_key(), deputy_mount(), deputy_device(), deputy_configfs(), deputy_sysctl(),
              deputy_module()});
  return rows;
}

}  // namespace socklid::selftest
