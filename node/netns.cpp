// SPDX-License-Identifier: Apache-2.0
#include "node/netns.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>

#include "base/text.hpp"
#include "system/files.hpp"

namespace socklid {
namespace {

Result<NetnsRef> open_at(int directory, const std::string& path) {
  NetnsRef netns;
  netns.fd.reset(::openat(directory, path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!netns.fd) return fail_errno(Exit::netns, "open network namespace " + path);
  struct stat status {};
  if (::fstat(netns.fd.get(), &status) != 0) return fail_errno(Exit::netns, "stat " + path);
  netns.inode = status.st_ino;
  return netns;
}

}  // namespace

NetnsKind classify(std::uint64_t inode, const std::vector<std::uint64_t>& host, bool in_pod) {
  if (std::find(host.begin(), host.end(), inode) != host.end()) return NetnsKind::host;
  return in_pod ? NetnsKind::shared : NetnsKind::own;
}

std::optional<RulesOwner> parse_rules_owner(std::string_view comment) {
  const std::vector<std::string_view> words = split(comment, ' ');
  if (words.size() != 4 || words[0] != "container" || words[2] != "cgroup") return std::nullopt;
  std::string_view digits = words[3];
  int base = 10;
  if (digits.starts_with("0x")) {
    digits.remove_prefix(2);
    base = 16;
  }
  const auto cgroup_id = parse_number<std::uint64_t>(digits, base);
  if (!cgroup_id) return std::nullopt;
  return RulesOwner{.id = std::string(words[1]), .cgroup_id = *cgroup_id};
}

std::optional<std::uint64_t> parse_netns_name(std::string_view name) {
  constexpr std::string_view prefix = "net:[";
  if (!name.starts_with(prefix)) return std::nullopt;
  name.remove_prefix(prefix.size());
  return take_number<std::uint64_t>(name);
}

std::vector<std::string> netns_mounts(const std::vector<Mount>& mounts, std::uint64_t inode) {
  const std::string root = "net:[" + std::to_string(inode) + "]";
  std::vector<std::string> points;
  for (const Mount& mount : mounts) {
    if (mount.type == "nsfs" && mount.root == root) points.push_back(mount.point);
  }
  return points;
}

std::optional<std::uint64_t> netns_inode_at(int directory, const std::string& path) {
  std::array<char, 64> text{};
  const ssize_t length = ::readlinkat(directory, path.c_str(), text.data(), text.size());
  if (length <= 0) return std::nullopt;
  return parse_netns_name({text.data(), static_cast<std::size_t>(length)});
}

std::optional<NetnsRef> open_netns_if(int directory, const std::string& path, std::uint64_t inode) {
  auto netns = open_at(directory, path);
  if (!netns || netns->inode != inode) return std::nullopt;
  return std::move(*netns);
}

Result<NetnsRef> open_netns(const ContainerProcess& process) {
  auto netns = open_at(process.directory(), "ns/net");
  if (!netns) return wrap("process " + std::to_string(process.pid()), netns.error());
  return netns;
}

Result<std::vector<std::uint64_t>> host_netns() {
  const NetnsRef init = SL_TRY(open_at(AT_FDCWD, "/proc/1/ns/net"));
  const NetnsRef own = SL_TRY(open_at(AT_FDCWD, "/proc/self/ns/net"));
  return std::vector<std::uint64_t>{init.inode, own.inode};
}

Result<NetnsGuard> NetnsGuard::enter(const NetnsRef& netns) {
  NetnsRef home = SL_TRY(open_at(AT_FDCWD, "/proc/thread-self/ns/net"));
  if (::setns(netns.fd.get(), CLONE_NEWNET) != 0) {
    return fail_errno(Exit::netns, "enter the container's network namespace");
  }
  return NetnsGuard(std::move(home.fd));
}

NetnsGuard::~NetnsGuard() {
  if (home_ && ::setns(home_.get(), CLONE_NEWNET) != 0) std::abort();
}

}  // namespace socklid
