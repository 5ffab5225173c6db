// SPDX-License-Identifier: Apache-2.0
//
// Forged flows. Answers to what came from outside may leave, and loopback is free: a packet that
// claims to come from the target, sent there, looks as if the target had asked, and the container
// or the kernel answers.
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <sys/socket.h>

#include <string>
#include <string_view>

#include "selftest/rows/packet/packet.hpp"
#include "selftest/rows/rows.hpp"
#include "selftest/ways/links.hpp"
#include "selftest/ways/packets.hpp"
#include "selftest/ways/sockets.hpp"

namespace socklid::selftest {
namespace {

// By raw sockets --------------------------------------------------------------------------------

/// From the target to the container.
Outcome forge(const Scene& scene, std::uint8_t protocol, const Ends& ends,
              std::string_view message) {
  return send_raw(scene, IPPROTO_RAW, ip_packet({.ends = ends, .protocol = protocol}, message),
                  scene.local);
}

/// The kernel answers by itself, with the data of the question.
Outcome forged_ping(const Scene& scene) {
  const bool v4 = scene.ip == Ip::v4;
  const Ends ends{scene.target, scene.local};
  const std::string rest = std::string(4, '\0').append(token_text(scene));
  return forge(scene, v4 ? std::uint8_t{IPPROTO_ICMP} : std::uint8_t{IPPROTO_ICMPV6}, ends,
               icmp_message(ends, v4 ? ICMP_ECHO : ICMP6_ECHO_REQUEST, 0, rest));
}

/// Nobody listens: the kernel says so to the target, with the datagram as proof.
Outcome forged_datagram(const Scene& scene) {
  const Ends ends{scene.target, scene.local};
  return forge(scene, IPPROTO_UDP, ends, udp_datagram(ends, token_text(scene)));
}

/// To a peer that no policy names: it is refused with a copy for whom it claims to come from.
Outcome forged_refusal(const Scene& scene) {
  const Address closed = with_port(scene.named, scene.port);
  const Ends ends{scene.target, closed};
  return send_raw(
      scene, IPPROTO_RAW,
      ip_packet({.ends = ends, .protocol = IPPROTO_UDP}, udp_datagram(ends, token_text(scene))),
      closed);
}

/// A socket on the served port.
UniqueFd open_server(const Scene& scene) {
  UniqueFd server = open_socket(scene.family(), SOCK_DGRAM);
  if (server && !bind_to(server.get(), with_port(scene.local, served_port))) return {};
  return server;
}

Outcome forged_question(const Scene& scene) {
  const UniqueFd server = open_server(scene);
  if (!server) return failed("bind");
  const Ends ends{scene.target, with_port(scene.local, served_port)};
  (void)forge(scene, IPPROTO_UDP, ends, udp_datagram(ends, "?"));
  if (!send_token_to(server.get(), scene, scene.target)) return failed("sendto");
  return {};
}

// By sockets with another host's address --------------------------------------------------------
// IPv6 lets a socket send from any address that it could bind to, IPv4 looks again
// (net/ipv4/route.c: ip_route_output_key_hash_rcu).

using Permit = bool (*)(int fd);

bool by_option(int fd) {
  constexpr int ipv6_freebind = 78;  // linux/in6.h: not in every libc
  return set_option(fd, IPPROTO_IPV6, ipv6_freebind, 1);
}

bool by_ipv4_option(int fd) {
  return set_option(fd, IPPROTO_IP, IP_FREEBIND, 1);
}

bool by_sysctl(int /*fd*/) {
  return set_sysctl("net/ipv6/ip_nonlocal_bind", "1").has_value();
}

/// A socket that sends as the target, from a port that the kernel chooses.
template <Permit permit>
UniqueFd open_as_target(const Scene& scene) {
  UniqueFd fd = open_socket(AF_INET6, SOCK_DGRAM);
  if (fd && (!permit(fd.get()) || !bind_to(fd.get(), with_port(scene.target, 0)))) return {};
  return fd;
}

template <Permit permit>
Outcome refused(const Scene& scene, const Address& closed) {
  const UniqueFd asker = open_as_target<permit>(scene);
  if (!asker) return failed("bind to the target");
  if (!send_token_to(asker.get(), scene, closed)) return failed("sendto");
  return {};
}

/// To a port of the container's where nobody listens, as forged_datagram() does.
template <Permit permit>
Outcome refused_by_container(const Scene& scene) {
  return refused<permit>(scene, scene.local);
}

template <Permit permit>
Outcome refused_by_loopback(const Scene& scene) {
  return refused<permit>(scene, make_address("::1", scene.port));
}

template <Permit permit>
Outcome answered(const Scene& scene) {
  const UniqueFd server = open_server(scene);
  if (!server) return failed("bind");
  const UniqueFd asker = open_as_target<permit>(scene);
  if (!asker) return failed("bind to the target");
  Address own;
  own.length = sizeof(own.storage);
  if (::getsockname(asker.get(), reinterpret_cast<sockaddr*>(&own.storage), &own.length) != 0) {
    return failed("getsockname");
  }
  (void)send_data(asker.get(), "?", with_port(scene.local, served_port));
  if (!send_token_to(server.get(), scene, own)) return failed("answer");
  return {};
}

// The table -------------------------------------------------------------------------------------

/// Only the rules stand in the way, and they let out answers from the served port.
Row served(std::string_view name, Each each, Outcome (*attempt)(const Scene&), Guard guard) {
  return {.name = name,
          .each = each,
          .stops = always(guard),
          .attempt = attempt,
          .annotations = {any_peer_annotation, "io.socklid.bind=udp/4748", egress_annotation},
          .alone = true};
}

Row by_programs(Row row) {
  row.lines = Row::Lines::programs;
  return row;
}

Row with_raw(Row row) {
  row.annotations.push_back(raw_annotation);
  return row;
}

/// Loopback is a peer that `connect` names.
Row with_loopback(std::string_view name, Outcome (*attempt)(const Scene&), Stops stops) {
  return {.name = name,
          .each = Each::v6_only,
          .stops = stops,
          .attempt = attempt,
          .annotations = {"io.socklid.connect=udp@::1"},
          .alone = true};
}

}  // namespace

std::vector<Row> forged_flow_rows() {
  constexpr Each v6 = Each::v6_only;
  constexpr Guard source = Guard::foreign_source;
  return {
      with_raw(served("raw opened: a ping forged over loopback, answered to the target", Each::ip,
                      forged_ping, source)),
      with_raw(served("raw opened: a datagram forged over loopback, refused to the target",
                      Each::ip, forged_datagram, source)),
      by_programs(
          with_raw(served("raw opened: a question forged over loopback, answered to the target",
                          Each::ip, forged_question, Guard::packet_out))),
      with_raw(served("raw opened: a datagram forged as the target's, rejected to the target",
                      Each::ip, forged_refusal, source)),
      served("a question forged over loopback by IPV6_FREEBIND", v6, answered<by_option>,
             Guard::option),
      served("a question forged over loopback by IP_FREEBIND", v6, answered<by_ipv4_option>,
             Guard::option),
      by_programs(served("a question forged over loopback by ip_nonlocal_bind", v6,
                         answered<by_sysctl>, Guard::packet_out)),
      served("a datagram refused over loopback by IPV6_FREEBIND", v6,
             refused_by_container<by_option>, Guard::option),
      served("a datagram refused over loopback by ip_nonlocal_bind", v6,
             refused_by_container<by_sysctl>, source),
      with_loopback("connect names ::1: a datagram refused there by IPV6_FREEBIND",
                    refused_by_loopback<by_option>, always(Guard::option)),
  };
}

}  // namespace socklid::selftest
