// SPDX-License-Identifier: Apache-2.0
//
// A tun or tap device: what its holder writes arrives in the namespace as if by a wire, and is
// forwarded. No socket has sent it.
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <linux/if_ether.h>
#include <linux/if_tun.h>

#include <cstring>
#include <string>
#include <string_view>

#include "selftest/links.hpp"
#include "selftest/packets.hpp"
#include "selftest/rows.hpp"
#include "selftest/rows_packet.hpp"
#include "selftest/sockets.hpp"

namespace socklid::selftest {
namespace {

/// Neither is on the veth's link.
constexpr std::string_view device4 = "10.231.9.1", host4 = "10.231.9.2", host6 = "fd5e:1f:0:9::2";

bool start_forwarding(const Scene& scene) {
  return set_sysctl(scene.ip == Ip::v4 ? std::string_view("net/ipv4/ip_forward")
                                       : std::string_view("net/ipv6/conf/all/forwarding"),
                    "1")
      .has_value();
}

/// From a host that would be behind the device.
std::string packet_from_behind(const Scene& scene) {
  const Ends ends{make_address(scene.ip == Ip::v4 ? host4 : host6, scene.port), scene.target};
  return ip_packet({.ends = ends, .protocol = IPPROTO_UDP}, udp_datagram(ends, token_text(scene)));
}

UniqueFd open_device(short flags, ifreq& request) {
  UniqueFd fd(::open("/dev/net/tun", O_RDWR | O_CLOEXEC));
  std::strcpy(request.ifr_name, "selftest0");
  request.ifr_flags = static_cast<short>(flags | IFF_NO_PI);
  if (fd && ::ioctl(fd.get(), TUNSETIFF, &request) != 0) return {};
  return fd;
}

/// With an address, so that what comes from behind it is not taken for forged (rp_filter).
bool bring_up(ifreq request) {
  const UniqueFd fd = open_socket(AF_INET, SOCK_DGRAM);
  const Address address = make_address(device4, 0);
  std::memcpy(&request.ifr_addr, address.get(), sizeof(request.ifr_addr));
  if (!fd || ::ioctl(fd.get(), SIOCSIFADDR, &request) != 0) return false;
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  return ::ioctl(fd.get(), SIOCSIFFLAGS, &request) == 0;
}

Outcome inject(const UniqueFd& device, const std::string& data) {
  if (::write(device.get(), data.data(), data.size()) < 0) return failed("write");
  return {};
}

Outcome inject_by_tun(const Scene& scene) {
  ifreq request{};
  const UniqueFd device = open_device(IFF_TUN, request);
  if (!device) return failed("TUNSETIFF");
  if (!bring_up(request) || !start_forwarding(scene)) return failed("up");
  return inject(device, packet_from_behind(scene));
}

Outcome inject_by_tap(const Scene& scene) {
  ifreq request{};
  const UniqueFd device = open_device(IFF_TAP, request);
  if (!device) return failed("TUNSETIFF");
  if (!bring_up(request) || !start_forwarding(scene)) return failed("up");
  if (::ioctl(device.get(), SIOCGIFHWADDR, &request) != 0) return failed("SIOCGIFHWADDR");
  const std::string_view station(request.ifr_hwaddr.sa_data, ETH_ALEN);
  return inject(device, ethernet_frame(ethernet_type(scene), packet_from_behind(scene), station));
}

Row device_row(std::string_view name, Outcome (*attempt)(const Scene&)) {
  return {.name = name,
          .stops = always(Guard::ioctl),
          .attempt = attempt,
          .modules = {"tun"},
          .alone = true};
}

}  // namespace

std::vector<Row> forwarded_rows() {
  return {
      device_row("a packet injected by a tun device", inject_by_tun),
      device_row("a frame injected by a tap device", inject_by_tap),
  };
}

}  // namespace socklid::selftest
