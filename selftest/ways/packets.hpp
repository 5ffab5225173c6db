// SPDX-License-Identifier: Apache-2.0
//
// packets: built by hand, from the transport header outwards, for sockets and devices that
// take them whole. All checksums are right: conntrack drops what comes in with wrong ones.
//
//   const Ends ends{scene.local, scene.target};
//   const std::string packet = ip_packet({.ends = ends, .protocol = IPPROTO_UDP},
//                                        udp_datagram(ends, token_text(scene)));
//
// Ports are those of the addresses; both addresses are of one version of IP, which decides about
// headers and checksums. Other numbers are in host byte order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "selftest/row.hpp"

namespace socklid::selftest {

struct Ends {
  Address from;
  Address to;
};

/// The bytes of a struct as they lie in memory.
template <typename Value>
[[nodiscard]] std::string bytes_of(const Value& value) {
  return {reinterpret_cast<const char*>(&value), sizeof(value)};  // NOLINT
}

/// A sockaddr_* of any family.
template <typename Sockaddr>
[[nodiscard]] Address as_address(const Sockaddr& sockaddr) {
  static_assert(sizeof(sockaddr) <= sizeof(sockaddr_storage));
  Address address;
  std::memcpy(&address.storage, &sockaddr, sizeof(sockaddr));
  address.length = sizeof(sockaddr);
  return address;
}

[[nodiscard]] inline std::string_view token_text(const Scene& scene) {
  return {scene.token.data(), scene.token.size()};
}

/// The 4 or 16 bytes of the address itself, in network byte order.
[[nodiscard]] std::string address_bytes(const Address& address);

/// Those bytes as an address of AF_INET or AF_INET6, with port 0.
[[nodiscard]] Address address_of(int family, std::string_view bytes);

/// One sendto(2) of all of `data`.
[[nodiscard]] bool send_data(int fd, std::string_view data, const Address& peer);

/// A socket option whose value is more than an int.
[[nodiscard]] bool set_bytes(int fd, int level, int option, std::string_view value);
/// `data` by a new raw socket of the scene's version of IP, to the address of `peer`, whose port
/// does not matter. With IPPROTO_RAW, `data` begins with the IP header.
[[nodiscard]] Outcome send_raw(const Scene& scene, int protocol, std::string_view data,
                               const Address& peer);

// Transport ------------------------------------------------------------------------------------

[[nodiscard]] std::string udp_datagram(const Ends& ends, std::string_view data);
/// `flags` are TH_* (netinet/tcp.h).
[[nodiscard]] std::string tcp_segment(const Ends& ends, std::uint8_t flags, std::string_view data);
/// ICMP or ICMPv6. `rest` is the second word of the header and what follows it.
[[nodiscard]] std::string icmp_message(const Ends& ends, std::uint8_t type, std::uint8_t code,
                                       std::string_view rest);

// IP -------------------------------------------------------------------------------------------

struct IpHeader {
  Ends ends;
  std::uint8_t protocol{0};  ///< IPPROTO_* of the payload, or of IPv6's next extension header
  std::uint8_t hops{64};
  std::string options{};         ///< IPv4: at most 40 bytes, a multiple of 4
  std::uint16_t fragment{0};     ///< IPv4: offset in units of 8 bytes and the flag IP_MF
  std::uint16_t fragment_id{0};  ///< IPv4: 0 lets the kernel choose
};
[[nodiscard]] std::string ip_packet(const IpHeader& header, std::string_view payload);

/// Whole packets of IPv6, one for each part of a payload that begins with a header of `protocol`.
/// Parts but the last are multiples of 8 bytes long (RFC 8200).
[[nodiscard]] std::vector<std::string> ipv6_fragments(const Ends& ends, std::uint8_t protocol,
                                                      const std::vector<std::string>& parts);

/// IPv4 option LSRR (131) or SSRR (137) with one address, the pointer before it, padded to 8 bytes.
[[nodiscard]] std::string source_route(std::uint8_t option, const Address& hop);
/// IPv6 routing header (RFC 8754) of type 4. A packet that carries it is sent to `first` and goes
/// on to `last`. `next` is the protocol of what follows.
[[nodiscard]] std::string segment_routing(std::uint8_t next, const Address& first,
                                          const Address& last);
/// IPv6 routing header of type 2 (RFC 6275) with one address, the hop that is left.
[[nodiscard]] std::string mobile_routing(std::uint8_t next, const Address& hop);
/// IPv6 hop-by-hop or destination options: one option that nobody knows and all skip (0x1e, RFC
/// 4727), with `data` of at most 20 bytes.
[[nodiscard]] std::string option_header(std::uint8_t next, std::string_view data);

// Ethernet -------------------------------------------------------------------------------------

/// A station is six bytes.
inline constexpr std::string_view all_stations = "\xff\xff\xff\xff\xff\xff";
/// From no one. `type` is ETH_P_*.
[[nodiscard]] std::string ethernet_frame(std::uint16_t type, std::string_view payload,
                                         std::string_view station = all_stations);
/// ETH_P_IP or ETH_P_IPV6, whichever the scene is of.
[[nodiscard]] std::uint16_t ethernet_type(const Scene& scene);
/// The token in UDP from the scene's own address to the target, as an IP packet and as a frame for
/// all stations.
[[nodiscard]] std::string packet_to_target(const Scene& scene);
[[nodiscard]] std::string frame_to_target(const Scene& scene);
/// All stations of the container's link, for packets of the scene's version of IP (packet(7)).
[[nodiscard]] Address link_address(const Scene& scene);

}  // namespace socklid::selftest
