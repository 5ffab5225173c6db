// SPDX-License-Identifier: Apache-2.0
//
// sockets: what attempts share: addresses, sockets that cannot wait for ever, and one send.
//
//   Outcome connect_tcp(const Scene& scene) {
//     const UniqueFd fd = open_socket(scene.family(), SOCK_STREAM);
//     if (!fd) return failed("socket");
//     if (!connect_to(fd.get(), scene.target)) return failed("connect");
//     return {};
//   }
//
// What fails sets errno, for failed(). Nothing here waits longer than `patience`.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <chrono>
#include <cstdint>
#include <string_view>

#include "base/unique_fd.hpp"
#include "selftest/row.hpp"

namespace socklid::selftest {

inline constexpr int ipproto_mptcp = 262;  // IPPROTO_MPTCP, not in every libc

/// The receiver is one veth away: what has not come by then does not come.
inline constexpr std::chrono::milliseconds patience{1000};

// Addresses ------------------------------------------------------------------------------------

/// `text` is an IPv4 or IPv6 address as inet_pton(3) takes it, `port` in host byte order. Of length
/// 0 if the text is neither.
[[nodiscard]] Address make_address(std::string_view text, std::uint16_t port);
/// The wildcard address of AF_INET or AF_INET6.
[[nodiscard]] Address any_address(int family, std::uint16_t port);
/// AF_UNSPEC, of a length that both versions of IP take: dissolves an association by connect(2).
[[nodiscard]] Address no_address();
/// The same address with another port or address family in it; `family` changes nothing but the
/// field, as AF_UNSPEC over an IPv4 address.
[[nodiscard]] Address with_port(Address address, std::uint16_t port);
[[nodiscard]] Address with_family(Address address, int family);
/// An IPv4 address as an IPv6 one: ::ffff:10.231.7.1.
[[nodiscard]] Address mapped(const Address& ipv4);

// Sockets --------------------------------------------------------------------------------------

/// Close-on-exec; what blocks on it gives up after `patience` (SO_SNDTIMEO, SO_RCVTIMEO,
/// socket(7)). Empty with errno if the kernel refuses it.
[[nodiscard]] UniqueFd open_socket(int family, int type, int protocol = 0);
/// Waits for poll(2) `events`, POLLERR and POLLHUP too. False with ETIMEDOUT after `patience`.
[[nodiscard]] bool wait_ready(int fd, short events);
/// A blocking connect(2). A peer that says nothing is ETIMEDOUT.
[[nodiscard]] bool connect_to(int fd, const Address& peer);
[[nodiscard]] bool bind_to(int fd, const Address& local);
/// SO_* or another option whose value is an int.
[[nodiscard]] bool set_option(int fd, int level, int option, int value);
/// What it sends to groups leaves by the container's device: no route leads to them.
[[nodiscard]] bool send_groups_by_device(int fd, const Scene& scene);
/// The group there. `group` is of the scene's version of IP.
[[nodiscard]] bool join_group(int fd, const Scene& scene, const Address& group);

// Sending --------------------------------------------------------------------------------------

/// The token is all the data that attempts send.
[[nodiscard]] bool send_token(int fd, const Scene& scene, int flags = 0);
[[nodiscard]] bool send_token_to(int fd, const Scene& scene, const Address& peer, int flags = 0);

/// A message of sendmsg(2) with the token for data, and room for one control message. It points
/// into itself, so it stays where it is.
class TokenMessage {
 public:
  /// `peer` with length 0: no name. `scene` and `peer` outlive it.
  TokenMessage(const Scene& scene, const Address& peer);
  TokenMessage(const TokenMessage&) = delete;
  TokenMessage& operator=(const TokenMessage&) = delete;
  ~TokenMessage() = default;

  /// Carries nothing, for a peer that may get it.
  void without_token() { data_.iov_len = 0; }
  /// Adds the control message; at most 128 bytes of data, and only one.
  void control(int level, int type, const void* data, std::size_t size);
  [[nodiscard]] msghdr& get() { return header_; }
  [[nodiscard]] bool send(int fd, int flags = 0);

 private:
  iovec data_{};
  msghdr header_{};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(128)> control_{};
};

/// An attempt: to the target, by UDP from a port whose answers to visitors may leave.
[[nodiscard]] Outcome send_from_served_port(const Scene& scene);

/// Both by one sendmmsg(2), or the second by another if the kernel stopped there: only then it says
/// why.
[[nodiscard]] bool send_pair(int fd, TokenMessage& first, TokenMessage& second);

}  // namespace socklid::selftest
