// SPDX-License-Identifier: Apache-2.0
#include "hook/netns_index.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <string_view>

#include "hook/files.hpp"

namespace socklid {
namespace {

/// The number in "net:[4026531840]" (namespaces(7)); nothing if `text` is not of that form.
std::optional<std::uint64_t> inode_in(std::string_view text) {
  if (!text.starts_with("net:[")) return std::nullopt;
  text.remove_prefix(5);
  std::uint64_t inode = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), inode);
  return parsed.ec == std::errc{} ? std::optional(inode) : std::nullopt;
}

std::optional<std::uint64_t> inode_at(const std::string& path) {
  std::array<char, 64> text{};
  const ssize_t length = ::readlink(path.c_str(), text.data(), text.size());
  if (length <= 0) return std::nullopt;
  return inode_in({text.data(), static_cast<std::size_t>(length)});
}

std::string path_of(std::string_view process) {
  return std::string("/proc/").append(process).append("/ns/net");
}

/// Nothing if it is another one by now.
std::optional<NetnsRef> open_if(const std::string& path, std::uint64_t inode) {
  NetnsRef netns;
  netns.fd.reset(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat status {};
  if (!netns.fd || ::fstat(netns.fd.get(), &status) != 0) return std::nullopt;
  netns.inode = status.st_ino;
  if (netns.inode != inode) return std::nullopt;
  return netns;
}

}  // namespace

Result<> NetnsIndex::read_mounts() {
  if (mounts_read_) return {};
  const std::string text = SL_TRY(read_file(AT_FDCWD, "/proc/self/mountinfo", Exit::netns, mountinfo_limit));
  for (const Mount& mount : parse_mountinfo(text)) {
    if (mount.type != "nsfs") continue;
    if (const auto inode = inode_in(mount.root)) places_.emplace(*inode, mount.point);
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
    if (const auto inode = inode_at(path)) places_.emplace(*inode, std::move(path));
  }
  processes_read_ = true;
  return {};
}

Result<std::optional<NetnsRef>> NetnsIndex::find(std::uint64_t inode, pid_t likely) {
  if (const std::string path = path_of(std::to_string(likely)); inode_at(path) == inode) {
    if (auto netns = open_if(path, inode)) return netns;
  }
  const auto known = [&]() -> std::optional<NetnsRef> {
    const auto place = places_.find(inode);
    return place == places_.end() ? std::nullopt : open_if(place->second, inode);
  };
  SL_CHECK(read_mounts());
  if (auto netns = known()) return netns;
  SL_CHECK(read_processes());
  return known();
}

}  // namespace socklid
