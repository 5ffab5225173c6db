// SPDX-License-Identifier: Apache-2.0
//
// Being reached by another protocol, or by a socket that hears every packet.
#include <netinet/in.h>
#include <sys/socket.h>

#include <linux/if_packet.h>
#include <linux/sctp.h>

#include "selftest/rows/listen/listen.hpp"
#include "selftest/rows/rows.hpp"
#include "selftest/ways/packets.hpp"
#include "selftest/ways/sockets.hpp"

namespace socklid::selftest {
namespace {

Outcome mptcp_listen(const Scene& scene) {
  return bound_and_listening(open_socket(scene.family(), SOCK_STREAM, ipproto_mptcp), scene.local);
}

/// Answers TCP too, by falling back to it.
Outcome smc_listen(const Scene& scene) {
  const int protocol = scene.ip == Ip::v4 ? smc_over_ipv4 : smc_over_ipv6;
  return bound_and_listening(open_socket(af_smc, SOCK_STREAM, protocol), scene.local);
}

UniqueFd open_sctp(const Scene& scene) {
  return open_socket(scene.family(), SOCK_STREAM, IPPROTO_SCTP);
}

Outcome sctp_listen(const Scene& scene) {
  return bound_and_listening(open_sctp(scene), scene.local);
}

Outcome sctp_listen_unbound(const Scene& scene) {
  const OnlyPort only(scene.port);
  if (!only) return failed("ip_local_port_range");
  return listening(open_sctp(scene));
}

/// sctp_bindx(3).
Outcome sctp_listen_after_bindx(const Scene& scene) {
  UniqueFd fd = open_sctp(scene);
  if (!fd) return failed("socket");
  if (::setsockopt(fd.get(), IPPROTO_SCTP, SCTP_SOCKOPT_BINDX_ADD, scene.local.get(),
                   scene.local.length) != 0) {
    return failed("sctp_bindx");
  }
  return listening(std::move(fd));
}

Outcome dccp_listen(const Scene& scene) {
  return bound_and_listening(open_socket(scene.family(), sock_dccp, ipproto_dccp), scene.local);
}

Outcome hear_raw(const Scene& scene) {
  UniqueFd fd = open_socket(scene.family(), SOCK_RAW, IPPROTO_UDP);
  if (!fd) return failed("socket");
  return {.step = {}, .error = 0, .held = std::move(fd)};
}

Outcome hear_frames(const Scene& scene, int type) {
  sockaddr_ll local{};
  local.sll_family = AF_PACKET;
  local.sll_protocol = htons(ethernet_type(scene));
  local.sll_ifindex = static_cast<int>(scene.interface);
  return bound(open_socket(AF_PACKET, type), as_address(local));
}

Outcome hear_whole_frames(const Scene& scene) {
  return hear_frames(scene, SOCK_RAW);
}

Outcome hear_packets(const Scene& scene) {
  return hear_frames(scene, SOCK_DGRAM);
}

Row closed(std::string_view name, Proof proof, Guard guard, Outcome (*attempt)(const Scene&)) {
  return {.name = name, .proof = proof, .stops = always(guard), .attempt = attempt};
}

/// Where the policy opens the protocol for peers; no list can name its ports.
Row opened(std::string_view name, int transport, Outcome (*attempt)(const Scene&)) {
  const bool sctp = transport == IPPROTO_SCTP;
  Row row{.name = name,
          .proof = Proof::answered,
          .stops = stops_port,
          .attempt = attempt,
          .transport = transport};
  row.modules = sctp ? std::vector<std::string_view>{"sctp"}
                     : std::vector<std::string_view>{"dccp_ipv4", "dccp_ipv6"};
  row.annotations = {sctp ? "io.socklid.connect=sctp@10.231.7.9 sctp@fd5e:1f::9"
                          : "io.socklid.connect=dccp@10.231.7.9 dccp@fd5e:1f::9",
                     sctp ? "io.socklid.egress=sctp@10.231.7.9 sctp@fd5e:1f::9"
                          : "io.socklid.egress=dccp@10.231.7.9 dccp@fd5e:1f::9"};
  return row;
}

}  // namespace

std::vector<Row> listen_protocol_rows() {
  std::vector<Row> rows{
      closed("MPTCP: bind, listen", Proof::answered, Guard::protocol, mptcp_listen),
      closed("SMC: bind, listen", Proof::answered, Guard::family, smc_listen),
      closed("SCTP: bind, listen", Proof::answered, Guard::protocol, sctp_listen),
      closed("DCCP: bind, listen", Proof::answered, Guard::protocol, dccp_listen),
      opened("SCTP opened: bind, listen", IPPROTO_SCTP, sctp_listen),
      opened("SCTP opened: listen without bind", IPPROTO_SCTP, sctp_listen_unbound),
      opened("SCTP opened: sctp_bindx, listen", IPPROTO_SCTP, sctp_listen_after_bindx),
      opened("DCCP opened: bind, listen", ipproto_dccp, dccp_listen),
      closed("raw: hear UDP", Proof::received, Guard::protocol, hear_raw),
      closed("packet: hear frames", Proof::received, Guard::family, hear_whole_frames),
      closed("packet: hear packets", Proof::received, Guard::family, hear_packets),
  };
  rows[1].modules = {"smc"};
  rows[2].modules = {"sctp"};
  rows[2].transport = IPPROTO_SCTP;
  rows[3].modules = {"dccp_ipv4", "dccp_ipv6"};
  rows[3].transport = ipproto_dccp;
  return rows;
}

}  // namespace socklid::selftest
