// SPDX-License-Identifier: Apache-2.0
//
// Policies that deny new sockets: all of them, or those that speak TCP or UDP by whatever name.
#include <netinet/in.h>
#include <sys/socket.h>

#include "selftest/rows/listen/listen.hpp"
#include "selftest/rows/rows.hpp"
#include "selftest/ways/compat.hpp"
#include "selftest/ways/sockets.hpp"
#include "selftest/ways/uring.hpp"

namespace socklid::selftest {
namespace {

Outcome reach_target(const Scene& scene, const UniqueFd& fd) {
  if (!fd) return failed("socket");
  if (!connect_to(fd.get(), scene.target)) return failed("connect");
  if (!send_token(fd.get(), scene)) return failed("send");
  return {};
}

Outcome tcp(const Scene& scene) {
  return reach_target(scene, open_socket(scene.family(), SOCK_STREAM));
}

Outcome mptcp(const Scene& scene) {
  return reach_target(scene, open_socket(scene.family(), SOCK_STREAM, ipproto_mptcp));
}

Outcome smc(const Scene& scene) {
  const int protocol = scene.ip == Ip::v4 ? smc_over_ipv4 : smc_over_ipv6;
  return reach_target(scene, open_socket(af_smc, SOCK_STREAM, protocol));
}

Outcome udp(const Scene& scene) {
  return reach_target(scene, open_socket(scene.family(), SOCK_DGRAM));
}

Outcome udplite(const Scene& scene) {
  return reach_target(scene, open_socket(scene.family(), SOCK_DGRAM, IPPROTO_UDPLITE));
}

template <int type>
Outcome by_ring(const Scene& scene) {
  Ring ring;
  if (!ring) return failed("io_uring_setup");
  return reach_target(scene, UniqueFd(ring.run(socket_request(scene.family(), type, 0))));
}

template <int type, Gate gate>
Outcome gate_socket(const Scene& scene) {
  return reach_target(scene, compat_socket(gate, scene.family(), type, 0));
}

Row denied(std::string_view name, std::string_view annotation, Guard guard,
           Outcome (*attempt)(const Scene&)) {
  return {.name = name,
          .stops = always(guard),
          .attempt = attempt,
          .annotations = {annotation, any_peer_annotation}};
}

Row create(std::string_view name, Outcome (*attempt)(const Scene&)) {
  return denied(name, "io.socklid.create=deny", Guard::create, attempt);
}

Row create_tcp(std::string_view name, Outcome (*attempt)(const Scene&)) {
  return denied(name, "io.socklid.create.tcp=deny", Guard::create_tcp, attempt);
}

Row create_udp(std::string_view name, Outcome (*attempt)(const Scene&)) {
  return denied(name, "io.socklid.create.udp=deny", Guard::create_udp, attempt);
}

/// Where packets are judged it is closed.
Row create_udplite() {
  Row row = create_udp("create.udp denied: UDP-Lite", udplite);
  row.stops.egress = row.stops.both = Guard::protocol;
  row.needs = IPPROTO_UDPLITE;
  return row;
}

/// SMC where families opens it: it is TCP on the wire wherever it falls back.
Row create_smc() {
  Row row = create_tcp("create.tcp denied: SMC, opened by families", smc);
  row.modules = {"smc"};
  row.annotations.emplace_back("io.socklid.families=inet inet6 smc");
  return row;
}

}  // namespace

std::vector<Row> create_rows() {
  return {
      create("create denied: TCP", tcp),
      create("create denied: UDP", udp),
      create("create denied: io_uring", by_ring<SOCK_STREAM>),
      by_gate<Gate::direct>(
          create("create denied: 32-bit calls", gate_socket<SOCK_STREAM, Gate::direct>)),
      by_gate<Gate::multiplexed>(
          create("create denied: socketcall", gate_socket<SOCK_STREAM, Gate::multiplexed>)),
      create_tcp("create.tcp denied: TCP", tcp),
      create_tcp("create.tcp denied: io_uring", by_ring<SOCK_STREAM>),
      create_smc(),
      denied("create.tcp denied: MPTCP", "io.socklid.create.tcp=deny", Guard::protocol, mptcp),
      create_udp("create.udp denied: UDP", udp),
      create_udplite(),
      create_udp("create.udp denied: io_uring", by_ring<SOCK_DGRAM>),
      by_gate<Gate::direct>(
          create_udp("create.udp denied: 32-bit calls", gate_socket<SOCK_DGRAM, Gate::direct>)),
  };
}

}  // namespace socklid::selftest
