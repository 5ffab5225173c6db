// SPDX-License-Identifier: Apache-2.0
//
// Protocols of inet and inet6 other than TCP and UDP, all closed unless something opens them; then
// their peers are judged, see sctp.cpp and raw.cpp of rows/peer.
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <linux/dccp.h>
#include <linux/l2tp.h>

#include <string>
#include <string_view>

#include "selftest/rows/family/family.hpp"
#include "selftest/rows/rows.hpp"
#include "selftest/ways/links.hpp"
#include "selftest/ways/packets.hpp"
#include "selftest/ways/sockets.hpp"

namespace socklid::selftest {
namespace {

// Not in every libc: linux/net.h, linux/in.h.
constexpr int sock_dccp = 6, ipproto_dccp = 33, ipproto_l2tp = 115;

// Other transports ------------------------------------------------------------------------------

Outcome connect_by(const Scene& scene, int type, int protocol) {
  const UniqueFd fd = open_socket(scene.family(), type, protocol);
  if (!fd) return failed("socket");
  if (!connect_to(fd.get(), scene.target)) return failed("connect");
  return {};
}

Outcome mptcp_connect(const Scene& scene) {
  return connect_by(scene, SOCK_STREAM, IPPROTO_MPTCP);
}

Outcome sctp_connect(const Scene& scene) {
  return connect_by(scene, SOCK_STREAM, IPPROTO_SCTP);
}

Outcome sctp_send(const Scene& scene) {
  const UniqueFd fd = open_socket(scene.family(), SOCK_SEQPACKET, IPPROTO_SCTP);
  if (!fd) return failed("socket");
  if (!send_token_to(fd.get(), scene, scene.target)) return failed("sendto");
  return {};
}

Outcome dccp_connect(const Scene& scene) {
  const UniqueFd fd = open_socket(scene.family(), sock_dccp, ipproto_dccp);
  if (!fd) return failed("socket");
  if (!set_option(fd.get(), SOL_DCCP, DCCP_SOCKOPT_SERVICE, 1)) return failed("setsockopt");
  if (!connect_to(fd.get(), scene.target)) return failed("connect");
  return {};
}

/// sockaddr_l2tpip begins as sockaddr_in does and holds a number of its own behind the address,
/// sockaddr_l2tpip6 is a sockaddr_in6 with the number at its end.
Address l2tp_address(const Scene& scene) {
  Address peer = with_port(scene.target, 0);
  if (scene.ip == Ip::v6) peer.length = sizeof(sockaddr_l2tpip6);
  return peer;
}

Outcome l2tp_send(const Scene& scene) {
  const UniqueFd fd = open_socket(scene.family(), SOCK_DGRAM, ipproto_l2tp);
  if (!fd) return failed("socket");
  if (!send_token_to(fd.get(), scene, l2tp_address(scene))) return failed("sendto");
  return {};
}

// Raw sockets and ping --------------------------------------------------------------------------

template <int protocol>
Outcome raw_send(const Scene& scene) {
  return send_raw(scene, protocol, token_text(scene), scene.target);
}

Ends to_target(const Scene& scene) {
  return {scene.local, scene.target};
}

Outcome raw_udp(const Scene& scene) {
  return send_raw(scene, IPPROTO_UDP, udp_datagram(to_target(scene), token_text(scene)),
                  scene.target);
}

Outcome raw_tcp(const Scene& scene) {
  return send_raw(scene, IPPROTO_TCP, tcp_segment(to_target(scene), TH_SYN, token_text(scene)),
                  scene.target);
}

std::string echo_request(const Scene& scene) {
  const bool v4 = scene.ip == Ip::v4;
  const std::string rest = std::string(4, '\0').append(token_text(scene));
  return icmp_message(to_target(scene), v4 ? ICMP_ECHO : ICMP6_ECHO_REQUEST, 0, rest);
}

int icmp_protocol(const Scene& scene) {
  return scene.ip == Ip::v4 ? int{IPPROTO_ICMP} : int{IPPROTO_ICMPV6};
}

Outcome raw_ping(const Scene& scene) {
  return send_raw(scene, icmp_protocol(scene), echo_request(scene), scene.target);
}

Outcome raw_whole_packet(const Scene& scene) {
  const Ends ends = to_target(scene);
  return send_raw(
      scene, IPPROTO_RAW,
      ip_packet({.ends = ends, .protocol = IPPROTO_UDP}, udp_datagram(ends, token_text(scene))),
      scene.target);
}

Outcome ping(const Scene& scene) {
  // Ping sockets are for groups that the namespace names, none at first (icmp(7)).
  if (!set_sysctl("net/ipv4/ping_group_range", "0 2147483647")) return failed("ping_group_range");
  const UniqueFd fd = open_socket(scene.family(), SOCK_DGRAM, icmp_protocol(scene));
  if (!fd) return failed("socket");
  if (!send_data(fd.get(), echo_request(scene), with_port(scene.target, 0))) {
    return failed("sendto");
  }
  return {};
}

Row closed(std::string_view name, Outcome (*attempt)(const Scene&),
           std::vector<std::string_view> modules = {}) {
  return {.name = name,
          .stops = always(Guard::protocol),
          .attempt = attempt,
          .modules = std::move(modules)};
}

}  // namespace

std::vector<Row> protocol_rows() {
  return {
      closed("MPTCP connect", mptcp_connect),
      closed("SCTP connect", sctp_connect, {"sctp"}),
      closed("SCTP sendto", sctp_send, {"sctp"}),
      closed("DCCP connect", dccp_connect, {"dccp_ipv4", "dccp_ipv6"}),
      closed("L2TP over IP", l2tp_send, {"l2tp_ip", "l2tp_ip6"}),
      closed("ping socket", ping),
      closed("raw UDP", raw_udp),
      closed("raw TCP", raw_tcp),
      closed("raw ping", raw_ping),
      closed("raw GRE", raw_send<IPPROTO_GRE>),
      closed("raw ESP", raw_send<IPPROTO_ESP>),
      closed("raw IPv4 in IP", raw_send<IPPROTO_IPIP>),
      closed("raw IGMP", raw_send<IPPROTO_IGMP>),
      closed("raw packet with its own header", raw_whole_packet),
  };
}

}  // namespace socklid::selftest
