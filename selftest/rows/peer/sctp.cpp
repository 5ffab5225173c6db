// SPDX-License-Identifier: Apache-2.0
//
// SCTP and DCCP where a policy opens them for one peer. SCTP has many ways to choose others, and a
// list of addresses where the rest has one: the hook of connect(2) sees the first of these ways
// only, sctp_bind_connect the rest (Documentation/security/SCTP.rst).
#include <netinet/in.h>
#include <sys/socket.h>

#include <linux/dccp.h>
#include <linux/sctp.h>

#include <string>

#include "selftest/rows/peer/peer.hpp"
#include "selftest/rows/rows.hpp"
#include "selftest/ways/packets.hpp"
#include "selftest/ways/sockets.hpp"

namespace socklid::selftest {
namespace {

constexpr int sock_dccp = 6, ipproto_dccp = 33;  // linux/net.h, linux/in.h: not in every libc

/// On the link, named by the policies here, and nobody's: an INIT to it is never answered, so that
/// the kernel tries the next address of an association.
Address silent_peer(const Scene& scene) {
  return make_address(scene.ip == Ip::v4 ? "10.231.7.77" : "fd5e:1f::77", scene.port);
}

UniqueFd open_sctp(const Scene& scene, int type = SOCK_STREAM) {
  return open_socket(scene.family(), type, IPPROTO_SCTP);
}

/// Repeats an INIT after 50 ms, not after 3 s: well within `patience`.
bool hurry(int fd) {
  const sctp_rtoinfo times{.srto_assoc_id = 0, .srto_initial = 50, .srto_max = 200, .srto_min = 50};
  return ::setsockopt(fd, IPPROTO_SCTP, SCTP_RTOINFO, &times, sizeof(times)) == 0;
}

/// Addresses one after the other, as sctp_connectx() takes them.
std::string packed(const Address& address) {
  return {reinterpret_cast<const char*>(&address.storage), address.length};  // NOLINT
}

Outcome connect_by_connect(const Scene& scene) {
  const UniqueFd fd = open_sctp(scene);
  if (!fd) return failed("socket");
  if (!connect_to(fd.get(), scene.target)) return failed("connect");
  return {};
}

Outcome connect_ipv6_socket_to_inet(const Scene& scene) {
  const UniqueFd fd = open_socket(AF_INET6, SOCK_STREAM, IPPROTO_SCTP);
  if (!fd) return failed("socket");
  if (!connect_to(fd.get(), scene.target)) return failed("connect");
  return {};
}

Outcome connect_by_option(const Scene& scene, int option, const std::string& peers) {
  const UniqueFd fd = open_sctp(scene);
  if (!fd) return failed("socket");
  if (!hurry(fd.get())) return failed("SCTP_RTOINFO");
  if (::setsockopt(fd.get(), IPPROTO_SCTP, option, peers.data(),
                   static_cast<socklen_t>(peers.size())) < 0) {
    return failed("sctp_connectx");
  }
  return {};
}

Outcome connectx(const Scene& scene) {
  return connect_by_option(scene, SCTP_SOCKOPT_CONNECTX, packed(scene.target));
}

Outcome connectx_old(const Scene& scene) {
  return connect_by_option(scene, SCTP_SOCKOPT_CONNECTX_OLD, packed(scene.target));
}

Outcome connectx_second(const Scene& scene) {
  return connect_by_option(scene, SCTP_SOCKOPT_CONNECTX,
                           packed(silent_peer(scene)) + packed(scene.target));
}

/// The newest form is a question that connects.
Outcome connectx_by_question(const Scene& scene) {
  const UniqueFd fd = open_sctp(scene);
  if (!fd) return failed("socket");
  Address peer = scene.target;
  sctp_getaddrs_old request{};
  request.addr_num = static_cast<int>(peer.length);
  request.addrs = reinterpret_cast<sockaddr*>(&peer.storage);  // NOLINT
  socklen_t length = sizeof(request);
  if (::getsockopt(fd.get(), IPPROTO_SCTP, SCTP_SOCKOPT_CONNECTX3, &request, &length) < 0) {
    return failed("sctp_connectx");
  }
  return {};
}

Outcome send_and_connect(const Scene& scene, int type) {
  const UniqueFd fd = open_sctp(scene, type);
  if (!fd) return failed("socket");
  if (!send_token_to(fd.get(), scene, scene.target)) return failed("sendto");
  return {};
}

Outcome send_one_to_one(const Scene& scene) {
  return send_and_connect(scene, SOCK_STREAM);
}

Outcome send_one_to_many(const Scene& scene) {
  return send_and_connect(scene, SOCK_SEQPACKET);
}

/// sctp_sendv(3): more addresses of the peer, which no hook is asked about (net/sctp/socket.c,
/// sctp_sendmsg_new_asoc).
Outcome send_with_more_addresses(const Scene& scene) {
  const UniqueFd fd = open_sctp(scene, SOCK_SEQPACKET);
  if (!fd) return failed("socket");
  if (!hurry(fd.get())) return failed("SCTP_RTOINFO");
  const Address peer = silent_peer(scene);
  const std::string more = address_bytes(scene.target);
  TokenMessage message(scene, peer);
  message.control(IPPROTO_SCTP, scene.ip == Ip::v4 ? SCTP_DSTADDRV4 : SCTP_DSTADDRV6, more.data(),
                  more.size());
  if (!message.send(fd.get())) return failed("sendmsg");
  return {};
}

Outcome connect_dccp(const Scene& scene) {
  const UniqueFd fd = open_socket(scene.family(), sock_dccp, ipproto_dccp);
  if (!fd) return failed("socket");
  if (!connect_to(fd.get(), scene.target)) return failed("connect");
  return {};
}

#define SCTP_PEERS "sctp@10.231.7.9 sctp@10.231.7.77 sctp@fd5e:1f::9 sctp@fd5e:1f::77"
#define DCCP_PEERS "dccp@10.231.7.9 dccp@fd5e:1f::9"

/// Once where connect names peers, once where egress does.
struct Way {
  std::string_view by_connect;
  std::string_view by_egress;
  Outcome (*attempt)(const Scene& scene);
  Each each{Each::ip};
};

void append(std::vector<Row>& rows, const Way& way, const std::vector<std::string_view>& modules,
            std::string_view connect, std::string_view egress) {
  rows.push_back({.name = way.by_connect,
                  .each = way.each,
                  .stops = always(Guard::connect),
                  .attempt = way.attempt,
                  .modules = modules,
                  .annotations = {connect, egress}});
  rows.push_back({.name = way.by_egress,
                  .each = way.each,
                  .stops = always(Guard::not_named),
                  .attempt = way.attempt,
                  .modules = modules,
                  .annotations = {any_peer_annotation, egress}});
}

}  // namespace

std::vector<Row> sctp_peer_rows() {
  constexpr std::array<Way, 9> sctp{{
      {"SCTP, connect names peers: connect", "SCTP, egress names peers: connect",
       connect_by_connect},
      {"SCTP, connect names peers: IPv6 socket, address of AF_INET",
       "SCTP, egress names peers: IPv6 socket, address of AF_INET", connect_ipv6_socket_to_inet,
       Each::v4_only},
      {"SCTP, connect names peers: sctp_connectx", "SCTP, egress names peers: sctp_connectx",
       connectx},
      {"SCTP, connect names peers: sctp_connectx of old",
       "SCTP, egress names peers: sctp_connectx of old", connectx_old},
      {"SCTP, connect names peers: sctp_connectx by getsockopt",
       "SCTP, egress names peers: sctp_connectx by getsockopt", connectx_by_question},
      {"SCTP, connect names peers: sctp_connectx, the second address",
       "SCTP, egress names peers: sctp_connectx, the second address", connectx_second},
      {"SCTP, connect names peers: sendto, one-to-one",
       "SCTP, egress names peers: sendto, one-to-one", send_one_to_one},
      {"SCTP, connect names peers: sendto, one-to-many",
       "SCTP, egress names peers: sendto, one-to-many", send_one_to_many},
      {"SCTP, connect names peers: sendmsg with more addresses (SCTP_DSTADDRV4)",
       "SCTP, egress names peers: sendmsg with more addresses (SCTP_DSTADDRV4)",
       send_with_more_addresses},
  }};
  constexpr Way dccp{"DCCP, connect names peers: connect", "DCCP, egress names peers: connect",
                     connect_dccp};
  std::vector<Row> rows;
  for (const Way& way : sctp) {
    append(rows, way, {"sctp"}, "io.socklid.connect=" SCTP_PEERS, "io.socklid.egress=" SCTP_PEERS);
  }
  append(rows, dccp, {"dccp_ipv4", "dccp_ipv6"}, "io.socklid.connect=" DCCP_PEERS,
         "io.socklid.egress=" DCCP_PEERS);
  return rows;
}

}  // namespace socklid::selftest
