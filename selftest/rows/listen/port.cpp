// SPDX-License-Identifier: Apache-2.0
//
// TCP and UDP ports that bind does not name. (Left out: a datagram socket on a port that the kernel
// chose hears what is sent to it. Without egress that is promised to nobody, see
// docs/annotations.md.)
#include <netinet/in.h>
#include <sys/socket.h>

#include "selftest/rows/listen/listen.hpp"
#include "selftest/rows/rows.hpp"
#include "selftest/ways/compat.hpp"
#include "selftest/ways/sockets.hpp"

namespace socklid::selftest {
namespace {

// TCP ------------------------------------------------------------------------------------------

Outcome tcp_bind(const Scene& scene) {
  return bound_and_listening(open_socket(scene.family(), SOCK_STREAM), scene.local);
}

Outcome tcp_bind_any(const Scene& scene) {
  return bound_and_listening(open_socket(scene.family(), SOCK_STREAM),
                             any_address(scene.family(), scene.port));
}

/// Bound as INADDR_ANY (net/ipv4/af_inet.c, __inet_bind).
Outcome tcp_bind_unspecified(const Scene& scene) {
  return bound_and_listening(open_socket(AF_INET, SOCK_STREAM),
                             with_family(any_address(AF_INET, scene.port), AF_UNSPEC));
}

Outcome tcp_bind_mapped(const Scene& scene) {
  return bound_and_listening(open_socket(AF_INET6, SOCK_STREAM), mapped(scene.local));
}

Outcome tcp_bind_both_versions(const Scene& scene) {
  UniqueFd fd = open_socket(AF_INET6, SOCK_STREAM);
  if (fd && !set_option(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, 0)) return failed("IPV6_V6ONLY");
  return bound_and_listening(std::move(fd), any_address(AF_INET6, scene.port));
}

/// The kernel binds what listens without a port.
Outcome tcp_listen_unbound(const Scene& scene) {
  const OnlyPort only(scene.port);
  if (!only) return failed("ip_local_port_range");
  return listening(open_socket(scene.family(), SOCK_STREAM));
}

Outcome tcp_listen_on_port_zero(const Scene& scene) {
  const OnlyPort only(scene.port);
  if (!only) return failed("ip_local_port_range");
  return bound_and_listening(open_socket(scene.family(), SOCK_STREAM),
                             any_address(scene.family(), 0));
}

Outcome tcp_listen_after_connection(const Scene& scene) {
  const OnlyPort only(scene.port);
  if (!only) return failed("ip_local_port_range");
  UniqueFd fd = open_socket(scene.family(), SOCK_STREAM);
  if (!fd) return failed("socket");
  if (!connect_to(fd.get(), scene.named)) return failed("connect to the named peer");
  if (!connect_to(fd.get(), no_address())) return failed("connect to AF_UNSPEC");
  return listening(std::move(fd));
}

template <Gate gate>
Outcome tcp_bind_by(const Scene& scene) {
  UniqueFd fd = compat_socket(gate, scene.family(), SOCK_STREAM, 0);
  if (!fd) return failed("socket");
  if (!compat_bind(gate, fd.get(), scene.local)) return failed("bind");
  if (!compat_listen(gate, fd.get())) return failed("listen");
  return {.step = {}, .error = 0, .held = std::move(fd)};
}

template <Gate gate>
Outcome tcp_listen_by(const Scene& scene) {
  const OnlyPort only(scene.port);
  if (!only) return failed("ip_local_port_range");
  UniqueFd fd = compat_socket(gate, scene.family(), SOCK_STREAM, 0);
  if (!fd) return failed("socket");
  if (!compat_listen(gate, fd.get())) return failed("listen");
  return {.step = {}, .error = 0, .held = std::move(fd)};
}

// UDP ------------------------------------------------------------------------------------------

Outcome udp_bind(const Scene& scene) {
  return bound(open_socket(scene.family(), SOCK_DGRAM), scene.local);
}

Outcome udp_bind_any(const Scene& scene) {
  return bound(open_socket(scene.family(), SOCK_DGRAM), any_address(scene.family(), scene.port));
}

Outcome udp_bind_unspecified(const Scene& scene) {
  return bound(open_socket(AF_INET, SOCK_DGRAM),
               with_family(any_address(AF_INET, scene.port), AF_UNSPEC));
}

Outcome udp_bind_mapped(const Scene& scene) {
  return bound(open_socket(AF_INET6, SOCK_DGRAM), mapped(scene.local));
}

Outcome udplite_bind(const Scene& scene) {
  return bound(open_socket(scene.family(), SOCK_DGRAM, IPPROTO_UDPLITE), scene.local);
}

Row answers(std::string_view name, Outcome (*attempt)(const Scene&), Each each = Each::ip) {
  return {.name = name,
          .each = each,
          .proof = Proof::answered,
          .stops = stops_port,
          .attempt = attempt};
}

/// Under egress a datagram socket may have the port, and hears nobody.
Row hears(std::string_view name, Outcome (*attempt)(const Scene&), Each each = Each::ip) {
  return {.name = name,
          .each = each,
          .proof = Proof::received,
          .stops = {Guard::bind, Guard::inbound, Guard::inbound},
          .attempt = attempt};
}

}  // namespace

std::vector<Row> port_rows() {
  std::vector<Row> rows{
      answers("TCP: bind, listen", tcp_bind),
      answers("TCP: bind to any address, listen", tcp_bind_any),
      answers("TCP: bind to AF_UNSPEC, listen", tcp_bind_unspecified, Each::v4_only),
      answers("TCP: bind to a v4-mapped address, listen", tcp_bind_mapped, Each::v4_only),
      answers("TCP: bind for both versions of IP, listen", tcp_bind_both_versions, Each::v4_only),
      answers("TCP: listen without bind", tcp_listen_unbound),
      answers("TCP: listen on port 0", tcp_listen_on_port_zero),
      answers("TCP: listen after a connection is dissolved", tcp_listen_after_connection),
      by_gate<Gate::direct>(answers("32-bit calls: bind, listen", tcp_bind_by<Gate::direct>)),
      by_gate<Gate::direct>(
          answers("32-bit calls: listen without bind", tcp_listen_by<Gate::direct>)),
      by_gate<Gate::multiplexed>(
          answers("socketcall: bind, listen", tcp_bind_by<Gate::multiplexed>)),
      by_gate<Gate::multiplexed>(
          answers("socketcall: listen without bind", tcp_listen_by<Gate::multiplexed>)),
      hears("UDP: bind", udp_bind),
      hears("UDP: bind to any address", udp_bind_any),
      hears("UDP: bind to AF_UNSPEC", udp_bind_unspecified, Each::v4_only),
      hears("UDP: bind to a v4-mapped address", udp_bind_mapped, Each::v4_only),
      hears("UDP-Lite: bind", udplite_bind),
  };
  rows.back().transport = rows.back().needs = IPPROTO_UDPLITE;
  rows.back().stops.both = Guard::protocol;  // closed where packets are judged
  return rows;
}

}  // namespace socklid::selftest
