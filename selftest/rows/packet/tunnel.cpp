// SPDX-License-Identifier: Apache-2.0
//
// Packets in packets, where a policy lets the container make tunnels: what is inside goes to the
// named peer, what is outside to the target. The rules see both.
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <linux/if_link.h>
#include <linux/if_tunnel.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/xfrm.h>

#include <cstring>
#include <string>
#include <string_view>

#include "selftest/rows/packet/packet.hpp"
#include "selftest/rows/rows.hpp"
#include "selftest/ways/netlink_message.hpp"
#include "selftest/ways/packets.hpp"
#include "selftest/ways/sockets.hpp"

namespace socklid::selftest {
namespace {

constexpr std::string_view device = "selftest0";

void put_address(NetlinkMessage& message, std::uint16_t type, const Address& address) {
  const std::string bytes = address_bytes(address);
  message.attribute(type, bytes.data(), bytes.size());
}

/// A kind of device, by version of IP, and the attributes of its two ends.
struct Kind {
  std::string_view name4;
  std::string_view name6;
  std::uint16_t local;
  std::uint16_t remote4;
  std::uint16_t remote6;
};
constexpr Kind gre{"gre", "ip6gre", IFLA_GRE_LOCAL, IFLA_GRE_REMOTE, IFLA_GRE_REMOTE};
constexpr Kind ip_in_ip{"ipip", "ip6tnl", IFLA_IPTUN_LOCAL, IFLA_IPTUN_REMOTE, IFLA_IPTUN_REMOTE};
constexpr Kind vxlan{"vxlan", "vxlan", 0, IFLA_VXLAN_GROUP, IFLA_VXLAN_GROUP6};

/// Up at once, and without neighbour discovery: whoever is asked for is at the other end.
NetlinkMessage new_tunnel(const Kind& kind, const Scene& scene) {
  const bool v4 = scene.ip == Ip::v4;
  ifinfomsg header{};
  header.ifi_flags = header.ifi_change = IFF_UP | IFF_NOARP;
  NetlinkMessage message(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
  message.fixed(header).text(IFLA_IFNAME, device);
  message.open(IFLA_LINKINFO).text(IFLA_INFO_KIND, v4 ? kind.name4 : kind.name6);
  message.open(IFLA_INFO_DATA);
  if (kind.local != 0) put_address(message, kind.local, scene.local);
  put_address(message, v4 ? kind.remote4 : kind.remote6, scene.target);
  if (&kind == &vxlan) {
    message.value(IFLA_VXLAN_ID, std::uint32_t{1}).value(IFLA_VXLAN_PORT, htons(scene.port));
  }
  return message.close().close();
}

/// The named peer is at the other end of the tunnel.
NetlinkMessage new_route(const Scene& scene) {
  const std::string named = address_bytes(scene.named);
  rtmsg header{};
  header.rtm_family = static_cast<unsigned char>(scene.family());
  header.rtm_dst_len = static_cast<unsigned char>(named.size() * 8);
  header.rtm_table = RT_TABLE_MAIN;
  header.rtm_protocol = RTPROT_STATIC;
  header.rtm_scope = RT_SCOPE_LINK;
  header.rtm_type = RTN_UNICAST;
  NetlinkMessage message(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE);
  message.fixed(header).attribute(RTA_DST, named.data(), named.size());
  return message.value(RTA_OIF, ::if_nametoindex(std::string(device).c_str()));
}

Outcome send_to_named(const Scene& scene) {
  const UniqueFd fd = open_socket(scene.family(), SOCK_DGRAM);
  if (!fd) return failed("socket");
  // The address that tells the two ends apart, not one that the tunnel would be given.
  if (!bind_to(fd.get(), with_port(scene.local, 0))) return failed("bind");
  if (!send_token_to(fd.get(), scene, scene.named)) return failed("sendto");
  return {};
}

template <const Kind& kind>
Outcome send_by_tunnel(const Scene& scene) {
  const UniqueFd fd = open_socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
  if (!fd) return failed("socket");
  if (!netlink_exchange(fd.get(), new_tunnel(kind, scene).bytes())) return failed("RTM_NEWLINK");
  if (!netlink_exchange(fd.get(), new_route(scene).bytes())) return failed("RTM_NEWROUTE");
  return send_to_named(scene);
}

// IPsec -----------------------------------------------------------------------------------------

constexpr std::uint32_t request_number = 1;

xfrm_address_t xfrm_address(const Address& address) {
  xfrm_address_t result{};
  const std::string bytes = address_bytes(address);
  std::memcpy(&result, bytes.data(), bytes.size());
  return result;
}

xfrm_lifetime_cfg for_ever() {
  return {XFRM_INF, XFRM_INF, XFRM_INF, XFRM_INF, 0, 0, 0, 0};
}

/// A tunnel that signs what it carries and hides nothing of it (AH).
NetlinkMessage new_state(const Scene& scene) {
  xfrm_usersa_info state{};
  state.id.daddr = xfrm_address(scene.target);
  state.id.spi = htonl(0x5e1f);
  state.id.proto = IPPROTO_AH;
  state.saddr = xfrm_address(scene.local);
  state.lft = for_ever();
  state.reqid = request_number;
  state.family = static_cast<__u16>(scene.family());
  state.sel.family = state.family;
  state.mode = XFRM_MODE_TUNNEL;
  xfrm_algo algorithm{};
  std::strcpy(algorithm.alg_name, "hmac(sha256)");
  algorithm.alg_key_len = 256;
  const std::string with_key = bytes_of(algorithm) + std::string(32, 'k');
  NetlinkMessage message(XFRM_MSG_NEWSA, NLM_F_CREATE);
  return message.fixed(state).attribute(XFRMA_ALG_AUTH, with_key.data(), with_key.size());
}

/// Whatever is for the named peer.
NetlinkMessage new_policy(const Scene& scene) {
  xfrm_userpolicy_info policy{};
  policy.sel.daddr = xfrm_address(scene.named);
  policy.sel.prefixlen_d = static_cast<__u8>(address_bytes(scene.named).size() * 8);
  policy.sel.family = static_cast<__u16>(scene.family());
  policy.lft = for_ever();
  policy.dir = XFRM_POLICY_OUT;
  policy.action = XFRM_POLICY_ALLOW;
  xfrm_user_tmpl tunnel{};
  tunnel.id.daddr = xfrm_address(scene.target);
  tunnel.id.proto = IPPROTO_AH;
  tunnel.family = policy.sel.family;
  tunnel.saddr = xfrm_address(scene.local);
  tunnel.reqid = request_number;
  tunnel.mode = XFRM_MODE_TUNNEL;
  tunnel.aalgos = tunnel.ealgos = tunnel.calgos = ~0U;
  NetlinkMessage message(XFRM_MSG_NEWPOLICY, NLM_F_CREATE);
  return message.fixed(policy).value(XFRMA_TMPL, tunnel);
}

Outcome send_by_ipsec(const Scene& scene) {
  const UniqueFd fd = open_socket(AF_NETLINK, SOCK_RAW, NETLINK_XFRM);
  if (!fd) return failed("socket");
  if (!netlink_exchange(fd.get(), new_state(scene).bytes())) return failed("XFRM_MSG_NEWSA");
  if (!netlink_exchange(fd.get(), new_policy(scene).bytes())) return failed("XFRM_MSG_NEWPOLICY");
  return send_to_named(scene);
}

Row tunnel(std::string_view name, Outcome (*attempt)(const Scene&), std::string_view families,
           std::vector<std::string_view> modules) {
  return {.name = name,
          .stops = always(Guard::not_named),
          .attempt = attempt,
          .modules = std::move(modules),
          .annotations = {families, egress_annotation},
          .alone = true,
          .lines = Row::Lines::rules};  // the outer packet is the device's
}

constexpr std::string_view routes = "io.socklid.families=inet inet6 netlink-route";
constexpr std::string_view transforms = "io.socklid.families=inet inet6 netlink-xfrm";

}  // namespace

std::vector<Row> tunnel_rows() {
  return {
      tunnel("netlink-route opened: in a GRE tunnel to the target", send_by_tunnel<gre>, routes,
             {"ip_gre", "ip6_gre"}),
      tunnel("netlink-route opened: in an IP tunnel to the target", send_by_tunnel<ip_in_ip>,
             routes, {"ipip", "ip6_tunnel"}),
      tunnel("netlink-route opened: in a VXLAN tunnel to the target", send_by_tunnel<vxlan>, routes,
             {"vxlan"}),
      tunnel("netlink-xfrm opened: in IPsec to the target", send_by_ipsec, transforms,
             {"xfrm_user", "ah4", "ah6"}),
  };
}

}  // namespace socklid::selftest
