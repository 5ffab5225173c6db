// SPDX-License-Identifier: Apache-2.0
//
// compat: socket calls as 32-bit code makes them (selftest/ways/gate/gate.hpp). Where there are
// none, ENOSYS: the way does not exist.
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
  direct,       ///< a number each
  multiplexed,  ///< socketcall(2), of x86 alone
};

/// Where both ways are there, the second.
#ifdef __x86_64__
inline constexpr Gate other_gate = Gate::multiplexed;
#else
inline constexpr Gate other_gate = Gate::direct;
#endif

/// Why this machine has no such calls; empty if it has.
[[nodiscard]] std::string_view lacks(Gate gate);
/// A row of such calls.
template <Gate gate>
[[nodiscard]] Row by_gate(Row row) {
  row.lacks = [] { return lacks(gate); };
  return row;
}

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
