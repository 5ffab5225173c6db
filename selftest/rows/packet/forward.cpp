// SPDX-License-Identifier: Apache-2.0
//
// Packets that a tun or tap device injects. No socket has sent them: they are forwarded.
#include <sys/socket.h>

#include <string>
#include <string_view>

#include "selftest/rows/packet/packet.hpp"
#include "selftest/rows/rows.hpp"
#include "selftest/ways/links.hpp"
#include "selftest/ways/packets.hpp"
#include "selftest/ways/sockets.hpp"
#include "selftest/ways/tun_device.hpp"

namespace socklid::selftest {
namespace {

/// Writes `data` to the device and has the namespace forward it.
Outcome inject(const Scene& scene, const UniqueFd& device, std::string_view data) {
  const bool v4 = scene.ip == Ip::v4;
  if (!set_sysctl(v4 ? "net/ipv4/ip_forward" : "net/ipv6/conf/all/forwarding", "1")) {
    return failed("forwarding");
  }
  if (::write(device.get(), data.data(), data.size()) < 0) return failed("write");
  return {};
}

std::string packet_from_behind(const Scene& scene) {
  const Ends ends{make_address(scene.ip == Ip::v4 ? behind4 : behind6, scene.port), scene.target};
  return ip_packet({.ends = ends, .protocol = IPPROTO_UDP}, udp_datagram(ends, token_text(scene)));
}

Outcome inject_by_tun(const Scene& scene) {
  const TunDevice device = open_tun_device(TunKind::tun, "selftest0");
  if (!device.fd) return failed("TUNSETIFF");
  return inject(scene, device.fd, packet_from_behind(scene));
}

Outcome inject_by_tap(const Scene& scene) {
  const TunDevice device = open_tun_device(TunKind::tap, "selftest0");
  if (!device.fd) return failed("TUNSETIFF");
  return inject(scene, device.fd,
                ethernet_frame(ethernet_type(scene), packet_from_behind(scene),
                               {device.station.data(), device.station.size()}));
}

Row device_row(std::string_view name, Outcome (*attempt)(const Scene&)) {
  return {.name = name,
          .stops = always(Guard::ioctl),
          .attempt = attempt,
          .modules = {"tun"},
          .alone = true};
}

/// Who may write routes may make devices.
Row opened_row(std::string_view name, Outcome (*attempt)(const Scene&)) {
  Row row = device_row(name, attempt);
  row.stops = always(Guard::forwarded);
  row.lines = Row::Lines::rules;
  row.annotations = {"io.socklid.families=inet inet6 netlink-route", egress_annotation};
  return row;
}

}  // namespace

std::vector<Row> forwarded_rows() {
  return {
      device_row("a packet injected by a tun device", inject_by_tun),
      device_row("a frame injected by a tap device", inject_by_tap),
      opened_row("netlink-route opened: a packet injected by a tun device", inject_by_tun),
      opened_row("netlink-route opened: a frame injected by a tap device", inject_by_tap),
  };
}

}  // namespace socklid::selftest
