// SPDX-License-Identifier: Apache-2.0
#include "tests/siege/engine/send.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/udp.h>

#include <cerrno>
#include <cstring>
#include <string>

namespace socklid::siege {
namespace {

constexpr int udp_segment = 103;  // UDP_SEGMENT

/// What identifies data of a siege to whoever looks at a packet.
std::string data_of(std::size_t size) {
  std::string data = "siege ";
  data.resize(size, 'x');
  return data;
}

class Message {
 public:
  Message(const sockaddr_storage* to, std::string data)
      : data_(std::move(data)), part_{data_.data(), data_.size()} {
    if (to != nullptr) to_ = *to;
    header_.msg_name = to != nullptr ? &to_ : nullptr;
    header_.msg_namelen = to != nullptr ? size_of(to_) : 0;
    header_.msg_iov = &part_;
    header_.msg_iovlen = 1;
  }
  Message(const Message&) = delete;
  Message& operator=(const Message&) = delete;

  template <class T>
  void control(int level, int type, const T& value) {
    auto* header = reinterpret_cast<cmsghdr*>(control_.data());
    header->cmsg_level = level;
    header->cmsg_type = type;
    header->cmsg_len = CMSG_LEN(sizeof(value));
    std::memcpy(CMSG_DATA(header), &value, sizeof(value));
    header_.msg_control = control_.data();
    header_.msg_controllen = CMSG_SPACE(sizeof(value));
  }
  msghdr& header() { return header_; }

 private:
  std::string data_;
  iovec part_;
  sockaddr_storage to_{};
  msghdr header_{};
  alignas(8) std::array<char, 256> control_{};
};

const sockaddr_in& v4(const sockaddr_storage& address) {
  return reinterpret_cast<const sockaddr_in&>(address);
}
const sockaddr_in6& v6(const sockaddr_storage& address) {
  return reinterpret_cast<const sockaddr_in6&>(address);
}

void add_control(Message& message, const Step& step, const Places& places) {
  const sockaddr_storage source = places.address(step.y);
  switch (step.v[1]) {
    case 1:
      if (step.y.v6) {
        message.control(SOL_IPV6, IPV6_PKTINFO, in6_pktinfo{v6(source).sin6_addr, 0});
      } else {
        message.control(SOL_IP, IP_PKTINFO, in_pktinfo{0, v4(source).sin_addr, {}});
      }
      break;
    case 2:
      message.control(SOL_IP, IP_PKTINFO, in_pktinfo{1, v4(source).sin_addr, {}});
      break;
    case 3:
      message.control(SOL_IPV6, IPV6_RTHDR, ip6_rthdr{0, 2, 0, 0});
      break;
    case 4:
      message.control(SOL_IP, IP_RETOPTS, std::array<char, 8>{'\x83', 7, 4, 10, 77, 0, 1, 0});
      break;
    case 5:
      message.control(SOL_SOCKET, SO_MARK, 3);
      break;
    case 6:
      message.control(SOL_UDP, udp_segment, std::uint16_t{16});
      break;
    case 7:
      message.control(SOL_IPV6, IPV6_HOPOPTS, std::array<char, 8>{0, 0, 1, 4, 0, 0, 0, 0});
      break;
    case 8:
      message.control(SOL_IPV6, IPV6_PKTINFO, in6_pktinfo{v6(source).sin6_addr, places.link()});
      break;
    default:
      break;
  }
}

}  // namespace

sockaddr_storage for_socket(int socket, const Endpoint& endpoint, const Places& places) {
  int domain = 0;
  socklen_t size = sizeof(domain);
  (void)::getsockopt(socket, SOL_SOCKET, SO_DOMAIN, &domain, &size);
  if (domain == AF_INET6 && !endpoint.v6) return places.mapped(endpoint);
  if (domain == AF_INET && endpoint.v6)
    return places.address({endpoint.role, false, endpoint.port});
  return places.address(endpoint);
}

int send_step(int socket, const sockaddr_storage& to, const Step& step, const Places& places) {
  Message message(step.v[0] != 0 ? &to : nullptr, data_of(step.v[2]));
  add_control(message, step, places);
  return ::sendmsg(socket, &message.header(), MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? errno : 0;
}

int send_two(int socket, const Step& step, const Places& places) {
  const sockaddr_storage x = for_socket(socket, step.x, places);
  const sockaddr_storage y = for_socket(socket, step.y, places);
  Message one(&x, data_of(8));
  Message two(&y, data_of(9));
  std::array<mmsghdr, 2> both{{{one.header(), 0}, {two.header(), 0}}};
  return ::sendmmsg(socket, both.data(), 2, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? errno : 0;
}

int send_raw(int socket, const Step& step, const Places& places) {
  const sockaddr_storage to = places.address(step.y);
  const Endpoint claimed{step.x.role, step.y.v6, step.x.port};
  const sockaddr_storage from = places.address(claimed);
  std::string packet;
  const udphdr udp{{{htons(step.x.port), htons(step.y.port), htons(sizeof(udphdr) + 8), 0}}};
  if (step.y.v6) {
    ip6_hdr header{};
    header.ip6_vfc = 0x60;
    header.ip6_plen = htons(sizeof(udphdr) + 8);
    header.ip6_nxt = IPPROTO_UDP;
    header.ip6_hlim = 64;
    header.ip6_src = v6(from).sin6_addr;
    header.ip6_dst = v6(to).sin6_addr;
    packet.assign(reinterpret_cast<const char*>(&header), sizeof(header));
  } else {
    iphdr header{};
    header.version = 4;
    header.ihl = 5;
    header.ttl = 64;
    header.protocol = IPPROTO_UDP;
    header.tot_len = htons(sizeof(iphdr) + sizeof(udphdr) + 8);
    header.saddr = v4(from).sin_addr.s_addr;
    header.daddr = v4(to).sin_addr.s_addr;
    packet.assign(reinterpret_cast<const char*>(&header), sizeof(header));
  }
  packet.append(reinterpret_cast<const char*>(&udp), sizeof(udp));
  packet += data_of(8);
  sockaddr_storage name = to;
  reinterpret_cast<sockaddr_in&>(name).sin_port = 0;
  Message message(&name, std::move(packet));
  return ::sendmsg(socket, &message.header(), MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? errno : 0;
}

}  // namespace socklid::siege
