// SPDX-License-Identifier: Apache-2.0
//
// Paths: where our state lives, as a value, so that tests can put it below a directory of theirs.
#pragma once

#include <string>

namespace socklid {

struct Paths {
  std::string run{"/run/socklid"};           ///< records, lock, refusals; gone after a reboot
  std::string bpffs_mount{"/sys/fs/bpf"};    ///< where bpffs is mounted
  std::string bpffs{"/sys/fs/bpf/socklid"};  ///< pins of ours; gone after a reboot
  std::string cgroup_mount;                  ///< empty: what /proc/self/mountinfo says
};

}  // namespace socklid
