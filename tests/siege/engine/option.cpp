// SPDX-License-Identifier: Apache-2.0
#include "tests/siege/engine/option.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>

#include <cerrno>
#include <cstring>
#include <vector>

namespace socklid::siege {
namespace {

constexpr unsigned local_port_range = 51;  // IP_LOCAL_PORT_RANGE, Linux 6.3

enum Value : unsigned {
  number,
  device,
  address_of_v4,
  address_of_v6,
  mreqn,
  mreq6,
  linger_time,
  bytes
};
constexpr unsigned values = 8;

struct Known {
  unsigned level, name, kind, value;
};
constexpr std::array<Known, 30> about_addresses{{
    {SOL_SOCKET, SO_BINDTODEVICE, device, 0},
    {SOL_SOCKET, SO_BINDTODEVICE, device, 0},
    {SOL_SOCKET, SO_BINDTODEVICE, device, 1},
    {SOL_SOCKET, SO_BINDTOIFINDEX, number, 1},
    {SOL_SOCKET, SO_REUSEADDR, number, 1},
    {SOL_SOCKET, SO_REUSEPORT, number, 1},
    {SOL_SOCKET, SO_DONTROUTE, number, 1},
    {SOL_SOCKET, SO_BROADCAST, number, 1},
    {SOL_SOCKET, SO_MARK, number, 3},
    {SOL_SOCKET, SO_MARK, number, 0},
    {SOL_IP, IP_FREEBIND, number, 1},
    {SOL_IP, IP_TRANSPARENT, number, 1},
    {SOL_IP, IP_BIND_ADDRESS_NO_PORT, number, 1},
    {SOL_IP, IP_MULTICAST_IF, mreqn, 0},
    {SOL_IP, IP_UNICAST_IF, number, 0x01000000},
    {SOL_IP, IP_OPTIONS, bytes, 0x83},
    {SOL_IP, IP_HDRINCL, number, 1},
    {SOL_IP, IP_NODEFRAG, number, 1},
    {SOL_IP, IP_MTU_DISCOVER, number, 0},
    {SOL_IP, local_port_range, number, (44447U << 16U) | 44444U},
    {SOL_IPV6, IPV6_FREEBIND, number, 1},
    {SOL_IPV6, IPV6_TRANSPARENT, number, 1},
    {SOL_IPV6, IPV6_MULTICAST_IF, number, 2},
    {SOL_IPV6, IPV6_UNICAST_IF, number, 0x01000000},
    {SOL_IPV6, IPV6_PKTINFO, mreq6, 0},
    {SOL_IPV6, IPV6_RTHDR, bytes, 0x0202},
    {SOL_IPV6, IPV6_DSTOPTS, bytes, 0x0000},
    {SOL_IPV6, IPV6_HDRINCL, number, 1},
    {SOL_IPV6, IPV6_V6ONLY, number, 0},
    {SOL_IPV6, IPV6_ADDRFORM, number, AF_INET},
}};

template <class T>
void append(std::vector<char>& to, const T& value) {
  const std::size_t end = to.size();
  to.resize(end + sizeof(value));
  std::memcpy(to.data() + end, &value, sizeof(value));
}

in_addr v4_of(const sockaddr_storage& address) {
  return reinterpret_cast<const sockaddr_in&>(address).sin_addr;
}
in6_addr v6_of(const sockaddr_storage& address) {
  return reinterpret_cast<const sockaddr_in6&>(address).sin6_addr;
}

std::vector<char> value_of(const Step& step, const Places& places) {
  const Endpoint v4{step.y.role, false, step.y.port};
  const Endpoint v6{step.y.role, true, step.y.port};
  std::vector<char> made;
  switch (step.v[2]) {
    case device: {
      const std::string name = step.v[3] == 0 ? "lo" : step.v[3] == 1 ? places.link_name() : "";
      made.assign(name.begin(), name.end());
      made.push_back(0);
      break;
    }
    case address_of_v4:
      append(made, v4_of(places.address(v4)));
      break;
    case address_of_v6:
      append(made, v6_of(places.address(v6)));
      break;
    case mreqn:
      append(made, ip_mreqn{{}, v4_of(places.address(v4)), static_cast<int>(places.link())});
      break;
    case mreq6:
      append(made, in6_pktinfo{v6_of(places.address(v6)), places.link()});
      break;
    case linger_time:
      append(made, linger{1, 0});
      break;
    case bytes:
      append(made, step.v[3]);
      append(made, v4_of(places.address(v4)));
      append(made, v6_of(places.address(v6)));
      break;
    default:
      append(made, step.v[3]);
  }
  return made;
}

int call(int socket, int level, int name, const void* value, std::size_t size) {
  return ::setsockopt(socket, level, name, value, static_cast<socklen_t>(size)) == 0 ? 0 : errno;
}
template <class T>
int call(int socket, int level, int name, const T& value) {
  return call(socket, level, name, &value, sizeof(value));
}

int join_v4(int socket, Way way, const Step& step, const Places& places) {
  const in_addr group = v4_of(places.address(step.x));
  const in_addr source = v4_of(places.address(step.y));
  if (way == Way::plain) {
    return call(socket, SOL_IP, IP_ADD_MEMBERSHIP,
                ip_mreqn{group, {}, static_cast<int>(places.link())});
  }
  const in_addr own = v4_of(places.address({Role::own, false, 0}));
  if (way == Way::source) {
    return call(socket, SOL_IP, IP_ADD_SOURCE_MEMBERSHIP, ip_mreq_source{group, own, source});
  }
  std::vector<char> filter;
  append(filter, group);
  append(filter, own);
  append(filter, static_cast<std::uint32_t>(MCAST_INCLUDE));
  append(filter, static_cast<std::uint32_t>(step.v[1]));
  for (unsigned i = 0; i < step.v[1]; ++i) append(filter, in_addr{source.s_addr ^ htonl(i)});
  return call(socket, SOL_IP, IP_MSFILTER, filter.data(), filter.size());
}

int join_filter(int socket, int level, const Step& step, const Places& places) {
  std::vector<char> filter;
  append(filter, std::uint64_t{places.link()});
  append(filter, places.address(step.x));
  append(filter, static_cast<std::uint32_t>(MCAST_INCLUDE));
  append(filter, static_cast<std::uint32_t>(step.v[1]));
  for (unsigned i = 0; i < step.v[1]; ++i) {
    sockaddr_storage source = places.address(step.y);
    if (step.y.v6) {
      auto& address = reinterpret_cast<sockaddr_in6&>(source).sin6_addr;
      address.s6_addr[14] = static_cast<std::uint8_t>(i);
    } else {
      reinterpret_cast<sockaddr_in&>(source).sin_addr.s_addr ^= htonl(i);
    }
    append(filter, source);
  }
  return call(socket, level, MCAST_MSFILTER, filter.data(), filter.size());
}

}  // namespace

void draw_option(Chance& chance, Step& step) {
  static constexpr std::array<unsigned, 12> levels{SOL_SOCKET, SOL_SOCKET, SOL_IP,  SOL_IP,
                                                   SOL_IPV6,   SOL_IPV6,   SOL_TCP, SOL_TCP,
                                                   17,         132,        255,     58};
  static constexpr std::array<unsigned, 9> numbers{0, 1, 1, 1, 2, 3, 53, 44444, 0x7fffffff};
  step.v[0] = chance.one_of(levels);
  step.v[1] = chance.below(chance.percent(90) ? 84 : 300);
  step.v[2] = chance.below(values);
  step.v[3] = chance.one_of(numbers);
}

void draw_address_option(Chance& chance, Step& step) {
  const Known known = chance.one_of(about_addresses);
  step.v[0] = known.level;
  step.v[1] = known.name;
  step.v[2] = known.kind;
  step.v[3] = known.value;
  static constexpr std::array<Role, 4> whose{Role::own, Role::next, Role::victim, Role::named};
  step.y = {chance.one_of(whose), false, 0};
}

int set_option(int socket, const Step& step, const Places& places) {
  const std::vector<char> value = value_of(step, places);
  return call(socket, static_cast<int>(step.v[0]), static_cast<int>(step.v[1]), value.data(),
              value.size());
}

int join(int socket, const Step& step, const Places& places) {
  const Way way{step.v[0]};
  if (way == Way::anycast) {
    const Endpoint address{step.x.role, true, step.x.port};
    return call(socket, SOL_IPV6, IPV6_JOIN_ANYCAST,
                ipv6_mreq{v6_of(places.address(address)), places.link()});
  }
  const bool v6 = step.x.v6;
  if (!v6 && (way == Way::plain || way == Way::source || way == Way::filter_of_v4)) {
    return join_v4(socket, way, step, places);
  }
  const int level = v6 ? SOL_IPV6 : SOL_IP;
  if (way == Way::plain) {
    return call(socket, level, IPV6_ADD_MEMBERSHIP,
                ipv6_mreq{v6_of(places.address(step.x)), places.link()});
  }
  if (way == Way::filter || way == Way::filter_of_v4)
    return join_filter(socket, level, step, places);
  if (way == Way::group || way == Way::leave) {
    return call(socket, level, way == Way::group ? MCAST_JOIN_GROUP : MCAST_LEAVE_GROUP,
                group_req{places.link(), places.address(step.x)});
  }
  return call(socket, level, MCAST_JOIN_SOURCE_GROUP,
              group_source_req{places.link(), places.address(step.x), places.address(step.y)});
}

void leave(int socket, const Step& step, const Places& places) {
  const int level = step.x.v6 ? SOL_IPV6 : SOL_IP;
  (void)call(socket, level, MCAST_LEAVE_GROUP, group_req{places.link(), places.address(step.x)});
  const Endpoint address{step.x.role, true, step.x.port};
  (void)call(socket, SOL_IPV6, IPV6_LEAVE_ANYCAST,
             ipv6_mreq{v6_of(places.address(address)), places.link()});
}

}  // namespace socklid::siege
