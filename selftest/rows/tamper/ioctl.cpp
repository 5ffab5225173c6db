// SPDX-License-Identifier: Apache-2.0
//
// Interfaces, addresses and routes by ioctl(2) (netdevice(7)). Those of interfaces work on a socket
// of any family (net/socket.c: sock_do_ioctl), which is why some are tried on AF_UNIX.
#include <fcntl.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <net/route.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <linux/ethtool.h>
#include <linux/if_tun.h>
#include <linux/if_tunnel.h>
#include <linux/if_vlan.h>
#include <linux/sockios.h>
#include <linux/tty.h>

#include <cstdio>
#include <cstring>

#include "selftest/rows/tamper/tamper.hpp"
#include "selftest/ways/sockets.hpp"

namespace socklid::selftest {
namespace {

/// `request` names the container's veth if it has a place for a name of its own.
ifreq interface_request(const Scene& scene) {
  ifreq request{};
  ::if_indextoname(scene.interface, request.ifr_name);
  return request;
}

Outcome ask(int family, unsigned long command, void* argument) {
  const UniqueFd fd = open_socket(family, SOCK_DGRAM);
  if (!fd) return failed("socket");
  if (::ioctl(fd.get(), command, argument) != 0) return failed("ioctl");
  return {};
}

sockaddr as_sockaddr(in_addr address) {
  sockaddr_in from{};
  from.sin_family = AF_INET;
  from.sin_addr = address;
  sockaddr to{};
  std::memcpy(&to, &from, sizeof(to));
  return to;
}

rtentry route(in_addr destination, in_addr mask, const ifreq& request) {
  rtentry result{};
  result.rt_dst = as_sockaddr(destination);
  result.rt_genmask = as_sockaddr(mask);
  result.rt_flags = RTF_UP;
  result.rt_dev = const_cast<char*>(request.ifr_name);  // NOLINT
  return result;
}

Outcome add_route(const Scene& scene) {
  const ifreq request = interface_request(scene);
  rtentry entry = route(nowhere(), {0xffffffff}, request);
  entry.rt_flags |= RTF_HOST;
  return ask(AF_INET, SIOCADDRT, &entry);
}

Outcome remove_route(const Scene& scene) {
  const ifreq request = interface_request(scene);
  rtentry entry = route({htonl(0x0ae70700)}, {htonl(0xffffff00)}, request);
  return ask(AF_INET, SIOCDELRT, &entry);
}

Outcome add_route6(const Scene& scene) {
  in6_rtmsg entry{};
  entry.rtmsg_dst.s6_addr[0] = 0xfd;
  entry.rtmsg_dst_len = 128;
  entry.rtmsg_flags = RTF_UP | RTF_HOST;
  entry.rtmsg_metric = 1;
  entry.rtmsg_ifindex = static_cast<int>(scene.interface);
  return ask(AF_INET6, SIOCADDRT, &entry);
}

Outcome set_address(const Scene& scene) {
  ifreq request = interface_request(scene);
  request.ifr_addr = as_sockaddr(nowhere());
  return ask(AF_INET, SIOCSIFADDR, &request);
}

Outcome add_address6(const Scene& scene) {
  struct { /* struct in6_ifreq, linux/ipv6.h */
    in6_addr address{};
    std::uint32_t bits{128};
    int interface { 0 };
  } request;
  request.address.s6_addr[0] = 0xfd;
  request.interface = static_cast<int>(scene.interface);
  return ask(AF_INET6, SIOCSIFADDR, &request);
}

Outcome shut_down(const Scene& scene) {
  ifreq request = interface_request(scene);
  return ask(AF_INET, SIOCSIFFLAGS, &request);
}

template <int family>
Outcome set_size(const Scene& scene) {
  ifreq request = interface_request(scene);
  request.ifr_mtu = 1400;
  return ask(family, SIOCSIFMTU, &request);
}

Outcome set_size_in_child(const Scene& scene) {
  return in_child(set_size<AF_UNIX>, scene);
}

/// Others than this one make network devices of terminals (drivers/net/slip).
Outcome set_discipline(const Scene& /*scene*/) {
  const UniqueFd terminal(::open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC));
  if (!terminal) return failed("open");
  const int discipline = N_NULL;
  if (::ioctl(terminal.get(), TIOCSETD, &discipline) != 0) return failed("ioctl");
  return {};
}

/// The device that comes with IP-in-IP in every namespace: it is down, so it may have another name.
Outcome rename(const Scene& /*scene*/) {
  ifreq request{};
  std::strcpy(request.ifr_name, "tunl0");
  std::strcpy(request.ifr_newname, "selftest0");
  return ask(AF_UNIX, SIOCSIFNAME, &request);
}

Outcome add_tunnel(const Scene& scene) {
  ip_tunnel_parm tunnel{};
  std::strcpy(tunnel.name, "selftest0");
  tunnel.iph.version = 4;
  tunnel.iph.ihl = 5;
  tunnel.iph.protocol = IPPROTO_IPIP;
  sockaddr_in target{};
  std::memcpy(&target, &scene.target.storage, sizeof(target));
  tunnel.iph.daddr = target.sin_addr.s_addr;
  ifreq request{};
  std::strcpy(request.ifr_name, "tunl0");
  request.ifr_data = reinterpret_cast<char*>(&tunnel);  // NOLINT
  return ask(AF_INET, SIOCADDTUNNEL, &request);
}

template <int family>
Outcome add_bridge(const Scene& /*scene*/) {
  char name[IFNAMSIZ] = "selftest0";
  return ask(family, SIOCBRADDBR, name);
}

Outcome add_vlan(const Scene& scene) {
  vlan_ioctl_args request{};
  request.cmd = ADD_VLAN_CMD;
  std::strcpy(request.device1, interface_request(scene).ifr_name);
  request.u.VID = 47;
  return ask(AF_INET, SIOCSIFVLAN, &request);
}

Outcome set_hardware_address(const Scene& scene) {
  ifreq request = interface_request(scene);
  request.ifr_hwaddr.sa_family = ARPHRD_ETHER;
  std::memcpy(request.ifr_hwaddr.sa_data, "\x02\0\0\0\0\x09", 6);
  return ask(AF_INET, SIOCSIFHWADDR, &request);
}

Outcome set_neighbour(const Scene& scene) {
  arpreq request{};
  std::memcpy(&request.arp_pa, &scene.target.storage, sizeof(request.arp_pa));
  request.arp_ha.sa_family = ARPHRD_ETHER;
  std::memcpy(request.arp_ha.sa_data, "\x02\0\0\0\0\x09", 6);
  request.arp_flags = ATF_PERM | ATF_COM;
  std::strcpy(request.arp_dev, interface_request(scene).ifr_name);
  return ask(AF_INET, SIOCSARP, &request);
}

/// What is written to a tun device comes in, or is forwarded.
Outcome make_tun(const Scene& /*scene*/) {
  const UniqueFd fd(::open("/dev/net/tun", O_RDWR | O_CLOEXEC));
  if (!fd) return failed("open");
  ifreq request{};
  request.ifr_flags = IFF_TUN | IFF_NO_PI;
  if (::ioctl(fd.get(), TUNSETIFF, &request) != 0) return failed("ioctl");
  return {};
}

/// What it is already (ethtool_value of linux/ethtool.h).
Outcome set_offload(const Scene& scene) {
  ethtool_value value{.cmd = ETHTOOL_SGSO, .data = 1};
  ifreq request = interface_request(scene);
  request.ifr_data = reinterpret_cast<char*>(&value);  // NOLINT
  return ask(AF_INET, SIOCETHTOOL, &request);
}

Row ioctl_row(std::string_view name, Act attempt, std::vector<std::string_view> modules = {}) {
  return {.name = name,
          .each = Each::once,
          .proof = Proof::done,
          .stops = always(Guard::ioctl),
          .attempt = attempt,
          .modules = std::move(modules),
          .alone = true};
}

}  // namespace

Rows tamper_ioctl() {
  return {
      ioctl_row("ioctl: a route", add_route),
      ioctl_row("ioctl: no route", remove_route),
      ioctl_row("ioctl: a route of IPv6", add_route6),
      ioctl_row("ioctl: an address", set_address),
      ioctl_row("ioctl: an address of IPv6", add_address6),
      ioctl_row("ioctl: the interface down", shut_down),
      ioctl_row("ioctl: the interface's size", set_size<AF_INET>),
      ioctl_row("ioctl: the interface's size, by a unix socket", set_size<AF_UNIX>),
      ioctl_row("ioctl: the interface's size, by a netlink socket", set_size<AF_NETLINK>),
      ioctl_row("ioctl: the interface's size, by a unix socket of a child", set_size_in_child),
      ioctl_row("ioctl: a terminal's line discipline", set_discipline),
      ioctl_row("ioctl: an interface's name, by a unix socket", rename, {"ipip"}),
      ioctl_row("ioctl: the interface's hardware address", set_hardware_address),
      ioctl_row("ioctl: a tunnel", add_tunnel, {"ipip"}),
      ioctl_row("ioctl: a bridge", add_bridge<AF_INET>, {"bridge"}),
      ioctl_row("ioctl: a bridge, by a unix socket", add_bridge<AF_UNIX>, {"bridge"}),
      ioctl_row("ioctl: a VLAN", add_vlan, {"8021q"}),
      ioctl_row("ioctl: a neighbour", set_neighbour),
      ioctl_row("ioctl: a tun device", make_tun, {"tun"}),
      ioctl_row("ioctl: an offload by SIOCETHTOOL", set_offload),
  };
}

}  // namespace socklid::selftest
