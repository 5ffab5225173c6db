// SPDX-License-Identifier: Apache-2.0
//
// Row: one way round a policy. Each is tried without a policy, when what it sends must arrive, and
// then under three policies, when it must not, and the guard that the row names must have counted
// it; or under one of its own, in a container whose files are its own too. A row that does not
// arrive without a policy proves nothing and is "not tried"; one of a protocol that the kernel does
// not have is a way that is not there.
//
// Rows stand in tables, selftest/rows; selftest/run.hpp carries them out.
#pragma once

#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/unique_fd.hpp"

namespace socklid::selftest {

/// What stops a way. Each counts what it stops; guard.hpp says where.
enum class Guard : std::uint8_t {
  // BPF: a reason of bpf/policy_abi.h each
  family,
  protocol,
  create,
  create_tcp,
  create_udp,
  connect,
  bind,
  listen,
  accept,
  shutdown,
  mark,        ///< another mark by socket option or control message
  option,      ///< a socket option or control message that would loosen the policy, or is unknown
  netlink,     ///< a netlink message that changes something
  bpf,         ///< bpf(2)
  ioctl,       ///< an ioctl(2) that changes interfaces, addresses, routes or tunnels
  cgroup,      ///< leaving the container's cgroup
  join,        ///< a multicast group, of which the kernel tells the link
  foreign,     ///< a socket that is not the container's: of another network namespace, or unmarked
  packet_out,  ///< a packet that egress does not name
  packet_in,   ///< an unasked packet to a port that bind does not name
  packet_source,  ///< a packet from an address that is not the namespace's own
  key,            ///< a key that the host is asked for
  mount,          ///< a file system of the network, or of the kernel's servers
  sysfs,          ///< a file of sysfs, configfs or /proc/net
  sysctl,         ///< a sysctl of net/
  module,         ///< a module of a family or protocol that is closed
  subject,        ///< a task that came without an exec, in a container with subjects
  hours,          ///< a subject outside its hours
  trace,          ///< a hold of a task that is in fewer subjects
  file,           ///< a change of a protected file, or of what leads to it
  // nft: a counted rule each
  unmarked,        ///< a packet without the container's mark
  socket_mark,     ///< a packet whose mark is not its socket's
  routing_header,  ///< an IPv6 routing header
  loose_route,     ///< IPv4 options
  strict_route,
  foreign_source,  ///< an address that is not the namespace's own
  not_named,       ///< a destination that egress does not name
  forwarded,       ///< a packet that was forwarded, not sent
  inbound,         ///< an inbound flow that bind does not name
  /// Nothing has to stop it: it succeeds and nothing arrives. The row's `why` says how.
  harmless,
};

enum class Ip : std::uint8_t { v4, v6 };

struct Address {
  sockaddr_storage storage{};
  socklen_t length{0};
  [[nodiscard]] const sockaddr* get() const {
    return reinterpret_cast<const sockaddr*>(&storage);  // NOLINT
  }
};

using Token = std::array<char, 16>;

/// The places of a run; the arena (selftest/arena/arena.hpp) is made of them. The inside is one
/// network namespace and cgroup, the container's; the receiver is another host, one veth away. The
/// container's, in a /24 and a /64:
inline constexpr std::string_view inside4 = "10.231.7.2", inside6 = "fd5e:1f::2";
/// The receiver's, named by no policy:
inline constexpr std::string_view target4 = "10.231.7.1", target6 = "fd5e:1f::1";
/// The receiver's; policies allow tcp and udp to named_port of them:
inline constexpr std::string_view named4 = "10.231.7.9", named6 = "fd5e:1f::9";
inline constexpr std::uint16_t named_port = 4747;
/// Policies allow to bind it, tcp and udp:
inline constexpr std::uint16_t served_port = 4748;

/// What an attempt is given. It runs as root with every capability in a process of its own, in the
/// container's cgroup and network namespace, after the policy is in force.
struct Scene {
  Ip ip{Ip::v4};
  Address target;          ///< target4/6 and `port`: may not be reached under any policy
  Address named;           ///< named4/6 and named_port: every policy allows it
  Address local;           ///< inside4/6 and `port`: may not be bound under any policy
  std::uint16_t port{0};   ///< host byte order; this run's alone: what arrives for it is the row's
  Token token{};           ///< printable; this run's alone: a frame that carries it is the row's
  unsigned interface = 0;  ///< index of the container's veth
  int broker{-1};          ///< ask selftest/ways/broker.hpp for sockets from elsewhere through it
  /// Of a row with a policy of its own: where its container's files are (selftest/arena/root.hpp),
  /// a path that ends with a zero.
  std::array<char, 80> root{};
  pid_t other{0};            ///< of ways to get a hold of another process: which one
  std::uint64_t address{0};  ///< and a place in its memory that may be written to
  [[nodiscard]] int family() const { return ip == Ip::v4 ? AF_INET : AF_INET6; }
};

/// How an attempt ended. Empty step: it did all it had to. Otherwise the step that failed, and
/// errno: {"connect", EPERM}.
struct Outcome {
  std::string step;
  int error{0};
  /// For Proof::answered and Proof::received: the socket that waits for the receiver.
  UniqueFd held{};
};

/// Records errno under the name of a step.
[[nodiscard]] Outcome failed(std::string step);

/// What shows that a way is open, seen from outside the container wherever that can be.
enum class Proof : std::uint8_t {
  wire,      ///< a frame with the token, or to `port`, reaches the receiver's side of the veth
  answered,  ///< the receiver connects to `local` (TCP, or the row's `transport`) and is answered
  received,  ///< the receiver sends the token to `local` by UDP and the held socket gets it
  done,      ///< the attempt did all it had to: the kernel gave what it was asked for
  effect,    ///< `check`, run outside the container after the attempt, finds what was done
};

/// How often: once for each version of IP, or once.
enum class Each : std::uint8_t { ip, v4_only, v6_only, once };

/// Which guard stops the row under which policy.
struct Stops {
  Guard verbs{};   ///< connect and bind lists, no egress
  Guard egress{};  ///< egress alone
  Guard both{};
};

struct Row {
  std::string_view name;  ///< "connect by MSG_FASTOPEN": unique, a person's words
  Each each{Each::ip};
  Proof proof{Proof::wire};
  Stops stops;
  /// What would stop it without those, if no row of its own can show that guard.
  std::optional<Guard> behind{};
  Outcome (*attempt)(const Scene& scene){nullptr};
  /// What else to know: why it is harmless, where to read about it. Printed with the row.
  std::string_view why{};
  /// Kernel modules to load first, for what does not load itself: "sctp".
  std::vector<std::string_view> modules{};
  /// "io.socklid.create=deny": put over the policies of this row, KEY=VALUE each.
  std::vector<std::string_view> annotations{};
  /// Of Proof::effect: whether what the attempt wanted has come about. Runs in the inside's network
  /// namespace as a process of the host.
  bool (*check)(const Scene& scene){nullptr};
  int transport{0};   ///< of Proof::answered: IPPROTO_*; 0: TCP
  bool alone{false};  ///< changes the namespace: gets an arena of its own
  /// Its annotations are all of its policy, under which alone it is tried, and its container has
  /// files of its own.
  bool own{false};
  /// Which of the two that judge packets can stop it (D13): the programs alone know whom a datagram
  /// socket may answer, the rules alone see what has no socket.
  enum class Lines : std::uint8_t { both, programs, rules };
  Lines lines{Lines::both};
  /// IPPROTO_* of datagrams without which there is no such way. Kernels that lack it are no worse
  /// for it: that of 7.2 has no UDP-Lite.
  int needs{0};
  /// Why this machine has no such way; empty if it has.
  std::string_view (*lacks)(){nullptr};
};

/// The tables, in the order of the report.
[[nodiscard]] std::span<const Row> peer_rows();     ///< choosing a peer
[[nodiscard]] std::span<const Row> listen_rows();   ///< being reached
[[nodiscard]] std::span<const Row> family_rows();   ///< families and protocols
[[nodiscard]] std::span<const Row> packet_rows();   ///< where the packet really goes
[[nodiscard]] std::span<const Row> tamper_rows();   ///< changing what stands in the way
[[nodiscard]] std::span<const Row> deputy_rows();   ///< what the kernel does on its behalf
[[nodiscard]] std::span<const Row> foreign_rows();  ///< sockets from elsewhere
[[nodiscard]] std::span<const Row> subject_rows();  ///< out of what a program may do
[[nodiscard]] std::span<const Row> file_rows();     ///< changing what is protected

}  // namespace socklid::selftest
