// SPDX-License-Identifier: Apache-2.0
//
// Ping and raw sockets where a policy opens them: a peer is judged there too. That they are closed
// otherwise is for rows/family/protocol.cpp.
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cstring>
#include <string>

#include "selftest/rows/peer/peer.hpp"
#include "selftest/rows/rows.hpp"
#include "selftest/ways/links.hpp"
#include "selftest/ways/packets.hpp"
#include "selftest/ways/sockets.hpp"

namespace socklid::selftest {
namespace {

Ends to_target(const Scene& scene) {
  return {scene.local, scene.target};
}

/// IPv6 takes a port for the protocol (net/ipv6/raw.c, rawv6_sendmsg), IPv4 ignores it.
Address portless(const Address& address) {
  return with_port(address, 0);
}

bool send_bytes(int fd, const std::string& bytes, const Address& peer) {
  return ::sendto(fd, bytes.data(), bytes.size(), 0, peer.get(), peer.length) >= 0;
}

Outcome send_raw(const Scene& scene, int protocol, const std::string& bytes, const Address& peer) {
  const UniqueFd fd = open_socket(scene.family(), SOCK_RAW, protocol);
  if (!fd) return failed("socket");
  if (!send_bytes(fd.get(), bytes, peer)) return failed("sendto");
  return {};
}

std::string datagram(const Scene& scene) {
  return udp_datagram(to_target(scene), token_text(scene));
}

std::string packet(const Scene& scene) {
  return ip_packet({.ends = to_target(scene), .protocol = IPPROTO_UDP}, datagram(scene));
}

std::string echo_request(const Scene& scene) {
  const std::string rest = std::string(4, '\0').append(token_text(scene));
  return icmp_message(to_target(scene), scene.ip == Ip::v4 ? ICMP_ECHO : ICMP6_ECHO_REQUEST, 0,
                      rest);
}

int icmp_of(const Scene& scene) {
  return scene.ip == Ip::v4 ? int{IPPROTO_ICMP} : int{IPPROTO_ICMPV6};
}

Outcome send_raw_udp(const Scene& scene) {
  return send_raw(scene, IPPROTO_UDP, datagram(scene), portless(scene.target));
}

Outcome send_syn(const Scene& scene) {
  return send_raw(scene, IPPROTO_TCP, tcp_segment(to_target(scene), TH_SYN, token_text(scene)),
                  portless(scene.target));
}

Outcome send_icmp(const Scene& scene) {
  return send_raw(scene, icmp_of(scene), echo_request(scene), portless(scene.target));
}

Outcome send_whole_packet(const Scene& scene) {
  return send_raw(scene, IPPROTO_RAW, packet(scene), portless(scene.target));
}

/// The header says where a packet goes, the address only by which way: both are one link away.
Outcome send_packet_for_another(const Scene& scene) {
  return send_raw(scene, IPPROTO_RAW, packet(scene), portless(scene.named));
}

/// Both versions of IP take it for an address of theirs. What would be the IPv4 address is the flow
/// label in IPv6, which is ours to choose, and ICMP of IPv4 a protocol like any other.
Outcome send_to_unspecified_family(const Scene& scene) {
  Address peer = portless(scene.target);
  if (scene.ip == Ip::v6) {
    const std::string named = address_bytes(make_address(named4, 0));
    std::memcpy(reinterpret_cast<char*>(&peer.storage) + offsetof(sockaddr_in6, sin6_flowinfo),
                named.data(), named.size());
  }
  return send_raw(scene, IPPROTO_ICMP, echo_request(scene), with_family(peer, AF_UNSPEC));
}

/// A socket for ICMP takes whole packets of any protocol then (raw(7)).
Outcome send_own_header(const Scene& scene) {
  const UniqueFd fd = open_socket(scene.family(), SOCK_RAW, icmp_of(scene));
  if (!fd) return failed("socket");
  const bool v4 = scene.ip == Ip::v4;
  if (!set_option(fd.get(), v4 ? int{IPPROTO_IP} : int{IPPROTO_IPV6},
                  v4 ? IP_HDRINCL : IPV6_HDRINCL, 1)) {
    return failed("IP_HDRINCL");
  }
  if (!send_bytes(fd.get(), packet(scene), portless(scene.named))) return failed("sendto");
  return {};
}

Outcome connect_raw(const Scene& scene) {
  const UniqueFd fd = open_socket(scene.family(), SOCK_RAW, IPPROTO_UDP);
  if (!fd) return failed("socket");
  if (!connect_to(fd.get(), portless(scene.target))) return failed("connect");
  const std::string bytes = datagram(scene);
  if (::send(fd.get(), bytes.data(), bytes.size(), 0) < 0) return failed("send");
  return {};
}

/// Ping sockets are for groups that the namespace names, none at first (icmp(7)).
UniqueFd open_ping(const Scene& scene) {
  if (!set_sysctl("net/ipv4/ping_group_range", "0 2147483647")) return {};
  return open_socket(scene.family(), SOCK_DGRAM, icmp_of(scene));
}

Outcome ping_by_sendto(const Scene& scene) {
  const UniqueFd fd = open_ping(scene);
  if (!fd) return failed("socket");
  if (!send_bytes(fd.get(), echo_request(scene), portless(scene.target))) return failed("sendto");
  return {};
}

Outcome ping_by_connect(const Scene& scene) {
  const UniqueFd fd = open_ping(scene);
  if (!fd) return failed("socket");
  if (!connect_to(fd.get(), portless(scene.target))) return failed("connect");
  const std::string bytes = echo_request(scene);
  if (::send(fd.get(), bytes.data(), bytes.size(), 0) < 0) return failed("send");
  return {};
}

constexpr std::string_view raw_families = "io.socklid.families=inet inet6 raw";

Row raw(std::string_view name, Outcome (*attempt)(const Scene&), std::string_view why = {}) {
  return {.name = name,
          .stops = stops_peer,
          .attempt = attempt,
          .why = why,
          .annotations = {raw_families}};
}

#define PING_PEERS "icmp@10.231.7.9 icmp@fd5e:1f::9"

/// Of raw sockets, those for ICMP alone can have a peer that connect names: the rest write their
/// ports themselves.
Row raw_icmp(std::string_view name, Outcome (*attempt)(const Scene&)) {
  return {.name = name,
          .stops = always(Guard::connect),
          .attempt = attempt,
          .annotations = {raw_families, "io.socklid.connect=" PING_PEERS}};
}

Row ping(std::string_view name, Outcome (*attempt)(const Scene&)) {
  return {.name = name,
          .stops = always(Guard::connect),
          .attempt = attempt,
          .annotations = {"io.socklid.connect=" PING_PEERS, "io.socklid.egress=" PING_PEERS}};
}

}  // namespace

std::vector<Row> raw_peer_rows() {
  return {
      ping("ping, connect names peers: sendto", ping_by_sendto),
      ping("ping, connect names peers: connect, then send", ping_by_connect),
      raw("raw opened: UDP", send_raw_udp),
      raw("raw opened: a SYN of TCP", send_syn),
      raw("raw opened: ICMP", send_icmp),
      raw("raw opened: a packet with its own header", send_whole_packet),
      raw("raw opened: a packet to a named peer, its header to another", send_packet_for_another,
          "the LSM sees the address, not the packet"),
      raw("raw opened: connect, then send", connect_raw),
      raw_icmp("raw opened, connect names ICMP: sendto", send_icmp),
      raw_icmp("raw opened, connect names ICMP: sendto an address of AF_UNSPEC",
               send_to_unspecified_family),
      raw_icmp("raw opened, connect names ICMP: a header to another (IP_HDRINCL)", send_own_header),
  };
}

}  // namespace socklid::selftest
