// SPDX-License-Identifier: Apache-2.0
//
// UDP: a peer for the socket by connect(2), and another one for each send. What goes to the named
// peer on the way is not the token.
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>

#include "selftest/rows/peer/peer.hpp"
#include "selftest/rows/rows.hpp"
#include "selftest/ways/sockets.hpp"

namespace socklid::selftest {
namespace {

Outcome connect_once(const Scene& scene) {
  const UniqueFd fd = open_socket(scene.family(), SOCK_DGRAM);
  if (!fd) return failed("socket");
  if (!connect_to(fd.get(), scene.target)) return failed("connect");
  if (!send_token(fd.get(), scene)) return failed("send");
  return {};
}

Outcome connect_to_another(const Scene& scene) {
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
Outcome send_udp_to_unspecified_family(const Scene& scene) {
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

Outcome send_to_both(const Scene& scene) {
  const UniqueFd fd = open_socket(scene.family(), SOCK_DGRAM);
  if (!fd) return failed("socket");
  TokenMessage first(scene, scene.named), second(scene, scene.target);
  first.without_token();
  if (!send_pair(fd.get(), first, second)) return failed("sendmmsg");
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
  if (!send_groups_by_device(fd.get(), scene)) return failed("multicast interface");
  const Address all_hosts = make_address(scene.ip == Ip::v4 ? "224.0.0.1" : "ff02::1", scene.port);
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

/// Where packets are judged it is closed.
constexpr Stops stops_udplite{Guard::connect, Guard::protocol, Guard::protocol};

}  // namespace

std::vector<Row> udp_peer_rows() {
  return {
      {.name = "UDP: connect, then send", .stops = stops_connected, .attempt = connect_once},
      {.name = "UDP: connect again after a named peer",
       .stops = stops_connected,
       .attempt = connect_to_another},
      {.name = "UDP: connect again after AF_UNSPEC",
       .stops = stops_connected,
       .attempt = connect_after_dissolving},
      {.name = "UDP: sendto", .stops = stops_peer, .attempt = send_by_sendto},
      {.name = "UDP: sendmsg", .stops = stops_peer, .attempt = send_by_sendmsg},
      {.name = "UDP: sendmmsg to a named peer and another",
       .stops = stops_peer,
       .attempt = send_to_both},
      {.name = "UDP: sendto while connected to a named peer",
       .stops = stops_peer,
       .attempt = send_while_connected},
      {.name = "UDP: sendto from the port that may be bound",
       .stops = stops_peer,
       .attempt = send_from_served_port},
      {.name = "UDP: sendto an address of AF_UNSPEC",
       .each = Each::v4_only,
       .stops = stops_peer,
       .attempt = send_udp_to_unspecified_family,
       .why = "the kernel takes it for AF_INET"},
      {.name = "UDP: broadcast",
       .each = Each::v4_only,
       .stops = stops_peer,
       .attempt = send_by_broadcast},
      {.name = "UDP: multicast", .stops = stops_peer, .attempt = send_by_multicast},
      {.name = "UDP: sendfile to a connected socket",
       .stops = stops_connected,
       .attempt = send_a_file},
      {.name = "UDP: splice to a connected socket",
       .stops = stops_connected,
       .attempt = splice_a_pipe},
      {.name = "UDP-Lite: sendto",
       .stops = stops_udplite,
       .attempt = send_by_udplite,
       .needs = IPPROTO_UDPLITE},
      {.name = "UDP-Lite: connect, then send",
       .stops = stops_udplite,
       .attempt = connect_udplite,
       .needs = IPPROTO_UDPLITE},
  };
}

}  // namespace socklid::selftest
