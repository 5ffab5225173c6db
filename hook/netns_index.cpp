// SPDX-License-Identifier: Apache-2.0
#include "hook/netns_index.hpp"

#include <fcntl.h>

#include <string_view>

#include "hook/files.hpp"

namespace socklid {
namespace {

std::string path_of(std::string_view process) {
  return std::string("/proc/").append(process).append("/ns/net");
}

}  // namespace

Result<> NetnsIndex::read_mounts() {
  if (mounts_read_) return {};
  const std::string text =
      SL_TRY(read_file(AT_FDCWD, "/proc/self/mountinfo", Exit::netns, mountinfo_limit));
  for (const Mount& mount : parse_mountinfo(text)) {
    if (mount.type != "nsfs") continue;
    if (const auto inode = parse_netns_name(mount.root)) places_.emplace(*inode, mount.point);
  }
  mounts_read_ = true;
  return {};
}

Result<> NetnsIndex::read_processes() {
  if (processes_read_) return {};
  const UniqueFd proc(::open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!proc) return fail_errno(Exit::netns, "open /proc");
  for (const std::string& name : SL_TRY(list_directory(proc.get()))) {
    if (name.front() < '1' || name.front() > '9') continue;
    std::string path = path_of(name);
    if (const auto inode = netns_inode_at(AT_FDCWD, path)) places_.emplace(*inode, std::move(path));
  }
  processes_read_ = true;
  return {};
}

Result<std::optional<NetnsRef>> NetnsIndex::find(std::uint64_t inode, pid_t likely) {
  if (const std::string path = path_of(std::to_string(likely));
      netns_inode_at(AT_FDCWD, path) == inode) {
    if (auto netns = open_netns_if(AT_FDCWD, path, inode)) return netns;
  }
  const auto known = [&]() -> std::optional<NetnsRef> {
    const auto place = places_.find(inode);
    return place == places_.end() ? std::nullopt : open_netns_if(AT_FDCWD, place->second, inode);
  };
  SL_CHECK(read_mounts());
  if (auto netns = known()) return netns;
  SL_CHECK(read_processes());
  return known();
}

}  // namespace socklid
