// SPDX-License-Identifier: Apache-2.0
//
// IPv4 peers of IPv6 sockets: written as ::ffff:a.b.c.d, as AF_INET, or after IPV6_ADDRFORM has
// turned the socket into one of IPv4.
#include <netinet/in.h>
#include <sys/socket.h>

#include "selftest/rows/peer/peer.hpp"
#include "selftest/rows/rows.hpp"
#include "selftest/ways/sockets.hpp"

namespace socklid::selftest {
namespace {

Outcome connect_and_send(const Scene& scene, int type, int protocol, const Address& peer) {
  const UniqueFd fd = open_socket(AF_INET6, type, protocol);
  if (!fd) return failed("socket");
  if (!connect_to(fd.get(), peer)) return failed("connect");
  if (!send_token(fd.get(), scene)) return failed("send");
  return {};
}

Outcome connect_tcp(const Scene& scene) {
  return connect_and_send(scene, SOCK_STREAM, 0, mapped(scene.target));
}

Outcome connect_udp(const Scene& scene) {
  return connect_and_send(scene, SOCK_DGRAM, 0, mapped(scene.target));
}

/// net/ipv6/datagram.c, ip6_datagram_connect: an address of AF_INET is as good as a mapped one.
Outcome connect_udp_to_inet(const Scene& scene) {
  return connect_and_send(scene, SOCK_DGRAM, 0, scene.target);
}

Outcome send_to(const Scene& scene, int type, const Address& peer, int flags) {
  const UniqueFd fd = open_socket(AF_INET6, type);
  if (!fd) return failed("socket");
  if (!send_token_to(fd.get(), scene, peer, flags)) return failed("sendto");
  return {};
}

Outcome send_udp(const Scene& scene) {
  return send_to(scene, SOCK_DGRAM, mapped(scene.target), 0);
}

Outcome send_udp_to_inet(const Scene& scene) {
  return send_to(scene, SOCK_DGRAM, scene.target, 0);
}

Outcome fastopen(const Scene& scene) {
  return send_to(scene, SOCK_STREAM, mapped(scene.target), MSG_FASTOPEN);
}

/// An IPv6 socket with an allowed IPv4 peer, turned into an IPv4 socket.
Outcome turn_into_ipv4(const UniqueFd& fd, const Scene& scene) {
  if (!fd) return failed("socket");
  if (!connect_to(fd.get(), mapped(scene.named))) return failed("connect to the named peer");
  if (!set_option(fd.get(), IPPROTO_IPV6, IPV6_ADDRFORM, AF_INET)) return failed("IPV6_ADDRFORM");
  return {};
}

Outcome send_udp_after_addrform(const Scene& scene) {
  const UniqueFd fd = open_socket(AF_INET6, SOCK_DGRAM);
  if (Outcome outcome = turn_into_ipv4(fd, scene); !outcome.step.empty()) return outcome;
  if (!send_token_to(fd.get(), scene, scene.target)) return failed("sendto");
  return {};
}

Outcome connect_tcp_after_addrform(const Scene& scene) {
  const UniqueFd fd = open_socket(AF_INET6, SOCK_STREAM);
  if (Outcome outcome = turn_into_ipv4(fd, scene); !outcome.step.empty()) return outcome;
  if (!connect_to(fd.get(), no_address())) return failed("connect to AF_UNSPEC");
  if (!connect_to(fd.get(), scene.target)) return failed("connect");
  return {};
}

}  // namespace

std::vector<Row> mapped_peer_rows() {
  constexpr std::string_view addrform = "a socket that changes its version of IP between two calls";
  return {
      {.name = "IPv6 socket, v4-mapped: TCP connect",
       .each = Each::v4_only,
       .stops = stops_peer,
       .attempt = connect_tcp},
      {.name = "IPv6 socket, v4-mapped: TCP with MSG_FASTOPEN",
       .each = Each::v4_only,
       .stops = stops_peer,
       .attempt = fastopen},
      {.name = "IPv6 socket, v4-mapped: UDP connect",
       .each = Each::v4_only,
       .stops = stops_connected,
       .attempt = connect_udp},
      {.name = "IPv6 socket, v4-mapped: UDP sendto",
       .each = Each::v4_only,
       .stops = stops_peer,
       .attempt = send_udp},
      {.name = "IPv6 socket, address of AF_INET: UDP connect",
       .each = Each::v4_only,
       .stops = stops_connected,
       .attempt = connect_udp_to_inet},
      {.name = "IPv6 socket, address of AF_INET: UDP sendto",
       .each = Each::v4_only,
       .stops = stops_peer,
       .attempt = send_udp_to_inet},
      {.name = "IPV6_ADDRFORM: UDP",
       .each = Each::v4_only,
       .stops = always(Guard::option),
       .attempt = send_udp_after_addrform,
       .why = addrform},
      {.name = "IPV6_ADDRFORM: TCP",
       .each = Each::v4_only,
       .stops = always(Guard::option),
       .attempt = connect_tcp_after_addrform,
       .why = addrform},
  };
}

}  // namespace socklid::selftest
