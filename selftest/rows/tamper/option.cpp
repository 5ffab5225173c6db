// SPDX-License-Identifier: Apache-2.0
//
// Socket options that give a socket another local address, another device, another protocol, or a
// connection that was never made.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "selftest/rows/tamper/tamper.hpp"
#include "selftest/ways/sockets.hpp"

namespace socklid::selftest {
namespace {

constexpr int local_port_range = 51;  // IP_LOCAL_PORT_RANGE, linux/in.h

Outcome claim_any_address(const Scene& scene) {
  const UniqueFd fd = open_socket(scene.family(), SOCK_DGRAM);
  if (!fd) return failed("socket");
  const bool v4 = scene.ip == Ip::v4;
  if (!set_option(fd.get(), v4 ? SOL_IP : SOL_IPV6, v4 ? IP_TRANSPARENT : IPV6_TRANSPARENT, 1))
    return failed("transparent");
  return {};
}

/// The IPv6 option does nothing on a socket of IPv4, the IPv4 option on one of IPv6 does.
Outcome claim_by_other_level(const Scene& /*scene*/) {
  const UniqueFd fd = open_socket(AF_INET6, SOCK_STREAM);
  if (!fd) return failed("socket");
  if (!set_option(fd.get(), SOL_IP, IP_TRANSPARENT, 1)) return failed("transparent");
  return {};
}

Outcome repair(const Scene& scene) {
  const UniqueFd fd = open_socket(scene.family(), SOCK_STREAM);
  if (!fd) return failed("socket");
  if (!set_option(fd.get(), SOL_TCP, TCP_REPAIR, TCP_REPAIR_ON)) return failed("TCP_REPAIR");
  return {};
}

/// A connection under repair is established without a word to the peer (net/ipv4/tcp_output.c:
/// tcp_connect). The end of the repair asks the peer for its window, and data follows.
Outcome send_on_repaired(const Scene& scene) {
  const UniqueFd fd = open_socket(scene.family(), SOCK_STREAM);
  if (!fd) return failed("socket");
  if (!set_option(fd.get(), SOL_TCP, TCP_REPAIR, TCP_REPAIR_ON)) return failed("TCP_REPAIR");
  if (!connect_to(fd.get(), scene.target)) return failed("connect");
  if (!set_option(fd.get(), SOL_TCP, TCP_REPAIR, TCP_REPAIR_OFF))
    return failed("end of TCP_REPAIR");
  if (!send_token(fd.get(), scene)) return failed("send");
  return {};
}

/// An upper layer takes the socket over, and what it writes.
Outcome become_tls(const Scene& scene) {
  const UniqueFd fd = open_socket(scene.family(), SOCK_STREAM);
  if (!fd) return failed("socket");
  if (!connect_to(fd.get(), scene.named)) return failed("connect");
  if (::setsockopt(fd.get(), SOL_TCP, TCP_ULP, "tls", 3) != 0) return failed("TCP_ULP");
  return {};
}

Outcome send_from_device(const Scene& scene) {
  const UniqueFd fd = open_socket(scene.family(), SOCK_DGRAM);
  if (!fd) return failed("socket");
  if (!set_option(fd.get(), SOL_SOCKET, SO_BINDTOIFINDEX, static_cast<int>(scene.interface)))
    return failed("SO_BINDTOIFINDEX");
  if (!send_token_to(fd.get(), scene, scene.target)) return failed("send");
  return {};
}

/// A port of its choice, without bind(2) having seen it: of those that the kernel chooses from.
Outcome choose_port(const Scene& scene) {
  constexpr std::uint32_t port = 44'444;
  const UniqueFd fd = open_socket(scene.family(), SOCK_DGRAM);
  if (!fd) return failed("socket");
  if (!set_option(fd.get(), SOL_IP, local_port_range, static_cast<int>(port << 16U | port)))
    return failed("IP_LOCAL_PORT_RANGE");
  Address bound = any_address(scene.family(), 0);
  if (!bind_to(fd.get(), bound)) return failed("bind");
  if (::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&bound.storage),  // NOLINT
                    &bound.length) != 0)
    return failed("getsockname");
  const Address wanted = any_address(scene.family(), port);
  // The port is at the same place in both (netinet/in.h).
  if (std::memcmp(&bound.storage, &wanted.storage, offsetof(sockaddr_in, sin_addr)) != 0)
    return {.step = "another port", .error = 0};
  return {};
}

/// The kernel skips messages of levels that are not the socket's (net/ipv4/ip_sockglue.c,
/// ip_cmsg_send; net/ipv6/datagram.c, ip6_datagram_send_ctl): until some kernel does not.
Outcome send_unknown_control(const Scene& scene) {
  const UniqueFd fd = open_socket(scene.family(), SOCK_DGRAM);
  if (!fd) return failed("socket");
  TokenMessage message(scene, scene.named);
  const int value = 1;
  message.control(1000, 1, &value, sizeof(value));
  if (!message.send(fd.get())) return failed("sendmsg");
  return {};
}

}  // namespace

Rows tamper_option() {
  constexpr Stops stops = always(Guard::option);
  return {
      {.name = "any local address by IP_TRANSPARENT",
       .proof = Proof::done,
       .stops = stops,
       .attempt = claim_any_address},
      {.name = "any local address by the IPv4 option on an IPv6 socket",
       .each = Each::once,
       .proof = Proof::done,
       .stops = stops,
       .attempt = claim_by_other_level},
      {.name = "TCP_REPAIR", .proof = Proof::done, .stops = stops, .attempt = repair},
      {.name = "a connection made by TCP_REPAIR", .stops = stops, .attempt = send_on_repaired},
      {.name = "TCP_ULP: TLS",
       .proof = Proof::done,
       .stops = stops,
       .attempt = become_tls,
       .modules = {"tls"}},
      {.name = "UDP send bound to a device", .stops = stops_peer, .attempt = send_from_device},
      {.name = "a port chosen by IP_LOCAL_PORT_RANGE",
       .proof = Proof::done,
       .stops = always(Guard::bind),
       .attempt = choose_port,
       .annotations = {"io.socklid.bind=tcp/4748 udp/4748"}},
      {.name = "UDP with a control message that nobody knows",
       .stops = always(Guard::option),
       .attempt = send_unknown_control},
  };
}

}  // namespace socklid::selftest
