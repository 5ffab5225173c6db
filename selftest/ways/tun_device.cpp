// SPDX-License-Identifier: Apache-2.0
#include "selftest/ways/tun_device.hpp"

#include <fcntl.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <linux/if_tun.h>

#include <cstring>

#include "selftest/ways/sockets.hpp"

namespace socklid::selftest {
namespace {

/// Requests share one struct, whose name stays.
bool bring_up(ifreq request) {
  const UniqueFd fd = open_socket(AF_INET, SOCK_DGRAM);
  const Address address = make_address("10.231.9.1", 0);
  std::memcpy(&request.ifr_addr, address.get(), sizeof(request.ifr_addr));
  if (!fd || ::ioctl(fd.get(), SIOCSIFADDR, &request) != 0) return false;
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  return ::ioctl(fd.get(), SIOCSIFFLAGS, &request) == 0;
}

}  // namespace

TunDevice open_tun_device(TunKind kind, std::string_view name) {
  TunDevice device;
  ifreq request{};
  name.copy(request.ifr_name, IFNAMSIZ - 1);
  request.ifr_flags = static_cast<short>((kind == TunKind::tun ? IFF_TUN : IFF_TAP) | IFF_NO_PI);
  UniqueFd fd(::open("/dev/net/tun", O_RDWR | O_CLOEXEC));
  if (!fd || ::ioctl(fd.get(), TUNSETIFF, &request) != 0 || !bring_up(request)) return device;
  if (kind == TunKind::tap) {
    if (::ioctl(fd.get(), SIOCGIFHWADDR, &request) != 0) return device;
    std::memcpy(device.station.data(), request.ifr_hwaddr.sa_data, device.station.size());
  }
  device.fd = std::move(fd);
  return device;
}

}  // namespace socklid::selftest
