// SPDX-License-Identifier: Apache-2.0
#include "system/input.hpp"

#include <unistd.h>

namespace socklid {

Result<std::string> read_input(int fd, std::size_t limit) {
  std::string content;
  std::size_t total = 0;
  char buffer[16 * 1024];
  while (total <= 16 * limit) {
    const ssize_t got = ::read(fd, buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail_errno(Exit::state, "read standard input");
    if (got == 0) break;
    total += static_cast<std::size_t>(got);
    if (total <= limit) content.append(buffer, static_cast<std::size_t>(got));
  }
  if (total > limit) {
    return fail(Exit::state, "standard input is larger than ", limit, " bytes, the limit");
  }
  return content;
}

}  // namespace socklid
