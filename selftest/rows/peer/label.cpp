// SPDX-License-Identifier: Apache-2.0
//
// IPv6 flow labels: a label that is leased with a routing header (IPV6_FLOWLABEL_MGR) lends it to
// every packet that names the label in its address (net/ipv6/ip6_flowlabel.c: fl_create,
// fl6_merge_options). The named peer comes last then, and the target first.
#include <netinet/in.h>
#include <sys/socket.h>

#include <linux/in6.h>

#include <array>
#include <cstring>
#include <string>

#include "selftest/rows/peer/peer.hpp"
#include "selftest/rows/rows.hpp"
#include "selftest/ways/packets.hpp"
#include "selftest/ways/sockets.hpp"

namespace socklid::selftest {
namespace {

/// IPV6_FLOWLABEL_MGR and IPV6_FLOWINFO_SEND of linux/in6.h, which beside glibc's headers has them
/// in Debian's edition only.
constexpr int label_manager = 32, send_flow_information = 33;

/// This run's alone: a lease outlives its socket for a while. 20 bits, network byte order.
std::uint32_t label_of(const Scene& scene) {
  return htonl(scene.port);
}

sockaddr_in6 as_ipv6(const Address& address) {
  sockaddr_in6 sockaddr{};
  std::memcpy(&sockaddr, &address.storage, sizeof(sockaddr));
  return sockaddr;
}

Address labelled_peer(const Scene& scene) {
  sockaddr_in6 sockaddr = as_ipv6(scene.named);
  sockaddr.sin6_flowinfo = label_of(scene);
  return as_address(sockaddr);
}

/// The request, and behind it a control message.
std::string lease_request(const Scene& scene) {
  const std::string route = mobile_routing(0, scene.target);
  in6_flowlabel_req request{};
  request.flr_dst = as_ipv6(scene.named).sin6_addr;
  request.flr_label = label_of(scene);
  request.flr_action = IPV6_FL_A_GET;
  request.flr_share = IPV6_FL_S_EXCL;
  request.flr_flags = IPV6_FL_F_CREATE;
  cmsghdr control{};
  control.cmsg_len = CMSG_LEN(route.size());
  control.cmsg_level = IPPROTO_IPV6;
  control.cmsg_type = IPV6_RTHDR;
  static_assert(sizeof(request) % sizeof(std::size_t) == 0);
  return bytes_of(request) + bytes_of(control) + route;
}

Outcome send_by_label(const Scene& scene) {
  const UniqueFd fd = open_socket(AF_INET6, SOCK_DGRAM);
  const std::string request = lease_request(scene);
  if (!fd) return failed("socket");
  if (::setsockopt(fd.get(), IPPROTO_IPV6, label_manager, request.data(),
                   static_cast<socklen_t>(request.size())) != 0) {
    return failed("IPV6_FLOWLABEL_MGR");
  }
  if (!set_option(fd.get(), IPPROTO_IPV6, send_flow_information, 1)) {
    return failed("IPV6_FLOWINFO_SEND");
  }
  if (!send_token_to(fd.get(), scene, labelled_peer(scene))) return failed("sendto");
  return {};
}

}  // namespace

std::vector<Row> label_peer_rows() {
  return {{.name = "UDP: sendto a named peer, a flow label with a routing header",
           .each = Each::v6_only,
           .stops = always(Guard::option),
           .attempt = send_by_label,
           .why = "the peer's address is the named one's"}};
}

}  // namespace socklid::selftest
