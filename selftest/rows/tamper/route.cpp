// SPDX-License-Identifier: Apache-2.0
//
// Routes, addresses and neighbours, by route netlink: where a packet really goes.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <linux/fib_rules.h>
#include <linux/if_ether.h>
#include <linux/lwtunnel.h>
#include <linux/neighbour.h>
#include <linux/net_namespace.h>
#include <linux/nexthop.h>
#include <linux/rtnetlink.h>
#include <linux/seg6.h>
#include <linux/seg6_iptunnel.h>

#include <array>
#include <cstddef>
#include <cstring>
#include <vector>

#include "selftest/rows/tamper/tamper.hpp"
#include "selftest/ways/netlink_message.hpp"
#include "selftest/ways/sockets.hpp"

namespace socklid::selftest {
namespace {

constexpr std::uint32_t other_table = 4747;

template <NetlinkMessage (*build)(const Scene& scene)>
Outcome change(const Scene& scene) {
  return change_by_netlink(build(scene));
}

NetlinkMessage new_rule(const Scene& scene) {
  fib_rule_hdr header{};
  header.family = static_cast<__u8>(scene.family());
  header.action = FR_ACT_TO_TBL;
  NetlinkMessage message(RTM_NEWRULE, make_new);
  return message.fixed(header).value(FRA_TABLE, other_table).value(FRA_PRIORITY, std::uint32_t{1});
}

rtmsg route_header(int family, unsigned char bits) {
  rtmsg header{};
  header.rtm_family = static_cast<unsigned char>(family);
  header.rtm_dst_len = bits;
  header.rtm_table = RT_TABLE_MAIN;
  header.rtm_protocol = RTPROT_STATIC;
  header.rtm_scope = RT_SCOPE_LINK;
  header.rtm_type = RTN_UNICAST;
  return header;
}

/// The target's address on its own, where `scene` says by Ip::v4 or Ip::v6.
NetlinkMessage& put_target(NetlinkMessage& message, std::uint16_t type, const Scene& scene) {
  if (scene.ip == Ip::v4) {
    sockaddr_in target{};
    std::memcpy(&target, &scene.target.storage, sizeof(target));
    return message.value(type, target.sin_addr);
  }
  sockaddr_in6 target{};
  std::memcpy(&target, &scene.target.storage, sizeof(target));
  return message.value(type, target.sin6_addr);
}

NetlinkMessage new_route(const Scene& scene) {
  NetlinkMessage message(RTM_NEWROUTE, make_new);
  message.fixed(route_header(scene.family(), scene.ip == Ip::v4 ? 32 : 128));
  return put_target(message, RTA_DST, scene).value(RTA_OIF, scene.interface);
}

NetlinkMessage delete_route(const Scene& scene) {
  const bool v4 = scene.ip == Ip::v4;
  rtmsg header = route_header(scene.family(), v4 ? 24 : 64);
  header.rtm_protocol = RTPROT_UNSPEC;  // whoever made it
  NetlinkMessage message(RTM_DELROUTE);
  message.fixed(header);
  std::array<unsigned char, 16> network{};
  inet_pton(scene.family(), v4 ? "10.231.7.0" : "fd5e:1f::", network.data());
  return message.attribute(RTA_DST, network.data(), v4 ? 4 : 16).value(RTA_OIF, scene.interface);
}

/// Packets to `named` go into one to the target (linux/seg6_iptunnel.h), past whoever looked at
/// their destination.
NetlinkMessage segment_route(const Scene& scene) {
  constexpr int mode = SEG6_IPTUN_MODE_ENCAP;
  ipv6_sr_hdr header{};
  header.hdrlen = sizeof(in6_addr) / 8;
  header.type = 4;  // the routing header of RFC 8754
  sockaddr_in6 target{}, named{};
  std::memcpy(&target, &scene.target.storage, sizeof(target));
  std::memcpy(&named, &scene.named.storage, sizeof(named));
  std::array<char, sizeof(mode) + sizeof(header) + sizeof(in6_addr)> encap{};
  std::memcpy(&encap[0], &mode, sizeof(mode));
  std::memcpy(&encap[sizeof(mode)], &header, sizeof(header));
  std::memcpy(&encap[sizeof(mode) + sizeof(header)], &target.sin6_addr, sizeof(in6_addr));
  NetlinkMessage message(RTM_NEWROUTE, make_new);
  message.fixed(route_header(AF_INET6, 128)).value(RTA_DST, named.sin6_addr);
  message.value(RTA_OIF, scene.interface);
  message.value(RTA_ENCAP_TYPE, std::uint16_t{LWTUNNEL_ENCAP_SEG6}).open(RTA_ENCAP | NLA_F_NESTED);
  return message.value(SEG6_IPTUNNEL_SRH, encap).close();
}

Outcome send_by_segment_route(const Scene& scene) {
  Outcome outcome = change<segment_route>(scene);
  if (!outcome.step.empty()) return outcome;
  const UniqueFd fd = open_socket(AF_INET6, SOCK_DGRAM);
  if (!fd) return failed("socket");
  if (!send_token_to(fd.get(), scene, scene.named)) return failed("send");
  return {};
}

NetlinkMessage new_nexthop(const Scene& scene) {
  nhmsg header{};
  header.nh_family = static_cast<unsigned char>(scene.family());
  NetlinkMessage message(RTM_NEWNEXTHOP, make_new);
  message.fixed(header).value(NHA_ID, std::uint32_t{4747});
  return message.value(NHA_OIF, scene.interface);
}

NetlinkMessage new_address(const Scene& scene) {
  ifaddrmsg header{};
  header.ifa_family = AF_INET;
  header.ifa_prefixlen = 32;
  header.ifa_index = scene.interface;
  NetlinkMessage message(RTM_NEWADDR, make_new);
  return message.fixed(header).value(IFA_LOCAL, nowhere()).value(IFA_ADDRESS, nowhere());
}

NetlinkMessage delete_address(const Scene& scene) {
  ifaddrmsg header{};
  header.ifa_family = AF_INET;
  header.ifa_prefixlen = 24;
  header.ifa_index = scene.interface;
  sockaddr_in local{};
  std::memcpy(&local, &scene.local.storage, sizeof(local));
  NetlinkMessage message(RTM_DELADDR);
  return message.fixed(header).value(IFA_LOCAL, local.sin_addr);
}

NetlinkMessage new_neighbour(const Scene& scene) {
  ndmsg header{};
  header.ndm_family = static_cast<__u8>(scene.family());
  header.ndm_ifindex = static_cast<__s32>(scene.interface);
  header.ndm_state = NUD_PERMANENT;
  constexpr std::array<unsigned char, ETH_ALEN> hardware{2, 0, 0, 0, 0, 9};
  NetlinkMessage message(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE);
  return put_target(message.fixed(header), NDA_DST, scene).value(NDA_LLADDR, hardware);
}

NetlinkMessage new_namespace_id(const Scene& scene) {
  static_cast<void>(scene);
  NetlinkMessage message(RTM_NEWNSID);
  message.fixed(rtgenmsg{AF_UNSPEC});
  return message.value(NETNSA_NSID, std::int32_t{47}).value(NETNSA_PID, std::uint32_t{1});
}

Row change_row(std::string_view name, Each each, Act attempt) {
  return {.name = name,
          .each = each,
          .proof = Proof::done,
          .stops = always(Guard::netlink),
          .attempt = attempt,
          .alone = true};
}

}  // namespace

Rows tamper_route() {
  return {
      change_row("netlink: a routing rule", Each::ip, change<new_rule>),
      change_row("netlink: a route", Each::ip, change<new_route>),
      change_row("netlink: no route", Each::ip, change<delete_route>),
      change_row("netlink: a next hop", Each::ip, change<new_nexthop>),
      {.name = "netlink: a route through a segment",
       .each = Each::v6_only,
       .stops = always(Guard::netlink),
       .attempt = send_by_segment_route,
       .alone = true},
      change_row("netlink: an address", Each::once, change<new_address>),
      change_row("netlink: no address", Each::once, change<delete_address>),
      change_row("netlink: a neighbour", Each::ip, change<new_neighbour>),
      change_row("netlink: a number for another namespace", Each::once, change<new_namespace_id>),
  };
}

}  // namespace socklid::selftest
