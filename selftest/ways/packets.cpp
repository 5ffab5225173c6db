// SPDX-License-Identifier: Apache-2.0
#include "selftest/ways/packets.hpp"

#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>

#include <linux/if_ether.h>
#include <linux/if_packet.h>

#include <cstring>

#include "selftest/ways/sockets.hpp"

namespace socklid::selftest {
namespace {

template <typename Value>
Value unpacked(const Address& address) {
  Value value{};
  std::memcpy(&value, &address.storage, sizeof(value));
  return value;
}

/// In network byte order, as it lies in the address.
in_port_t port_of(const Address& address) {
  return unpacked<sockaddr_in>(address).sin_port;
}

bool is_ipv4(const Address& address) {
  return address.storage.ss_family == AF_INET;
}

/// RFC 1071, of 16-bit words in the byte order they lie in.
std::uint16_t checksum(std::string_view data) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < data.size(); i += 2) {
    std::uint16_t word = 0;
    std::memcpy(&word, data.data() + i, i + 1 < data.size() ? 2 : 1);
    sum += word;
  }
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum);
}

/// The pseudo header of UDP, TCP and ICMPv6 (RFC 768, RFC 8200).
std::string pseudo_header(const Ends& ends, std::uint8_t protocol, std::size_t length) {
  const std::uint32_t fields[2] = {htonl(static_cast<std::uint32_t>(length)), htonl(protocol)};
  // IPv4's fields are 16 bits wide: zeros more in between do not change the sum.
  return address_bytes(ends.from) + address_bytes(ends.to) + bytes_of(fields);
}

/// Writes the checksum of `summed` into the field at `offset`.
std::string with_checksum(std::string message, std::size_t offset, std::uint16_t sum) {
  return message.replace(offset, sizeof(sum), bytes_of(sum));
}

std::string ipv4_packet(const IpHeader& header, std::string_view payload) {
  const std::size_t header_size = sizeof(iphdr) + header.options.size();
  iphdr fixed{};
  fixed.version = 4;
  fixed.ihl = static_cast<unsigned>(header_size / 4) & 0xf;
  fixed.tot_len = htons(static_cast<std::uint16_t>(header_size + payload.size()));
  fixed.id = htons(header.fragment_id);
  fixed.frag_off = htons(header.fragment);
  fixed.ttl = header.hops;
  fixed.protocol = header.protocol;
  fixed.saddr = unpacked<sockaddr_in>(header.ends.from).sin_addr.s_addr;
  fixed.daddr = unpacked<sockaddr_in>(header.ends.to).sin_addr.s_addr;
  std::string packet = bytes_of(fixed) + header.options;
  packet = with_checksum(packet, offsetof(iphdr, check), checksum(packet));
  return packet.append(payload);
}

std::string ipv6_packet(const IpHeader& header, std::string_view payload) {
  ip6_hdr fixed{};
  fixed.ip6_flow = htonl(6u << 28);
  fixed.ip6_plen = htons(static_cast<std::uint16_t>(payload.size()));
  fixed.ip6_nxt = header.protocol;
  fixed.ip6_hlim = header.hops;
  fixed.ip6_src = unpacked<sockaddr_in6>(header.ends.from).sin6_addr;
  fixed.ip6_dst = unpacked<sockaddr_in6>(header.ends.to).sin6_addr;
  return bytes_of(fixed).append(payload);
}

}  // namespace

std::string address_bytes(const Address& address) {
  if (is_ipv4(address)) return bytes_of(unpacked<sockaddr_in>(address).sin_addr);
  return bytes_of(unpacked<sockaddr_in6>(address).sin6_addr);
}

Address address_of(int family, std::string_view bytes) {
  Address address = any_address(family, 0);
  const std::size_t offset =
      family == AF_INET ? offsetof(sockaddr_in, sin_addr) : offsetof(sockaddr_in6, sin6_addr);
  std::memcpy(reinterpret_cast<char*>(&address.storage) + offset,  // NOLINT
              bytes.data(), bytes.size());
  return address;
}

bool send_data(int fd, std::string_view data, const Address& peer) {
  return ::sendto(fd, data.data(), data.size(), MSG_NOSIGNAL, peer.get(), peer.length) >= 0;
}

bool set_bytes(int fd, int level, int option, std::string_view value) {
  return ::setsockopt(fd, level, option, value.data(), static_cast<socklen_t>(value.size())) == 0;
}

Outcome send_raw(const Scene& scene, int protocol, std::string_view data, const Address& peer) {
  const UniqueFd fd = open_socket(scene.family(), SOCK_RAW, protocol);
  if (!fd) return failed("socket");
  // IPv6 takes a port for the protocol (net/ipv6/raw.c: rawv6_sendmsg).
  if (!send_data(fd.get(), data, with_port(peer, 0))) return failed("sendto");
  return {};
}

std::string udp_datagram(const Ends& ends, std::string_view data) {
  udphdr header{};
  header.source = port_of(ends.from);
  header.dest = port_of(ends.to);
  header.len = htons(static_cast<std::uint16_t>(sizeof(header) + data.size()));
  const std::string message = bytes_of(header).append(data);
  const std::uint16_t sum = checksum(pseudo_header(ends, IPPROTO_UDP, message.size()) + message);
  // 0 would say that there is no checksum.
  return with_checksum(message, offsetof(udphdr, check), sum == 0 ? 0xffff : sum);
}

std::string tcp_segment(const Ends& ends, std::uint8_t flags, std::string_view data) {
  tcphdr header{};
  header.th_sport = port_of(ends.from);
  header.th_dport = port_of(ends.to);
  header.th_seq = htonl(1);
  header.th_off = sizeof(header) / 4;
  header.th_flags = flags;
  header.th_win = htons(0x4000);
  const std::string message = bytes_of(header).append(data);
  return with_checksum(message, offsetof(tcphdr, th_sum),
                       checksum(pseudo_header(ends, IPPROTO_TCP, message.size()) + message));
}

std::string icmp_message(const Ends& ends, std::uint8_t type, std::uint8_t code,
                         std::string_view rest) {
  const std::uint8_t header[4] = {type, code, 0, 0};
  const std::string message = bytes_of(header).append(rest);
  std::string summed = message;
  if (!is_ipv4(ends.to)) summed = pseudo_header(ends, IPPROTO_ICMPV6, message.size()) + message;
  return with_checksum(message, offsetof(icmp6_hdr, icmp6_cksum), checksum(summed));
}

std::string ip_packet(const IpHeader& header, std::string_view payload) {
  return is_ipv4(header.ends.to) ? ipv4_packet(header, payload) : ipv6_packet(header, payload);
}

std::vector<std::string> ipv6_fragments(const Ends& ends, std::uint8_t protocol,
                                        const std::vector<std::string>& parts) {
  std::vector<std::string> packets;
  std::size_t offset = 0;
  for (const std::string& part : parts) {
    ip6_frag header{};
    header.ip6f_nxt = protocol;
    // The offset counts in 8 bytes above three bits of flags: it stands there as it is.
    header.ip6f_offlg = htons(static_cast<std::uint16_t>(offset));
    if (&part != &parts.back()) header.ip6f_offlg |= IP6F_MORE_FRAG;
    header.ip6f_ident = htonl(0x5e1f);
    packets.push_back(
        ip_packet({.ends = ends, .protocol = IPPROTO_FRAGMENT}, bytes_of(header) + part));
    offset += part.size();
  }
  return packets;
}

std::string source_route(std::uint8_t option, const Address& hop) {
  constexpr char no_operation = 1;
  const std::uint8_t head[3] = {option, 7, 4};
  return bytes_of(head) + address_bytes(hop) + no_operation;
}

std::string segment_routing(std::uint8_t next, const Address& first, const Address& last) {
  // next header, length beyond the first 8 bytes in units of 8, type, segments left; then the index
  // of the last entry, flags, tag. Segments stand in reverse order.
  const std::uint8_t head[8] = {next, 4, 4, 1, 1, 0, 0, 0};
  return bytes_of(head) + address_bytes(last) + address_bytes(first);
}

std::string mobile_routing(std::uint8_t next, const Address& hop) {
  const std::uint8_t head[8] = {next, 2, 2, 1, 0, 0, 0, 0};
  return bytes_of(head) + address_bytes(hop);
}

std::string option_header(std::uint8_t next, std::string_view data) {
  constexpr std::size_t size = 24;
  const std::uint8_t head[4] = {next, size / 8 - 1, 0x1e, size - 4};
  std::string header = bytes_of(head).append(data);
  header.resize(size);
  return header;
}

std::string ethernet_frame(std::uint16_t type, std::string_view payload, std::string_view station) {
  ethhdr header{};
  std::memcpy(header.h_dest, station.data(), sizeof(header.h_dest));
  header.h_source[0] = 2;  // locally administered
  header.h_proto = htons(type);
  return bytes_of(header).append(payload);
}

std::uint16_t ethernet_type(const Scene& scene) {
  return scene.ip == Ip::v4 ? ETH_P_IP : ETH_P_IPV6;
}

std::string packet_to_target(const Scene& scene) {
  const Ends ends{scene.local, scene.target};
  return ip_packet({.ends = ends, .protocol = IPPROTO_UDP}, udp_datagram(ends, token_text(scene)));
}

std::string frame_to_target(const Scene& scene) {
  return ethernet_frame(ethernet_type(scene), packet_to_target(scene));
}

Address link_address(const Scene& scene) {
  sockaddr_ll link{};
  link.sll_family = AF_PACKET;
  link.sll_protocol = htons(ethernet_type(scene));
  link.sll_ifindex = static_cast<int>(scene.interface);
  link.sll_halen = ETH_ALEN;
  std::memset(link.sll_addr, 0xff, ETH_ALEN);
  return as_address(link);
}

}  // namespace socklid::selftest
