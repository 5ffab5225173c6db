// SPDX-License-Identifier: Apache-2.0
//
// compat: socket calls by the 32-bit system call gate of x86-64 (int $0x80), which a 64-bit program
// can use too. On other machines, and on a kernel without it, ENOSYS: the way does not exist.
//
//   const UniqueFd fd = compat_socket(Gate::multiplexed, AF_INET, SOCK_STREAM, 0);
//
// Errors are in errno.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <string_view>

#include "base/unique_fd.hpp"
#include "selftest/row.hpp"

namespace socklid::selftest {

enum class Gate : std::uint8_t {
  direct,       ///< a number each (arch/x86/entry/syscalls/syscall_32.tbl)
  multiplexed,  ///< socketcall(2)
};

[[nodiscard]] UniqueFd compat_socket(Gate gate, int family, int type, int protocol);
[[nodiscard]] bool compat_connect(Gate gate, int fd, const Address& peer);
[[nodiscard]] bool compat_bind(Gate gate, int fd, const Address& local);
[[nodiscard]] bool compat_listen(Gate gate, int fd);
[[nodiscard]] bool compat_sendto(Gate gate, int fd, std::string_view data, const Address& peer,
                                 int flags = 0);
[[nodiscard]] bool compat_setsockopt(Gate gate, int fd, int level, int option,
                                     std::string_view value);
[[nodiscard]] bool compat_shutdown(Gate gate, int fd, int how);

}  // namespace socklid::selftest
