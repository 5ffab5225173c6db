// SPDX-License-Identifier: Apache-2.0
//
// What a raw socket can write and no other: sources of others, fragments, messages that the rules
// let the kernel itself send. A list of peers does not know raw sockets; the rules know every
// packet.
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <string>

#include "selftest/rows/packet/packet.hpp"
#include "selftest/rows/rows.hpp"
#include "selftest/ways/packets.hpp"
#include "selftest/ways/sockets.hpp"

namespace socklid::selftest {
namespace {

/// To the named peer, but to another port of it.
Ends to_other_port(const Scene& scene) {
  return {scene.local, with_port(scene.named, scene.port)};
}

Outcome send_packets(const Scene& scene, const std::vector<std::string>& packets) {
  for (const std::string& packet : packets) {
    Outcome outcome = send_raw(scene, IPPROTO_RAW, packet, scene.named);
    if (!outcome.step.empty()) return outcome;
  }
  return {};
}

/// An address of the link that is nobody's.
Outcome spoofed_source(const Scene& scene) {
  const Address nobody =
      make_address(scene.ip == Ip::v4 ? "10.231.7.77" : "fd5e:1f::77", scene.port);
  const Ends ends{nobody, scene.target};
  return send_raw(
      scene, IPPROTO_RAW,
      ip_packet({.ends = ends, .protocol = IPPROTO_UDP}, udp_datagram(ends, token_text(scene))),
      scene.target);
}

// Fragments -------------------------------------------------------------------------------------

std::string ipv4_fragment(const Ends& ends, std::uint8_t protocol, std::uint16_t offset,
                          const std::string& part) {
  return ip_packet({.ends = ends, .protocol = protocol, .fragment = offset, .fragment_id = 0x5e1f},
                   part);
}

/// A first fragment with no more than the ports, which are not named.
Outcome tiny_first_fragment(const Scene& scene) {
  const Ends ends = to_other_port(scene);
  const std::string segment = tcp_segment(ends, TH_SYN, token_text(scene));
  const std::string first = segment.substr(0, 8);
  const std::string last = segment.substr(8);
  if (scene.ip == Ip::v6) {
    return send_packets(scene, ipv6_fragments(ends, IPPROTO_TCP, {first, last}));
  }
  return send_packets(scene, {ipv4_fragment(ends, IPPROTO_TCP, IP_MF, first),
                              ipv4_fragment(ends, IPPROTO_TCP, 1, last)});
}

/// The first fragment is full of options, the ports are in the second.
Outcome ports_in_last_fragment(const Scene& scene) {
  const Ends ends = to_other_port(scene);
  const std::string first = option_header(IPPROTO_UDP, {});
  return send_packets(
      scene, ipv6_fragments(ends, IPPROTO_DSTOPTS, {first, udp_datagram(ends, token_text(scene))}));
}

/// A fragment without ports that nobody puts together before the rules see it.
Outcome fragment_alone(const Scene& scene) {
  const UniqueFd fd = open_socket(AF_INET, SOCK_RAW, IPPROTO_RAW);
  if (!fd) return failed("socket");
  if (!set_option(fd.get(), IPPROTO_IP, IP_NODEFRAG, 1)) return failed("IP_NODEFRAG");
  const std::string packet =
      ipv4_fragment(to_other_port(scene), IPPROTO_UDP, 1, std::string(token_text(scene)));
  if (!send_data(fd.get(), packet, with_port(scene.named, 0))) return failed("sendto");
  return {};
}

// Messages of the kernel's own ------------------------------------------------------------------

struct Types {
  std::uint8_t v4;
  std::uint8_t v6;
};

Outcome send_icmp(const Scene& scene, const Address& peer, Types types, std::uint8_t hops,
                  std::string_view rest) {
  const bool v4 = scene.ip == Ip::v4;
  const Ends ends{scene.local, peer};
  const std::uint8_t protocol = v4 ? std::uint8_t{IPPROTO_ICMP} : std::uint8_t{IPPROTO_ICMPV6};
  const std::string message = icmp_message(ends, v4 ? types.v4 : types.v6, 0, rest);
  return send_raw(scene, IPPROTO_RAW,
                  ip_packet({.ends = ends, .protocol = protocol, .hops = hops}, message), peer);
}

/// The second word of the header and the token.
std::string token_rest(const Scene& scene) {
  return std::string(4, '\0').append(token_text(scene));
}

Outcome unasked_echo_reply(const Scene& scene) {
  return send_icmp(scene, scene.target, {ICMP_ECHOREPLY, ICMP6_ECHO_REPLY}, 64, token_rest(scene));
}

/// About a packet of a flow to the named peer that conntrack knows.
Outcome send_error(const Scene& scene, const Address& peer) {
  const UniqueFd fd = open_socket(scene.family(), SOCK_DGRAM);
  if (!fd || !bind_to(fd.get(), any_address(scene.family(), served_port))) return failed("bind");
  if (!connect_to(fd.get(), scene.named) || ::send(fd.get(), nullptr, 0, 0) < 0) {
    return failed("send");
  }
  const Ends answer{scene.named, with_port(scene.local, served_port)};
  const std::string packet =
      ip_packet({.ends = answer, .protocol = IPPROTO_UDP}, udp_datagram(answer, token_text(scene)));
  return send_icmp(scene, peer, {ICMP_DEST_UNREACH, ICMP6_DST_UNREACH}, 64,
                   std::string(4, '\0') + packet);
}

Outcome error_to_another(const Scene& scene) {
  return send_error(scene, scene.target);
}

/// UDP is named, ICMP is not.
Outcome error_to_named(const Scene& scene) {
  return send_error(scene, scene.named);
}

Outcome neighbour_solicitation(const Scene& scene) {
  constexpr std::uint8_t type = 135;  // RFC 4861
  return send_icmp(scene, scene.target, {0, type}, 255, token_rest(scene));
}

Outcome listener_report(const Scene& scene) {
  constexpr std::uint8_t type = 131;  // RFC 2710
  return send_icmp(scene, scene.target, {0, type}, 1, token_rest(scene));
}

Row raw_row(std::string_view name, Each each, Outcome (*attempt)(const Scene&)) {
  return {.name = name,
          .each = each,
          .stops = stops_peer,
          .attempt = attempt,
          .annotations = {raw_annotation}};
}

}  // namespace

std::vector<Row> raw_packet_rows() {
  std::vector<Row> rows{
      raw_row("raw opened: another's address as source", Each::ip, spoofed_source),
      raw_row("raw opened: a first fragment with the ports alone", Each::ip, tiny_first_fragment),
      raw_row("raw opened: the ports in the last fragment", Each::v6_only, ports_in_last_fragment),
      raw_row("raw opened: a fragment without ports by IP_NODEFRAG", Each::v4_only, fragment_alone),
      raw_row("raw opened: an echo reply that nobody asked for", Each::ip, unasked_echo_reply),
      raw_row("raw opened: an ICMP error about a named flow, to another", Each::ip,
              error_to_another),
      raw_row("raw opened: data as an ICMP error about a named flow", Each::ip, error_to_named),
      raw_row("raw opened: data as a neighbour solicitation", Each::v6_only,
              neighbour_solicitation),
      raw_row("raw opened: data as a report of multicast listeners", Each::v6_only,
              listener_report),
  };
  rows[0].stops.egress = Guard::foreign_source;
  return rows;
}

}  // namespace socklid::selftest
