// SPDX-License-Identifier: Apache-2.0
//
// The parts of deputy_rows(). Each is in PART.cpp of this folder.
#pragma once

#include <string_view>
#include <vector>

#include "selftest/row.hpp"

namespace socklid::selftest {

[[nodiscard]] std::vector<Row> deputy_key();       ///< keys that the host is asked for
[[nodiscard]] std::vector<Row> deputy_mount();     ///< file systems of the network
[[nodiscard]] std::vector<Row> deputy_device();    ///< files of sysfs and /proc/net
[[nodiscard]] std::vector<Row> deputy_configfs();  ///< what configfs is told
[[nodiscard]] std::vector<Row> deputy_sysctl();    ///< sysctls of net/
[[nodiscard]] std::vector<Row> deputy_module();    ///< modules of what is closed

/// Writes all of `text` at once to a file that is there, `path` from `directory` on as openat(2)
/// takes them. False and errno if it can't be opened or written.
[[nodiscard]] bool write_file_at(int directory, const char* path, std::string_view text);

}  // namespace socklid::selftest
