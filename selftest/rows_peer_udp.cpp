// SPDX-License-Identifier: Apache-2.0
//
// UDP: a peer for the socket by connect(2), and another one for each send. What goes to the named
// peer on the way is not the token.
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/ip6.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "selftest/rows.hpp"
#include "selftest/rows_peer.hpp"
#include "selftest/sockets.hpp"

namespace socklid::selftest {
namespace {

Outcome connect_and_send(const Scene& scene) {
  const UniqueFd fd = open_socket(scene.family(), SOCK_DGRAM);
  if (!fd) return failed("socket");
  if (!connect_to(fd.get(), scene.target)) return failed("connect");
  if (!send_token(fd.get(), scene)) return failed("send");
  return {};
}

Outcome connect_again(const Scene& scene) {
  const UniqueFd fd = open_socket(scene.family(), SOCK_DGRAM);
  if (!fd) return failed("socket");
  if (!connect_to(fd.get(), scene.named)) return failed("connect to the named peer");
  if (!connect_to(fd.get(), scene.target)) return failed("connect");
  if (!send_token(fd.get(), scene)) return failed("send");
  return {};
}

Outcome connect_after_dissolving(const Scene& scene) {
  const UniqueFd fd = open_socket(scene.family(), SOCK_DGRAM);
  if (!fd) return failed("socket");
  if (!connect_to(fd.get(), scene.named)) return failed("connect to the named peer");
  if (!connect_to(fd.get(), no_address())) return failed("connect to AF_UNSPEC");
  if (!connect_to(fd.get(), scene.target)) return failed("connect");
  if (!send_token(fd.get(), scene)) return failed("send");
  return {};
}

Outcome send_to(const Scene& scene, int protocol, const Address& peer) {
  const UniqueFd fd = open_socket(scene.family(), SOCK_DGRAM, protocol);
  if (!fd) return failed("socket");
  if (!send_token_to(fd.get(), scene, peer)) return failed("sendto");
  return {};
}

Outcome send_by_sendto(const Scene& scene) {
  return send_to(scene, 0, scene.target);
}

Outcome send_by_udplite(const Scene& scene) {
  return send_to(scene, IPPROTO_UDPLITE, scene.target);
}

Outcome connect_udplite(const Scene& scene) {
  const UniqueFd fd = open_socket(scene.family(), SOCK_DGRAM, IPPROTO_UDPLITE);
  if (!fd) return failed("socket");
  if (!connect_to(fd.get(), scene.target)) return failed("connect");
  if (!send_token(fd.get(), scene)) return failed("send");
  return {};
}

/// Sent as if it said AF_INET (net/ipv4/udp.c, udp_sendmsg).
Outcome send_to_unspecified_family(const Scene& scene) {
  return send_to(scene, 0, with_family(scene.target, AF_UNSPEC));
}

Outcome send_by_sendmsg(const Scene& scene) {
  const UniqueFd fd = open_socket(scene.family(), SOCK_DGRAM);
  if (!fd) return failed("socket");
  TokenMessage message(scene, scene.target);
  if (!message.send(fd.get())) return failed("sendmsg");
  return {};
}

Outcome send_while_connected(const Scene& scene) {
  const UniqueFd fd = open_socket(scene.family(), SOCK_DGRAM);
  if (!fd) return failed("socket");
  if (!connect_to(fd.get(), scene.named)) return failed("connect to the named peer");
  if (!send_token_to(fd.get(), scene, scene.target)) return failed("sendto");
  return {};
}

Outcome send_from_served_port(const Scene& scene) {
  const UniqueFd fd = open_socket(scene.family(), SOCK_DGRAM);
  if (!fd) return failed("socket");
  if (!bind_to(fd.get(), any_address(scene.family(), served_port))) return failed("bind");
  if (!send_token_to(fd.get(), scene, scene.target)) return failed("sendto");
  return {};
}

/// What the named peer gets instead of the token.
std::array<char, 1> other_data{'.'};

msghdr to_named(const Scene& scene, iovec& data) {
  data = {other_data.data(), other_data.size()};
  msghdr message{};
  message.msg_name = const_cast<sockaddr_storage*>(&scene.named.storage);  // NOLINT: only read
  message.msg_namelen = scene.named.length;
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  return message;
}

/// All of them: sendmmsg(2) tells of an error only if it is the first message's.
bool send_all(int fd, std::array<mmsghdr, 2>& messages) {
  const int sent = ::sendmmsg(fd, messages.data(), 2, 0);
  return sent == 2 || (sent == 1 && ::sendmmsg(fd, &messages[1], 1, 0) == 1);
}

Outcome send_to_both(const Scene& scene) {
  const UniqueFd fd = open_socket(scene.family(), SOCK_DGRAM);
  if (!fd) return failed("socket");
  iovec data{};
  TokenMessage message(scene, scene.target);
  std::array<mmsghdr, 2> messages{mmsghdr{to_named(scene, data), 0}, mmsghdr{message.get(), 0}};
  if (!send_all(fd.get(), messages)) return failed("sendmmsg");
  return {};
}

/// A routing header of type 2 (RFC 6275) whose one address is the first hop, and so where the
/// packet goes; `named` comes last.
std::array<unsigned char, 24> route_by_target(const Scene& scene) {
  const ip6_rthdr header{0, 2, 2, 1};
  std::array<unsigned char, 24> route{};
  sockaddr_in6 target{};
  std::memcpy(&target, &scene.target.storage, sizeof(target));
  std::memcpy(route.data(), &header, sizeof(header));
  std::memcpy(&route[8], &target.sin6_addr, sizeof(target.sin6_addr));
  return route;
}

/// sendmmsg asks no LSM about a message whose address is the one before's (net/socket.c,
/// ____sys_sendmsg: used_address), whatever its control messages are.
Outcome route_by_second_message(const Scene& scene) {
  const UniqueFd fd = open_socket(scene.family(), SOCK_DGRAM);
  if (!fd) return failed("socket");
  iovec data{};
  TokenMessage message(scene, scene.named);
  const auto route = route_by_target(scene);
  message.control(IPPROTO_IPV6, IPV6_RTHDR, route.data(), route.size());
  std::array<mmsghdr, 2> messages{mmsghdr{to_named(scene, data), 0}, mmsghdr{message.get(), 0}};
  if (!send_all(fd.get(), messages)) return failed("sendmmsg");
  return {};
}

Outcome send_by_broadcast(const Scene& scene) {
  const UniqueFd fd = open_socket(scene.family(), SOCK_DGRAM);
  if (!fd) return failed("socket");
  if (!set_option(fd.get(), SOL_SOCKET, SO_BROADCAST, 1)) return failed("SO_BROADCAST");
  if (!send_token_to(fd.get(), scene, make_address("10.231.7.255", scene.port))) {
    return failed("sendto");
  }
  return {};
}

/// All hosts of the link.
Outcome send_by_multicast(const Scene& scene) {
  const UniqueFd fd = open_socket(scene.family(), SOCK_DGRAM);
  if (!fd) return failed("socket");
  const bool v4 = scene.ip == Ip::v4;
  const ip_mreqn by_interface{{}, {}, static_cast<int>(scene.interface)};
  const int chosen =
      v4 ? ::setsockopt(fd.get(), IPPROTO_IP, IP_MULTICAST_IF, &by_interface, sizeof(by_interface))
         : ::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_MULTICAST_IF, &scene.interface,
                        sizeof(scene.interface));
  if (chosen != 0) return failed("multicast interface");
  const Address all_hosts = make_address(v4 ? "224.0.0.1" : "ff02::1", scene.port);
  if (!send_token_to(fd.get(), scene, all_hosts)) return failed("sendto");
  return {};
}

UniqueFd connected(const Scene& scene) {
  UniqueFd fd = open_socket(scene.family(), SOCK_DGRAM);
  if (fd && !connect_to(fd.get(), scene.target)) return {};
  return fd;
}

Outcome send_a_file(const Scene& scene) {
  const UniqueFd fd = connected(scene);
  if (!fd) return failed("connect");
  const UniqueFd file(::memfd_create("token", MFD_CLOEXEC));
  const auto size = static_cast<ssize_t>(scene.token.size());
  if (!file || ::write(file.get(), scene.token.data(), scene.token.size()) != size) {
    return failed("memfd_create");
  }
  off_t start = 0;
  if (::sendfile(fd.get(), file.get(), &start, scene.token.size()) != size) {
    return failed("sendfile");
  }
  return {};
}

Outcome splice_a_pipe(const Scene& scene) {
  const UniqueFd fd = connected(scene);
  if (!fd) return failed("connect");
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return failed("pipe");
  const UniqueFd from(ends[0]), to(ends[1]);
  const auto size = static_cast<ssize_t>(scene.token.size());
  if (::write(to.get(), scene.token.data(), scene.token.size()) != size) return failed("write");
  if (::splice(from.get(), nullptr, fd.get(), nullptr, scene.token.size(), 0) != size) {
    return failed("splice");
  }
  return {};
}

}  // namespace

std::vector<Row> udp_peer_rows() {
  return {
      {.name = "UDP: connect, then send", .stops = stops_peer, .attempt = connect_and_send},
      {.name = "UDP: connect again after a named peer",
       .stops = stops_peer,
       .attempt = connect_again},
      {.name = "UDP: connect again after AF_UNSPEC",
       .stops = stops_peer,
       .attempt = connect_after_dissolving},
      {.name = "UDP: sendto", .stops = stops_peer, .attempt = send_by_sendto},
      {.name = "UDP: sendmsg", .stops = stops_peer, .attempt = send_by_sendmsg},
      {.name = "UDP: sendmmsg to a named peer and another",
       .stops = stops_peer,
       .attempt = send_to_both},
      {.name = "UDP: sendmmsg to a named peer twice, then by a routing header",
       .each = Each::v6_only,
       .stops = {Guard::option, Guard::routing_header, Guard::option},
       .attempt = route_by_second_message,
       .why = "the kernel asks no LSM about a second message to the same address"},
      {.name = "UDP: sendto while connected to a named peer",
       .stops = stops_peer,
       .attempt = send_while_connected},
      {.name = "UDP: sendto from the port that may be bound",
       .stops = stops_peer,
       .attempt = send_from_served_port},
      {.name = "UDP: sendto an address of AF_UNSPEC",
       .each = Each::v4_only,
       .stops = stops_peer,
       .attempt = send_to_unspecified_family,
       .why = "the kernel takes it for AF_INET"},
      {.name = "UDP: broadcast",
       .each = Each::v4_only,
       .stops = stops_peer,
       .attempt = send_by_broadcast},
      {.name = "UDP: multicast", .stops = stops_peer, .attempt = send_by_multicast},
      {.name = "UDP: sendfile to a connected socket", .stops = stops_peer, .attempt = send_a_file},
      {.name = "UDP: splice to a connected socket", .stops = stops_peer, .attempt = splice_a_pipe},
      {.name = "UDP-Lite: sendto", .stops = stops_peer, .attempt = send_by_udplite},
      {.name = "UDP-Lite: connect, then send", .stops = stops_peer, .attempt = connect_udplite},
  };
}

}  // namespace socklid::selftest
