// SPDX-License-Identifier: Apache-2.0
//
// Which way a packet takes out of the machine: interface, source, group. None of it changes who the
// peer is, and the peer is what is judged.
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <linux/in6.h>

#include <array>
#include <cstddef>
#include <cstring>
#include <string>
#include <string_view>

#include "selftest/rows/packet/packet.hpp"
#include "selftest/rows/rows.hpp"
#include "selftest/ways/packets.hpp"
#include "selftest/ways/sockets.hpp"

namespace socklid::selftest {
namespace {

Outcome send_after(const Scene& scene, int level, int option, int value, const Address& peer) {
  const UniqueFd fd = open_socket(scene.family(), SOCK_DGRAM);
  if (!fd) return failed("socket");
  if (!set_option(fd.get(), level, option, value)) return failed("setsockopt");
  if (!send_token_to(fd.get(), scene, peer)) return failed("sendto");
  return {};
}

int index_of(const Scene& scene) {
  return static_cast<int>(scene.interface);
}

/// The option wants the index in network byte order (ip(7)).
Outcome by_unicast_interface(const Scene& scene) {
  const int index = static_cast<int>(htonl(scene.interface));
  if (scene.ip == Ip::v4) {
    return send_after(scene, IPPROTO_IP, IP_UNICAST_IF, index, scene.target);
  }
  return send_after(scene, IPPROTO_IPV6, IPV6_UNICAST_IF, index, scene.target);
}

Outcome by_interface_index(const Scene& scene) {
  return send_after(scene, SOL_SOCKET, SO_BINDTOIFINDEX, index_of(scene), scene.target);
}

Outcome without_gateway(const Scene& scene) {
  return send_after(scene, SOL_SOCKET, SO_DONTROUTE, 1, scene.target);
}

Outcome by_packet_info(const Scene& scene) {
  const UniqueFd fd = open_socket(scene.family(), SOCK_DGRAM);
  if (!fd) return failed("socket");
  TokenMessage message(scene, scene.target);
  const std::string own = address_bytes(scene.local);
  if (scene.ip == Ip::v4) {
    in_pktinfo info{};
    info.ipi_ifindex = index_of(scene);
    std::memcpy(&info.ipi_spec_dst, own.data(), own.size());
    message.control(IPPROTO_IP, IP_PKTINFO, &info, sizeof(info));
  } else {
    in6_pktinfo info{};
    info.ipi6_ifindex = scene.interface;
    std::memcpy(&info.ipi6_addr, own.data(), own.size());
    message.control(IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof(info));
  }
  if (!message.send(fd.get())) return failed("sendmsg");
  return {};
}

// Groups ----------------------------------------------------------------------------------------

/// No route leads there, so the socket names the interface.
Outcome to_all_ones(const Scene& scene) {
  const UniqueFd fd = open_socket(AF_INET, SOCK_DGRAM);
  if (!fd) return failed("socket");
  if (!set_option(fd.get(), SOL_SOCKET, SO_BROADCAST, 1) ||
      !set_option(fd.get(), SOL_SOCKET, SO_BINDTOIFINDEX, index_of(scene))) {
    return failed("setsockopt");
  }
  if (!send_token_to(fd.get(), scene, make_address("255.255.255.255", scene.port))) {
    return failed("sendto");
  }
  return {};
}

/// struct group_filter with as many sources as the token has addresses.
std::string source_filter(const Scene& scene, const group_req& membership) {
  const std::size_t size = scene.ip == Ip::v4 ? sizeof(in_addr) : sizeof(in6_addr);
  group_filter head{};
  head.gf_interface = membership.gr_interface;
  head.gf_group = membership.gr_group;
  head.gf_fmode = MCAST_INCLUDE;
  head.gf_numsrc = static_cast<std::uint32_t>(scene.token.size() / size);
  std::string filter = bytes_of(head).substr(0, offsetof(group_filter, gf_slist));
  for (std::size_t at = 0; at < scene.token.size(); at += size) {
    filter += bytes_of(address_of(scene.family(), token_text(scene).substr(at, size)).storage);
  }
  return filter;
}

/// Wants a group from the sources that spell the token. The kernel reports them to the link, a tick
/// of its clock later (net/ipv4/igmp.c: igmp_ifc_event, net/ipv6/mcast.c: mld_ifc_event).
Outcome report_sources(const Scene& scene) {
  const UniqueFd fd = open_socket(scene.family(), SOCK_DGRAM);
  if (!fd) return failed("socket");
  const int level = scene.ip == Ip::v4 ? int{IPPROTO_IP} : int{IPPROTO_IPV6};
  // Nobody's: of the ranges for local use (RFC 2365, RFC 4291).
  const Address group = make_address(scene.ip == Ip::v4 ? "239.255.94.31" : "ff15::5e1f", 0);
  group_req membership{};
  membership.gr_interface = scene.interface;
  std::memcpy(&membership.gr_group, group.get(), group.length);
  if (::setsockopt(fd.get(), level, MCAST_JOIN_GROUP, &membership, sizeof(membership)) != 0) {
    return failed("MCAST_JOIN_GROUP");
  }
  const std::string filter = source_filter(scene, membership);
  if (!set_bytes(fd.get(), level, MCAST_MSFILTER, filter)) return failed("MCAST_MSFILTER");
  // Nothing tells a process that the report has gone.
  ::poll(nullptr, 0, 300);
  return {};
}

// Sources ---------------------------------------------------------------------------------------

Outcome connect_from_served_port(const Scene& scene) {
  const UniqueFd fd = open_socket(scene.family(), SOCK_STREAM);
  if (!fd) return failed("socket");
  if (!set_option(fd.get(), SOL_SOCKET, SO_REUSEADDR, 1) ||
      !bind_to(fd.get(), any_address(scene.family(), served_port))) {
    return failed("bind");
  }
  if (!connect_to(fd.get(), scene.target)) return failed("connect");
  return {};
}

/// Options that every host on the way skips, and the ports behind them.
template <int option>
Outcome behind_options(const Scene& scene) {
  const std::string options = option_header(0, {});
  const UniqueFd fd = open_socket(AF_INET6, SOCK_DGRAM);
  if (!fd) return failed("socket");
  if (!set_bytes(fd.get(), IPPROTO_IPV6, option, options)) return failed("setsockopt");
  if (!send_token_to(fd.get(), scene, with_port(scene.named, scene.port))) return failed("sendto");
  return {};
}

Row peer_row(std::string_view name, Outcome (*attempt)(const Scene&), Each each = Each::ip) {
  return {.name = name, .each = each, .stops = stops_peer, .attempt = attempt};
}

/// Answers from the served port may leave.
Row served_row(std::string_view name, Outcome (*attempt)(const Scene&), Guard guard) {
  return {
      .name = name,
      .stops = always(guard),
      .attempt = attempt,
      .annotations = {any_peer_annotation, "io.socklid.bind=tcp/4748 udp/4748", egress_annotation},
      .lines = guard == Guard::packet_out ? Row::Lines::programs : Row::Lines::both};
}

}  // namespace

std::vector<Row> way_rows() {
  return {
      peer_row("UDP by IP_UNICAST_IF", by_unicast_interface),
      peer_row("UDP by SO_BINDTOIFINDEX", by_interface_index),
      peer_row("UDP by SO_DONTROUTE", without_gateway),
      peer_row("UDP by IP_PKTINFO", by_packet_info),
      peer_row("UDP to 255.255.255.255", to_all_ones, Each::v4_only),
      peer_row("UDP behind hop-by-hop options", behind_options<IPV6_HOPOPTS>, Each::v6_only),
      peer_row("UDP behind destination options", behind_options<IPV6_DSTOPTS>, Each::v6_only),
      served_row("any peer, egress names some: UDP from a served port", send_from_served_port,
                 Guard::packet_out),
      served_row("any peer, egress names some: TCP from a served port", connect_from_served_port,
                 Guard::not_named),
      {.name = "data in reports of multicast sources",
       .stops = always(Guard::option),
       .attempt = report_sources,
       .why = "the kernel reports to all hosts of the link whom a group is wanted from",
       .alone = true},
  };
}

}  // namespace socklid::selftest
