// SPDX-License-Identifier: Apache-2.0
//
// Sockets that the container could not have made, because its policy closes their family or
// protocol: raw, ping and packet sockets, handed in.
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <sys/socket.h>

#include <string>

#include "selftest/rows/foreign/foreign.hpp"
#include "selftest/rows/rows.hpp"
#include "selftest/ways/broker.hpp"
#include "selftest/ways/packets.hpp"
#include "selftest/ways/sockets.hpp"

namespace socklid::selftest {
namespace {

/// The port of a raw socket's peer is a protocol, or 0.
template <Namespace where>
Outcome send_raw(const Scene& scene) {
  const UniqueFd fd = borrow(scene, Lent::raw, where);
  if (!fd) return failed("borrow");
  if (!send_data(fd.get(), packet_to_target(scene), with_port(scene.target, 0)))
    return failed("send");
  return {};
}

Outcome connect_raw(const Scene& scene) {
  const UniqueFd fd = borrow(scene, Lent::raw);
  if (!fd) return failed("borrow");
  if (!connect_to(fd.get(), with_port(scene.target, 0))) return failed("connect");
  const std::string packet = packet_to_target(scene);
  if (::send(fd.get(), packet.data(), packet.size(), MSG_NOSIGNAL) < 0) return failed("send");
  return {};
}

/// The kernel fills in the rest of an echo request (net/ipv4/ping.c).
template <Namespace where>
Outcome send_ping(const Scene& scene) {
  const UniqueFd fd = borrow(scene, Lent::icmp, where);
  if (!fd) return failed("borrow");
  std::string request(sizeof(icmphdr), '\0');
  request[0] = static_cast<char>(scene.ip == Ip::v4 ? ICMP_ECHO : ICMP6_ECHO_REQUEST);
  request += token_text(scene);
  if (!send_data(fd.get(), request, with_port(scene.target, 0))) return failed("send");
  return {};
}

Outcome send_frame(const Scene& scene) {
  const UniqueFd fd = borrow(scene, Lent::packet);
  if (!fd) return failed("borrow");
  if (!send_data(fd.get(), frame_to_target(scene), link_address(scene))) return failed("send");
  return {};
}

/// Without an address, to where the socket is bound.
Outcome bind_and_write_frame(const Scene& scene) {
  const UniqueFd fd = borrow(scene, Lent::packet);
  if (!fd) return failed("borrow");
  if (!bind_to(fd.get(), link_address(scene))) return failed("bind");
  const std::string frame = frame_to_target(scene);
  if (::send(fd.get(), frame.data(), frame.size(), MSG_NOSIGNAL) < 0) return failed("send");
  return {};
}

Row raw_row(std::string_view name, Outcome (*attempt)(const Scene&), const Stops& stops) {
  return {.name = name, .stops = stops, .attempt = attempt};
}

}  // namespace

std::vector<Row> foreign_raw() {
  return {
      raw_row("handed in: raw", send_raw<Namespace::inside>, stops_foreign_peer),
      raw_row("handed in: raw, connect and write", connect_raw, stops_foreign_peer),
      raw_row("of another namespace: raw", send_raw<Namespace::elsewhere>, stops_foreign_peer),
      raw_row("handed in: ping", send_ping<Namespace::inside>, stops_foreign_peer),
      raw_row("of another namespace: ping", send_ping<Namespace::elsewhere>, stops_foreign_peer),
      raw_row("handed in: packet", send_frame, stops_foreign_peer),
      raw_row("handed in: packet, bind and write", bind_and_write_frame,
              {Guard::bind, Guard::foreign, Guard::bind}),
  };
}

}  // namespace socklid::selftest
