// SPDX-License-Identifier: Apache-2.0
#include "tests/siege/engine/node.hpp"

#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <net/route.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace socklid::siege {
namespace {

struct Sysctl {
  const char* name;
  const char* usual;
  const char* other;  ///< what it is set to; null: the step's number
};
/// In /proc/sys/net/.
constexpr std::array<Sysctl, 26> sysctls{{
    {"ipv4/ip_nonlocal_bind", "0", nullptr},
    {"ipv6/ip_nonlocal_bind", "0", nullptr},
    {"ipv4/ip_nonlocal_bind", "0", "1"},
    {"ipv6/ip_nonlocal_bind", "0", "1"},
    {"ipv4/ip_forward", "0", nullptr},
    {"ipv6/conf/all/forwarding", "0", nullptr},
    {"ipv4/conf/all/accept_local", "0", nullptr},
    {"ipv4/conf/all/route_localnet", "0", nullptr},
    {"ipv4/conf/all/rp_filter", "0", nullptr},
    {"ipv4/conf/all/proxy_arp", "0", nullptr},
    {"ipv4/conf/all/arp_announce", "0", nullptr},
    {"ipv4/conf/all/accept_source_route", "0", nullptr},
    {"ipv6/conf/all/accept_source_route", "0", nullptr},
    {"ipv6/conf/all/proxy_ndp", "0", nullptr},
    {"ipv4/conf/all/force_igmp_version", "0", nullptr},
    {"ipv6/conf/all/force_mld_version", "0", nullptr},
    {"ipv6/anycast_src_echo_reply", "0", nullptr},
    {"ipv6/bindv6only", "0", nullptr},
    {"ipv4/tcp_fastopen", "1", "3"},
    {"ipv4/ip_unprivileged_port_start", "1024", "0"},
    {"ipv4/ip_local_port_range", "32768 60999", "44444 44447"},
    {"ipv4/fwmark_reflect", "0", nullptr},
    {"ipv4/tcp_fwmark_accept", "0", nullptr},
    {"ipv4/tcp_l3mdev_accept", "0", nullptr},
    {"netfilter/nf_conntrack_tcp_loose", "1", nullptr},
    {"ipv4/tcp_tw_reuse", "2", nullptr},
}};

const Sysctl& at(const Step& step) {
  return sysctls.at(step.v[0] % sysctls.size());
}

int write_to(const char* name, const std::string& value) {
  const int file = ::open((std::string("/proc/sys/net/") + name).c_str(), O_WRONLY | O_CLOEXEC);
  if (file < 0) return errno;
  const int error = ::write(file, value.data(), value.size()) < 0 ? errno : 0;
  ::close(file);
  return error;
}

/// A message of one kind, with attributes.
class Request {
 public:
  explicit Request(unsigned short type) {
    header().nlmsg_type = type;
    header().nlmsg_flags = NLM_F_REQUEST | NLM_F_CREATE | NLM_F_REPLACE | NLM_F_ACK;
  }
  template <class T>
  void put(const T& value) {
    put(&value, sizeof(value));
  }
  void put(const void* value, std::size_t size) {
    std::memcpy(buffer_.data() + size_, value, size);
    size_ += (size + 3) & ~std::size_t{3};
  }
  void attribute(unsigned short type, const void* value, unsigned short size) {
    put(rtattr{static_cast<unsigned short>(sizeof(rtattr) + size), type});
    put(value, size);
  }
  int send(int socket) {
    header().nlmsg_len = static_cast<__u32>(size_);
    if (::send(socket, buffer_.data(), size_, 0) < 0) return errno;
    std::array<char, 1024> answer{};
    if (::recv(socket, answer.data(), answer.size(), 0) < 0) return errno;
    const auto* message = reinterpret_cast<const nlmsghdr*>(answer.data());
    return message->nlmsg_type == NLMSG_ERROR
               ? -static_cast<const nlmsgerr*>(NLMSG_DATA(message))->error
               : 0;
  }

 private:
  nlmsghdr& header() { return *reinterpret_cast<nlmsghdr*>(buffer_.data()); }
  alignas(8) std::array<char, 512> buffer_{};
  std::size_t size_{sizeof(nlmsghdr)};
};

void put_address(Request& request, unsigned short type, const sockaddr_storage& address) {
  if (address.ss_family == AF_INET6) {
    request.attribute(type, &reinterpret_cast<const sockaddr_in6&>(address).sin6_addr, 16);
  } else {
    request.attribute(type, &reinterpret_cast<const sockaddr_in&>(address).sin_addr, 4);
  }
}

Request request_of(const Step& step, const Places& places) {
  const sockaddr_storage address = places.address(step.x);
  const auto family = static_cast<unsigned char>(address.ss_family);
  const auto bits = static_cast<unsigned char>(step.x.v6 ? 128 : 32);
  const unsigned link = step.v[1] % 2 == 0 ? 1 : places.link();
  switch (step.v[0] % 4) {
    case 0: {
      Request request(RTM_NEWADDR);
      request.put(ifaddrmsg{family, bits, 0, 0, link});
      put_address(request, IFA_LOCAL, address);
      put_address(request, IFA_ADDRESS, address);
      return request;
    }
    case 1: {
      Request request(RTM_NEWROUTE);
      const unsigned char type = step.v[1] < 2 ? RTN_LOCAL : RTN_UNICAST;
      request.put(
          rtmsg{family, bits, 0, 0, RT_TABLE_MAIN, RTPROT_BOOT, RT_SCOPE_UNIVERSE, type, 0});
      put_address(request, RTA_DST, address);
      request.attribute(RTA_OIF, &link, sizeof(link));
      return request;
    }
    case 2: {
      Request request(RTM_NEWNEIGH);
      request.put(
          ndmsg{family, 0, 0, static_cast<int>(places.link()), NUD_PERMANENT, NTF_PROXY, 0});
      put_address(request, NDA_DST, address);
      return request;
    }
    default: {
      Request request(RTM_NEWLINK);
      request.put(ifinfomsg{AF_UNSPEC, 0, 0, static_cast<int>(places.link()), IFF_UP | IFF_PROMISC,
                            IFF_PROMISC});
      return request;
    }
  }
}

}  // namespace

unsigned sysctl_count() {
  return static_cast<unsigned>(sysctls.size());
}

std::string sysctl_of(const Step& step) {
  const Sysctl& sysctl = at(step);
  return std::string(sysctl.name) + "=" +
         (sysctl.other != nullptr ? sysctl.other : std::to_string(step.v[1]));
}

void reset_sysctls() {
  for (const Sysctl& sysctl : sysctls) (void)write_to(sysctl.name, sysctl.usual);
}

int write_sysctl(const Step& step) {
  const Sysctl& sysctl = at(step);
  return write_to(sysctl.name, sysctl.other != nullptr ? sysctl.other : std::to_string(step.v[1]));
}

int ask_netlink(const Step& step, const Places& places) {
  const int socket = ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  if (socket < 0) return errno;
  const int error = request_of(step, places).send(socket);
  ::close(socket);
  return error;
}

int ask_by_ioctl(int socket, const Step& step, const Places& places) {
  static constexpr std::array<unsigned, 6> requests{SIOCSIFADDR, SIOCSIFNETMASK, SIOCSIFFLAGS,
                                                    SIOCSIFMTU,  SIOCADDRT,      SIOCSARP};
  const unsigned request = requests.at(step.v[0] % requests.size());
  const sockaddr_storage address = places.address({step.x.role, false, step.x.port});
  union {
    ifreq interface;
    rtentry route;
    arpreq neighbour;
  } of{};
  if (request == SIOCADDRT) {
    std::memcpy(&of.route.rt_dst, &address, sizeof(of.route.rt_dst));
    of.route.rt_flags = RTF_UP | RTF_HOST;
    of.route.rt_genmask.sa_family = AF_INET;
  } else if (request == SIOCSARP) {
    std::memcpy(&of.neighbour.arp_pa, &address, sizeof(of.neighbour.arp_pa));
    of.neighbour.arp_flags = ATF_PERM | ATF_PUBL;
  } else {
    std::strncpy(of.interface.ifr_name, places.link_name().c_str(), IFNAMSIZ - 1);
    std::memcpy(&of.interface.ifr_addr, &address, sizeof(of.interface.ifr_addr));
    if (request == SIOCSIFFLAGS) of.interface.ifr_flags = IFF_UP | IFF_PROMISC;
    if (request == SIOCSIFMTU) of.interface.ifr_mtu = 1500;
  }
  return ::ioctl(socket, request, &of) == 0 ? 0 : errno;
}

}  // namespace socklid::siege
