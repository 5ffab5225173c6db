// SPDX-License-Identifier: Apache-2.0
//
// sendmmsg(2) asks no LSM about a message whose address is that of the one before (net/socket.c,
// ____sys_sendmsg: used_address), whatever its control messages say. So the first of two goes to a
// named peer plainly, and the second to the same peer by another way or with another mark.
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <string>

#include "selftest/rows/peer/peer.hpp"
#include "selftest/rows/rows.hpp"
#include "selftest/ways/packets.hpp"
#include "selftest/ways/sockets.hpp"

namespace socklid::selftest {
namespace {

Outcome send_twice(const Scene& scene, int level, int type, const std::string& data) {
  const UniqueFd fd = open_socket(scene.family(), SOCK_DGRAM);
  if (!fd) return failed("socket");
  TokenMessage first(scene, scene.named), second(scene, scene.named);
  first.without_token();
  second.control(level, type, data.data(), data.size());
  if (!send_pair(fd.get(), first, second)) return failed("sendmmsg");
  return {};
}

/// The first hop, and so where the packet goes, is the target; the named peer comes last.
Outcome by_routing_header(const Scene& scene) {
  return send_twice(scene, IPPROTO_IPV6, IPV6_RTHDR, mobile_routing(0, scene.target));
}

Outcome by_source_route(const Scene& scene) {
  constexpr std::uint8_t loose = 131;
  return send_twice(scene, IPPROTO_IP, IP_RETOPTS, source_route(loose, scene.target));
}

Outcome with_another_mark(const Scene& scene) {
  constexpr std::uint32_t other_mark = 0x77;
  return send_twice(scene, SOL_SOCKET, SO_MARK, bytes_of(other_mark));
}

}  // namespace

std::vector<Row> repeated_peer_rows() {
  constexpr std::string_view why = "no hook is asked about a second message to the same address";
  return {
      {.name = "UDP: sendmmsg to a named peer twice, then by a routing header",
       .each = Each::v6_only,
       .stops = {Guard::option, Guard::routing_header, Guard::routing_header},
       .attempt = by_routing_header,
       .why = why},
      {.name = "UDP: sendmmsg to a named peer twice, then by a source route",
       .each = Each::v4_only,
       .stops = {Guard::option, Guard::loose_route, Guard::loose_route},
       .attempt = by_source_route,
       .why = why},
      {.name = "UDP: sendmmsg to a named peer twice, then with another mark",
       .proof = Proof::done,
       .stops = {Guard::mark, Guard::unmarked, Guard::unmarked},
       .attempt = with_another_mark,
       .why = why,
       .annotations = {"io.socklid.mark=3"}},
      // Where the policy has no mark, all others are keys to the administrator's own rules.
      {.name = "UDP: sendmmsg to a named peer twice, then with a mark, under a policy without one",
       .proof = Proof::done,
       .stops = {Guard::mark, Guard::unmarked, Guard::unmarked},
       .attempt = with_another_mark,
       .why = why,
       .alone = true},
  };
}

}  // namespace socklid::selftest
