// SPDX-License-Identifier: Apache-2.0
//
// The broker: an accomplice, a process of the host outside the container's cgroup, which makes
// sockets and files and hands them in (SCM_RIGHTS). What it makes has no mark of the container's
// and no policy has judged how it was made; what is done with it inside is another matter.
//
//   const UniqueFd fd = borrow(scene, Lent::udp);                    // in an attempt
//   if (!fd) return failed("borrow");
//   const UniqueFd far = borrow(scene, Lent::tcp, Namespace::elsewhere);
//   const HeldSocket held = hold(scene, Lent::udp);                 // stays with the broker:
//   pidfd_getfd(pidfd_open(held.pid, 0), held.fd, 0);                // for who fetches it himself
//
// Inet sockets are of the scene's version of IP. Every descriptor is close-on-exec and blocking, as
// those of open_socket() in selftest/ways/sockets.hpp.
#pragma once

#include <sys/types.h>

#include <cstdint>

#include "base/unique_fd.hpp"
#include "selftest/row.hpp"

namespace socklid::selftest {

enum class Lent : std::uint8_t {
  udp,            ///< no peer, no port
  udp_connected,  ///< to scene.target
  udp_bound,      ///< to scene.port of any address
  tcp,            ///< no peer, no port
  /// To scene.target. An error when it is refused, or not answered within a second (ETIMEDOUT).
  tcp_connected,
  tcp_early,      ///< to scene.target, as if it had been before there was a policy
  tcp_bound,      ///< to scene.port of any address, not listening
  tcp_listening,  ///< on scene.port of any address
  mptcp,          ///< no peer, no port
  sctp,           ///< one-to-many, no peer, no port
  icmp,           ///< SOCK_DGRAM
  raw,            ///< IPPROTO_RAW: with IPv4 the header is the writer's
  packet,         ///< AF_PACKET, SOCK_RAW, sends only
  netlink_route,
  netlink_netfilter,
  netlink_xfrm,
  netlink_generic,
  // Not sockets; `where` does not matter but for netns.
  netns,           ///< /proc/PID/ns/net of the namespace, for setns(2)
  cgroup_outside,  ///< directory of an empty cgroup beside the container's, O_RDONLY
  cgroup_procs,    ///< its cgroup.procs, opened for writing by the broker
  cgroup_above,    ///< directory of the cgroup above the container's, O_RDONLY
  bpffs,           ///< directory of bpffs' root
  sysctl,          ///< ip_nonlocal_bind of the scene's version of IP, opened for writing
  configfs,        ///< directory of configfs' root; nvmet_host and nvmet_subsystem are in it
  perf_program,    ///< a BPF program for perf's events, as bpf(2) knows it
  denials_map,     ///< our programs' map of counters, as bpf(2) knows it; with a policy only
};

enum class Namespace : std::uint8_t {
  inside,     ///< the container's network namespace
  elsewhere,  ///< another one, which stands for the host's: a second veth to the receiver
};

/// Where `elsewhere` is seen: its address and the receiver's on that link, /24 and /64. It reaches
/// target and named through them.
inline constexpr std::string_view elsewhere4 = "10.231.8.2", elsewhere6 = "fd5e:1f:0:1::2";
inline constexpr std::string_view gateway4 = "10.231.8.1", gateway6 = "fd5e:1f:0:1::1";

/// Of Lent::configfs: directories below its root, which the borrower removes.
inline constexpr const char* nvmet_host = "nvmet/hosts/socklid-selftest";
inline constexpr const char* nvmet_subsystem = "nvmet/subsystems/socklid-selftest";

/// Empty and errno if the broker could not have it.
[[nodiscard]] UniqueFd borrow(const Scene& scene, Lent what, Namespace where = Namespace::inside);

struct HeldSocket {
  pid_t pid{0};  ///< the broker
  int fd{-1};    ///< a descriptor of the broker's, open until the attempt is over; -1 and errno
};
/// The same, but it stays where it is.
[[nodiscard]] HeldSocket hold(const Scene& scene, Lent what, Namespace where = Namespace::inside);

/// The broker connects by TCP, from elsewhere, to the container's address and `port` (host byte
/// order), and keeps the connection until the attempt is over: a visitor for who accepts. False
/// and errno if it is refused, or not answered within a second (ETIMEDOUT).
[[nodiscard]] bool visit(const Scene& scene, std::uint16_t port);

}  // namespace socklid::selftest
