// SPDX-License-Identifier: Apache-2.0
//
// /proc/PID/mountinfo as values (proc_pid_mountinfo(5)). Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace socklid {

/// Bytes of /proc/self/mountinfo that are read: a node has some lines for each of its containers.
inline constexpr std::size_t mountinfo_limit = std::size_t{64} * 1024 * 1024;

struct Mount {
  std::string root;         ///< the part of the filesystem that is mounted; "net:[INODE]" for nsfs
  std::string point;        ///< where it is mounted, below our root directory
  std::string type;         ///< "cgroup2", "nsfs", ...
  std::uint64_t id{0};      ///< as `mnt_id:` of proc_pid_fdinfo(5)
  std::uint32_t device{0};  ///< of its file system, as the kernel has it: MAJOR << 20 | MINOR
  bool is_shared{false};    ///< what is mounted below goes on to its peers (mount_namespaces(7))
  friend bool operator==(const Mount&, const Mount&) = default;
};

/// In the order of the file; a later mount on the same point hides the earlier. Lines that do
/// not look like mountinfo are left out. Octal escapes (\040) are decoded.
[[nodiscard]] std::vector<Mount> parse_mountinfo(std::string_view text);

}  // namespace socklid
