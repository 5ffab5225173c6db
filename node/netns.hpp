// SPDX-License-Identifier: Apache-2.0
//
// Network namespaces: which one a container uses, whose it is, and one call inside it.
//
//   const NetnsRef netns = SL_TRY(open_netns(process));
//   const NetnsKind kind = classify(netns.inode, host, in_pod);  // own, shared or host
//   {
//     const NetnsGuard inside = SL_TRY(NetnsGuard::enter(netns));
//     socket = ::socket(AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER);
//   }
//
// Namespaces differ by inode number (ioctl_ns(2)); all of them are on the one nsfs, so
// the device number adds nothing. Numbers are reused after the last holder is gone.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "annotations/parser.hpp"
#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "plan/placement.hpp"
#include "system/mountinfo.hpp"
#include "system/process.hpp"

namespace socklid {

struct NetnsRef {
  UniqueFd fd;
  std::uint64_t inode{0};
};

// Pure parts ------------------------------------------------------------------------------------

/// `host` are the inodes of PID 1's namespace and of the hook's own; `in_pod`: the engine says so,
/// or it is proved (node/engine.hpp).
[[nodiscard]] NetnsKind classify(std::uint64_t inode, const std::vector<std::uint64_t>& host,
                                 bool in_pod);

/// Whose rules a namespace holds: the comment of a table of ours, "container ID cgroup CGROUP_ID".
struct RulesOwner {
  std::string id;
  std::uint64_t cgroup_id{0};
  std::uint8_t slot{0};  ///< of the table, see plan/placement.hpp
  friend bool operator==(const RulesOwner&, const RulesOwner&) = default;
};
/// Nothing if `comment` is not in that form. The number is decimal, or hexadecimal with 0x.
[[nodiscard]] std::optional<RulesOwner> parse_rules_owner(std::string_view comment);

/// The inode in a namespace's name, "net:[4026531840]" (namespaces(7)); nothing if it is none.
[[nodiscard]] std::optional<std::uint64_t> parse_netns_name(std::string_view name);

/// Where the namespace `inode` is mounted (nsfs, root "net:[INODE]"): `ip netns`, podman and
/// CRI-O keep namespaces alive this way.
[[nodiscard]] std::vector<std::string> netns_mounts(const std::vector<Mount>& mounts,
                                                    std::uint64_t inode);

// What looks at the node ------------------------------------------------------------------------

/// Which namespace the link at `path` below `directory` (or AT_FDCWD) names; nothing if it cannot
/// be read, as of a process that has ended. By readlink(2): stat(2) would make an inode for each
/// namespace that nobody holds open, and takes twice as long.
[[nodiscard]] std::optional<std::uint64_t> netns_inode_at(int directory, const std::string& path);

/// The namespace at `path` below `directory`; nothing if it is another one by now, or none.
[[nodiscard]] std::optional<NetnsRef> open_netns_if(int directory, const std::string& path,
                                                    std::uint64_t inode);

/// The network namespace of `process`. Exit::netns.
[[nodiscard]] Result<NetnsRef> open_netns(const ContainerProcess& process);

/// The inodes of PID 1's namespace and of our own. Exit::netns.
[[nodiscard]] Result<std::vector<std::uint64_t>> host_netns();

/// This thread is in the namespace for as long as the guard lives: for one socket() call, no more.
/// A thread that cannot come back would go on in the container's namespace: it aborts instead.
class NetnsGuard {
 public:
  [[nodiscard]] static Result<NetnsGuard> enter(const NetnsRef& netns);
  NetnsGuard(NetnsGuard&& other) noexcept = default;
  NetnsGuard& operator=(NetnsGuard&&) = delete;
  NetnsGuard(const NetnsGuard&) = delete;
  NetnsGuard& operator=(const NetnsGuard&) = delete;
  ~NetnsGuard();

 private:
  explicit NetnsGuard(UniqueFd home) : home_(std::move(home)) {}
  UniqueFd home_;
};

}  // namespace socklid
