// SPDX-License-Identifier: Apache-2.0
//
// Source routes: a packet names `named` as its last stop and goes to `target` first. Socket options
// and control messages that write one are refused; where raw sockets are open, rules drop the
// packet, whatever stop is written as its destination.
#include <netinet/in.h>
#include <netinet/ip.h>
#include <sys/socket.h>

#include <linux/in6.h>

#include <string>

#include "selftest/rows/packet/packet.hpp"
#include "selftest/rows/rows.hpp"
#include "selftest/ways/packets.hpp"
#include "selftest/ways/sockets.hpp"

namespace socklid::selftest {
namespace {

constexpr std::uint8_t loose = IPOPT_LSRR, strict = IPOPT_SSRR;

// By socket options -----------------------------------------------------------------------------

Outcome send_with_option(const Scene& scene, int level, int option, const std::string& bytes) {
  const UniqueFd fd = open_socket(scene.family(), SOCK_DGRAM);
  if (!fd) return failed("socket");
  if (!set_bytes(fd.get(), level, option, bytes)) return failed("setsockopt");
  if (!send_token_to(fd.get(), scene, scene.named)) return failed("sendto");
  return {};
}

Outcome send_with_message(const Scene& scene, int level, int type, const std::string& bytes) {
  const UniqueFd fd = open_socket(scene.family(), SOCK_DGRAM);
  if (!fd) return failed("socket");
  TokenMessage message(scene, scene.named);
  message.control(level, type, bytes.data(), bytes.size());
  if (!message.send(fd.get())) return failed("sendmsg");
  return {};
}

/// What the kernel takes names the hops before the last; the last is the peer.
template <std::uint8_t option>
Outcome route_by_option(const Scene& scene) {
  return send_with_option(scene, IPPROTO_IP, IP_OPTIONS, source_route(option, scene.target));
}

template <std::uint8_t option>
Outcome route_by_message(const Scene& scene) {
  return send_with_message(scene, IPPROTO_IP, IP_RETOPTS, source_route(option, scene.target));
}

/// The SYN goes to another address, and so must carry the token for itself: in an IP option that
/// nobody knows.
Outcome connect_by_route(const Scene& scene) {
  const UniqueFd fd = open_socket(AF_INET, SOCK_STREAM);
  if (!fd) return failed("socket");
  std::string options = source_route(loose, scene.target) + "\x9e\x12";
  options.append(token_text(scene)).resize(28);
  if (!set_bytes(fd.get(), IPPROTO_IP, IP_OPTIONS, options)) return failed("setsockopt");
  if (!connect_to(fd.get(), scene.named)) return failed("connect");
  return {};
}

Outcome segment_by_option(const Scene& scene) {
  return send_with_option(scene, IPPROTO_IPV6, IPV6_RTHDR,
                          segment_routing(0, scene.target, scene.named));
}

Outcome mobile_by_option(const Scene& scene) {
  return send_with_option(scene, IPPROTO_IPV6, IPV6_RTHDR, mobile_routing(0, scene.target));
}

template <int type>
Outcome mobile_by_message(const Scene& scene) {
  return send_with_message(scene, IPPROTO_IPV6, type, mobile_routing(0, scene.target));
}

/// An option whose value is control messages.
Outcome mobile_by_packet_options(const Scene& scene) {
  const std::string route = mobile_routing(0, scene.target);
  cmsghdr header{};
  header.cmsg_len = CMSG_LEN(route.size());
  header.cmsg_level = IPPROTO_IPV6;
  header.cmsg_type = IPV6_RTHDR;
  return send_with_option(scene, IPPROTO_IPV6, IPV6_2292PKTOPTIONS, bytes_of(header) + route);
}

Outcome connect_by_segment(const Scene& scene) {
  const UniqueFd fd = open_socket(AF_INET6, SOCK_STREAM);
  if (!fd) return failed("socket");
  if (!set_bytes(fd.get(), IPPROTO_IPV6, IPV6_RTHDR,
                 segment_routing(0, scene.target, scene.named)) ||
      !set_bytes(fd.get(), IPPROTO_IPV6, IPV6_DSTOPTS, option_header(0, token_text(scene)))) {
    return failed("setsockopt");
  }
  if (!connect_to(fd.get(), scene.named)) return failed("connect");
  return {};
}

// By raw sockets --------------------------------------------------------------------------------

/// To the named peer, which is to pass it on.
Ends to_named(const Scene& scene) {
  return {scene.local, scene.named};
}

std::string datagram(const Scene& scene) {
  return udp_datagram(to_named(scene), token_text(scene));
}

template <std::uint8_t option>
Outcome route_by_raw(const Scene& scene) {
  const std::string packet = ip_packet({.ends = to_named(scene),
                                        .protocol = IPPROTO_UDP,
                                        .options = source_route(option, scene.target)},
                                       datagram(scene));
  return send_raw(scene, IPPROTO_RAW, packet, scene.named);
}

Outcome segment_by_raw(const Scene& scene) {
  return send_raw(scene, IPPROTO_ROUTING,
                  segment_routing(IPPROTO_UDP, scene.named, scene.target) + datagram(scene),
                  scene.named);
}

Outcome mobile_by_raw(const Scene& scene) {
  return send_raw(scene, IPPROTO_ROUTING,
                  mobile_routing(IPPROTO_UDP, scene.target) + datagram(scene), scene.named);
}

Outcome segment_behind_options(const Scene& scene) {
  const std::string headers = option_header(IPPROTO_DSTOPTS, {}) +
                              option_header(IPPROTO_ROUTING, {}) +
                              segment_routing(IPPROTO_UDP, scene.named, scene.target);
  const std::string packet =
      ip_packet({.ends = to_named(scene), .protocol = IPPROTO_HOPOPTS}, headers + datagram(scene));
  return send_raw(scene, IPPROTO_RAW, packet, scene.named);
}

/// The first fragment ends before the routing header begins.
Outcome segment_in_last_fragment(const Scene& scene) {
  const std::string first = option_header(IPPROTO_ROUTING, {});
  const std::string last =
      segment_routing(IPPROTO_UDP, scene.named, scene.target) + datagram(scene);
  for (const std::string& packet :
       ipv6_fragments(to_named(scene), IPPROTO_DSTOPTS, {first, last})) {
    const Outcome outcome = send_raw(scene, IPPROTO_RAW, packet, scene.named);
    if (!outcome.step.empty()) return failed(outcome.step);
  }
  return {};
}

Row by_option(std::string_view name, Each each, Outcome (*attempt)(const Scene&)) {
  return {.name = name, .each = each, .stops = always(Guard::option), .attempt = attempt};
}

Row by_raw(std::string_view name, Guard guard, Outcome (*attempt)(const Scene&)) {
  return {.name = name,
          .each = guard == Guard::routing_header ? Each::v6_only : Each::v4_only,
          .stops = {Guard::connect, guard, Guard::connect},
          .attempt = attempt,
          .annotations = {raw_annotation}};
}

}  // namespace

std::vector<Row> source_route_rows() {
  return {
      by_option("loose source route by IP_OPTIONS", Each::v4_only, route_by_option<loose>),
      by_option("strict source route by IP_OPTIONS", Each::v4_only, route_by_option<strict>),
      by_option("loose source route by control message", Each::v4_only, route_by_message<loose>),
      by_option("strict source route by control message", Each::v4_only, route_by_message<strict>),
      by_option("TCP by a loose source route", Each::v4_only, connect_by_route),
      by_option("segment routing by IPV6_RTHDR", Each::v6_only, segment_by_option),
      by_option("routing header of Mobile IPv6 by IPV6_RTHDR", Each::v6_only, mobile_by_option),
      by_option("routing header of Mobile IPv6 by control message", Each::v6_only,
                mobile_by_message<IPV6_RTHDR>),
      by_option("routing header by control message of RFC 2292", Each::v6_only,
                mobile_by_message<IPV6_2292RTHDR>),
      by_option("routing header by IPV6_2292PKTOPTIONS", Each::v6_only, mobile_by_packet_options),
      by_option("TCP by segment routing", Each::v6_only, connect_by_segment),
      by_raw("raw opened: loose source route", Guard::loose_route, route_by_raw<loose>),
      by_raw("raw opened: strict source route", Guard::strict_route, route_by_raw<strict>),
      by_raw("raw opened: segment routing", Guard::routing_header, segment_by_raw),
      by_raw("raw opened: routing header of Mobile IPv6", Guard::routing_header, mobile_by_raw),
      by_raw("raw opened: segment routing behind options", Guard::routing_header,
             segment_behind_options),
      by_raw("raw opened: segment routing in the last fragment", Guard::not_named,
             segment_in_last_fragment),
  };
}

}  // namespace socklid::selftest
