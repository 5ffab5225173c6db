// SPDX-License-Identifier: Apache-2.0
//
// Forged flows. The rules let out answers to connections from outside, and conntrack says what an
// answer is. Loopback is not judged: a packet that claims to come from the target, sent there,
// makes conntrack believe that the target has asked.
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <sys/socket.h>

#include <cstring>
#include <string>

#include "selftest/links.hpp"
#include "selftest/packets.hpp"
#include "selftest/rows.hpp"
#include "selftest/rows_packet.hpp"
#include "selftest/sockets.hpp"

namespace socklid::selftest {
namespace {

/// The kernel answers by itself, with the data of the question.
Outcome forged_ping(const Scene& scene) {
  const bool v4 = scene.ip == Ip::v4;
  const Ends ends{scene.target, scene.local};
  const std::string rest = std::string(4, '\0').append(token_text(scene));
  const std::string message = icmp_message(ends, v4 ? ICMP_ECHO : ICMP6_ECHO_REQUEST, 0, rest);
  const std::uint8_t protocol = v4 ? std::uint8_t{IPPROTO_ICMP} : std::uint8_t{IPPROTO_ICMPV6};
  return send_raw(scene, IPPROTO_RAW, ip_packet({.ends = ends, .protocol = protocol}, message),
                  scene.local);
}

/// A socket on the served port answers `asker`, who has not asked.
Outcome answer(const Scene& scene, const UniqueFd& server, const Address& asker) {
  if (!send_token_to(server.get(), scene, asker)) return failed("sendto");
  return {};
}

UniqueFd open_server(const Scene& scene) {
  UniqueFd server = open_socket(scene.family(), SOCK_DGRAM);
  if (server && !bind_to(server.get(), with_port(scene.local, served_port))) return {};
  return server;
}

Outcome forged_question_by_raw(const Scene& scene) {
  const UniqueFd server = open_server(scene);
  if (!server) return failed("bind");
  const Ends ends{scene.target, with_port(scene.local, served_port)};
  const std::string packet =
      ip_packet({.ends = ends, .protocol = IPPROTO_UDP}, udp_datagram(ends, "?"));
  Outcome asked = send_raw(scene, IPPROTO_RAW, packet, scene.local);
  if (!asked.step.empty()) return asked;
  return answer(scene, server, scene.target);
}

/// Asks as the target does, from a port that the kernel chooses, and has it answered.
Outcome ask_as_target(const Scene& scene, const UniqueFd& asker) {
  const UniqueFd server = open_server(scene);
  if (!server) return failed("bind");
  if (!bind_to(asker.get(), with_port(scene.target, 0))) return failed("bind to the target");
  Address own;
  own.length = sizeof(own.storage);
  if (::getsockname(asker.get(), reinterpret_cast<sockaddr*>(&own.storage), &own.length) != 0) {
    return failed("getsockname");
  }
  const Address server_address = with_port(scene.local, served_port);
  if (::sendto(asker.get(), "?", 1, 0, server_address.get(), server_address.length) < 0) {
    return failed("ask");
  }
  return answer(scene, server, own);
}

Outcome forged_question_by_sysctl(const Scene& scene) {
  const std::string_view name = scene.ip == Ip::v4 ? std::string_view("net/ipv4/ip_nonlocal_bind")
                                                   : std::string_view("net/ipv6/ip_nonlocal_bind");
  if (!set_sysctl(name, "1")) return failed("ip_nonlocal_bind");
  const UniqueFd asker = open_socket(scene.family(), SOCK_DGRAM);
  if (!asker) return failed("socket");
  return ask_as_target(scene, asker);
}

Outcome forged_question_by_freebind(const Scene& scene) {
  const UniqueFd asker = open_socket(scene.family(), SOCK_DGRAM);
  if (!asker) return failed("socket");
  constexpr int ipv6_freebind = 78;  // linux/in6.h, which libc's header takes the place of
  const bool v4 = scene.ip == Ip::v4;
  if (!set_option(asker.get(), v4 ? int{IPPROTO_IP} : int{IPPROTO_IPV6},
                  v4 ? IP_FREEBIND : ipv6_freebind, 1)) {
    return failed("setsockopt");
  }
  return ask_as_target(scene, asker);
}

/// Policies that leave peers to the rules, and serve.
Row served_row(std::string_view name, Each each, Outcome (*attempt)(const Scene&), Guard guard) {
  return {.name = name,
          .each = each,
          .stops = always(guard),
          .attempt = attempt,
          .annotations = {any_peer_annotation, "io.socklid.bind=udp/4748", egress_annotation},
          .alone = true};
}

Row raw_served_row(std::string_view name, Outcome (*attempt)(const Scene&)) {
  Row row = served_row(name, Each::ip, attempt, Guard::not_named);
  row.annotations.push_back(raw_annotation);
  return row;
}

}  // namespace

std::vector<Row> forged_flow_rows() {
  return {
      raw_served_row("raw opened: a ping forged over loopback, answered to the target",
                     forged_ping),
      raw_served_row("raw opened: a question forged over loopback, answered to the target",
                     forged_question_by_raw),
      served_row("a question forged over loopback by ip_nonlocal_bind", Each::v6_only,
                 forged_question_by_sysctl, Guard::not_named),
      served_row("a question forged over loopback by IPV6_FREEBIND", Each::v6_only,
                 forged_question_by_freebind, Guard::not_named),
  };
}

}  // namespace socklid::selftest
