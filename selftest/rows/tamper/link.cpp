// SPDX-License-Identifier: Apache-2.0
//
// Interfaces, by route netlink: another way out of the namespace, or the one there is taken to
// where no rules are.
#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/if_link.h>
#include <linux/if_tunnel.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>

#include "selftest/rows/tamper/tamper.hpp"
#include "selftest/ways/packets.hpp"
#include "selftest/ways/sockets.hpp"

namespace socklid::selftest {
namespace {

/// What `ip link add` takes as `type`, and what it has to be told.
struct Kind {
  std::string_view name;
  void (*data)(NetlinkMessage& message, const Scene& scene){nullptr};
  bool on_veth{false};  ///< lies on the container's veth
};

NetlinkMessage& put_remote(NetlinkMessage& message, std::uint16_t type, const Scene& scene) {
  const std::string remote = address_bytes(scene.target);
  return message.attribute(type, remote.data(), remote.size());
}

constexpr Kind dummy{"dummy"};
constexpr Kind bridge{"bridge"};
constexpr Kind veth{"veth"};
constexpr Kind wireguard{"wireguard"};
constexpr Kind ipvlan{.name = "ipvlan", .on_veth = true};
constexpr Kind macvlan{.name = "macvlan", .on_veth = true};
constexpr Kind vlan{"vlan",
                    [](NetlinkMessage& message, const Scene& /*scene*/) {
                      message.value(IFLA_VLAN_ID, std::uint16_t{47});
                    },
                    true};
constexpr Kind vrf{"vrf", [](NetlinkMessage& message, const Scene& /*scene*/) {
                     message.value(IFLA_VRF_TABLE, std::uint32_t{4747});
                   }};
constexpr Kind ipip{"ipip", [](NetlinkMessage& message, const Scene& scene) {
                      put_remote(message, IFLA_IPTUN_REMOTE, scene);
                    }};
constexpr Kind gre{"gre", [](NetlinkMessage& message, const Scene& scene) {
                     put_remote(message, IFLA_GRE_REMOTE, scene);
                   }};
constexpr Kind vxlan{"vxlan", [](NetlinkMessage& message, const Scene& scene) {
                       message.value(IFLA_VXLAN_ID, std::uint32_t{47});
                       put_remote(message, IFLA_VXLAN_GROUP, scene);
                     }};

NetlinkMessage new_link(const Kind& kind, const Scene& scene) {
  NetlinkMessage message(RTM_NEWLINK, make_new);
  message.fixed(ifinfomsg{}).text(IFLA_IFNAME, "selftest0");
  if (kind.on_veth) message.value(IFLA_LINK, scene.interface);
  message.open(IFLA_LINKINFO | NLA_F_NESTED).text(IFLA_INFO_KIND, kind.name);
  if (kind.data != nullptr) {
    message.open(IFLA_INFO_DATA | NLA_F_NESTED);
    kind.data(message, scene);
    message.close();
  }
  return message.close();
}

template <const Kind& kind>
Outcome add_link(const Scene& scene) {
  return change_by_netlink(new_link(kind, scene));
}

ifinfomsg container_link(const Scene& scene) {
  ifinfomsg header{};
  header.ifi_index = static_cast<int>(scene.interface);
  return header;
}

Outcome take_down(const Scene& scene) {
  ifinfomsg header = container_link(scene);
  header.ifi_change = IFF_UP;
  return change_by_netlink(NetlinkMessage(RTM_SETLINK).fixed(header));
}

Outcome change_size(const Scene& scene) {
  NetlinkMessage message(RTM_NEWLINK);
  return change_by_netlink(
      message.fixed(container_link(scene)).value(IFLA_MTU, std::uint32_t{1400}));
}

Outcome remove(const Scene& scene) {
  return change_by_netlink(NetlinkMessage(RTM_DELLINK).fixed(container_link(scene)));
}

/// A socket stays in the namespace that it was made in, and so speaks of the one that was left.
Outcome take_away(const Scene& scene) {
  const UniqueFd fd = open_socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
  if (!fd) return failed("socket");
  if (::unshare(CLONE_NEWNET) != 0) return failed("unshare");
  NetlinkMessage message(RTM_SETLINK);
  message.fixed(container_link(scene));
  message.value(IFLA_NET_NS_PID, static_cast<std::uint32_t>(::getpid()));
  if (!netlink_exchange(fd.get(), message.bytes())) return failed("netlink message");
  return {};
}

/// A second address on the same wire, where no rules are.
Outcome add_twin_elsewhere(const Scene& scene) {
  const UniqueFd fd = open_socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
  if (!fd) return failed("socket");
  if (::unshare(CLONE_NEWNET) != 0) return failed("unshare");
  NetlinkMessage message = new_link(macvlan, scene);
  message.value(IFLA_NET_NS_PID, static_cast<std::uint32_t>(::getpid()));
  if (!netlink_exchange(fd.get(), message.bytes())) return failed("netlink message");
  return {};
}

Outcome add_pair_from_elsewhere(const Scene& /*scene*/) {
  const UniqueFd here(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
  if (!here) return failed("open");
  if (::unshare(CLONE_NEWNET) != 0) return failed("unshare");
  NetlinkMessage message(RTM_NEWLINK, make_new);
  message.fixed(ifinfomsg{}).text(IFLA_IFNAME, "selftest0");
  message.open(IFLA_LINKINFO | NLA_F_NESTED).text(IFLA_INFO_KIND, "veth");
  message.open(IFLA_INFO_DATA | NLA_F_NESTED).open(VETH_INFO_PEER | NLA_F_NESTED);
  message.fixed(ifinfomsg{}).text(IFLA_IFNAME, "selftest1").value(IFLA_NET_NS_FD, here.get());
  return change_by_netlink(message.close().close().close());
}

Row link_row(std::string_view name, Act attempt, std::vector<std::string_view> modules = {}) {
  return {.name = name,
          .each = Each::once,
          .proof = Proof::done,
          .stops = always(Guard::netlink),
          .attempt = attempt,
          .modules = std::move(modules),
          .alone = true};
}

}  // namespace

Rows tamper_link() {
  return {
      link_row("netlink: a dummy interface", add_link<dummy>, {"dummy"}),
      link_row("netlink: a bridge", add_link<bridge>, {"bridge"}),
      link_row("netlink: a veth pair", add_link<veth>, {"veth"}),
      link_row("netlink: a wireguard tunnel", add_link<wireguard>, {"wireguard"}),
      link_row("netlink: an ipvlan", add_link<ipvlan>, {"ipvlan"}),
      link_row("netlink: a macvlan", add_link<macvlan>, {"macvlan"}),
      link_row("netlink: a VLAN", add_link<vlan>, {"8021q"}),
      link_row("netlink: a VRF", add_link<vrf>, {"vrf"}),
      link_row("netlink: an IP-in-IP tunnel", add_link<ipip>, {"ipip"}),
      link_row("netlink: a GRE tunnel", add_link<gre>, {"ip_gre"}),
      link_row("netlink: a VXLAN tunnel", add_link<vxlan>, {"vxlan"}),
      link_row("netlink: the interface down", take_down),
      link_row("netlink: the interface's size", change_size),
      link_row("netlink: the interface removed", remove),
      link_row("netlink: the interface moved to another namespace", take_away),
      link_row("netlink: a macvlan in another namespace", add_twin_elsewhere, {"macvlan"}),
      link_row("netlink: a veth pair from another namespace into this", add_pair_from_elsewhere,
               {"veth"}),
  };
}

}  // namespace socklid::selftest
