// SPDX-License-Identifier: Apache-2.0
//
// What a sequence does to its network namespace as its root: sysctls, netlink, ioctls.
//
//   reset_sysctls();
//   const int error = write_sysctl(step);      // 0 or an errno
#pragma once

#include <string>

#include "tests/siege/engine/grammar.hpp"

namespace socklid::siege {

unsigned sysctl_count();
/// The name of the one that the step writes; for the log.
std::string sysctl_of(const Step& step);
/// All of them to what a new namespace has.
void reset_sysctls();

/// These return 0 or an errno.
int write_sysctl(const Step& step);
int ask_netlink(const Step& step, const Places& places);
int ask_by_ioctl(int socket, const Step& step, const Places& places);

}  // namespace socklid::siege
