// SPDX-License-Identifier: Apache-2.0
#include "guard/find_netns.hpp"

#include <fcntl.h>

#include <algorithm>
#include <string>
#include <string_view>

#include "base/text.hpp"
#include "base/unique_fd.hpp"
#include "guard/tasks.hpp"
#include "system/files.hpp"
#include "system/mountinfo.hpp"

namespace socklid {
namespace {

bool is_number(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

Result<std::optional<NetnsRef>> find_netns(std::uint64_t inode) {
  const std::string mountinfo =
      SL_TRY(read_file(AT_FDCWD, "/proc/self/mountinfo", Exit::netns, mountinfo_limit));
  for (const std::string& point : netns_mounts(parse_mountinfo(mountinfo), inode)) {
    if (auto netns = open_netns_if(AT_FDCWD, point, inode)) return netns;
  }
  const UniqueFd proc(::open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!proc) return fail_errno(Exit::netns, "open /proc");
  if (const auto pids = SL_TRY(processes_in(inode))) {
    for (const pid_t pid : *pids) {
      if (auto netns = open_netns_if(proc.get(), std::to_string(pid) + "/ns/net", inode))
        return netns;
    }
    return std::optional<NetnsRef>{};
  }
  for (const std::string& name : SL_TRY(list_directory(proc.get()))) {
    if (!is_number(name) || netns_inode_at(proc.get(), name + "/ns/net") != inode) continue;
    if (auto netns = open_netns_if(proc.get(), name + "/ns/net", inode)) return netns;
  }
  return std::optional<NetnsRef>{};
}

}  // namespace socklid
