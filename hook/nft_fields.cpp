// SPDX-License-Identifier: Apache-2.0
#include "hook/nft_fields.hpp"

// Before the kernel headers, which then leave out what this defines (linux/libc-compat.h).
#include <netinet/in.h>

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

#include <cstring>

namespace socklid::nft {
namespace {

constexpr std::uint32_t loose_route = 131, strict_route = 137;  // IPOPT_LSRR, IPOPT_SSRR

}  // namespace

Source source_of(Field field) {
  using Kind = Source::Kind;
  switch (field) {
    case Field::nfproto:
      return {Kind::meta, NFT_META_NFPROTO, 0, 1};
    case Field::l4proto:
      return {Kind::meta, NFT_META_L4PROTO, 0, 1};
    case Field::iif:
      return {Kind::meta, NFT_META_IIF, 0, 4};
    case Field::oif:
      return {Kind::meta, NFT_META_OIF, 0, 4};
    case Field::mark:
      return {Kind::meta, NFT_META_MARK, 0, 4};
    case Field::socket_mark:
      return {Kind::socket, NFT_SOCKET_MARK, 0, 4};
    case Field::ct_state:
      return {Kind::ct, NFT_CT_STATE, 0, 4};
    case Field::ct_direction:
      return {Kind::ct, NFT_CT_DIRECTION, 0, 1};
    case Field::source_type:
      return {Kind::route, NFT_FIB_RESULT_ADDRTYPE, 0, 4};
    case Field::ipv4_source:
      return {Kind::network, 0, 12, 4};
    case Field::ipv4_destination:
      return {Kind::network, 0, 16, 4};
    case Field::ipv4_loose_route:
      return {Kind::option, loose_route, 0, 1};
    case Field::ipv4_strict_route:
      return {Kind::option, strict_route, 0, 1};
    case Field::ipv6_source:
      return {Kind::network, 0, 8, 16};
    case Field::ipv6_destination:
      return {Kind::network, 0, 24, 16};
    case Field::ipv6_hop_limit:
      return {Kind::network, 0, 7, 1};
    case Field::ipv6_routing:
      return {Kind::extension, IPPROTO_ROUTING, 0, 1};
    case Field::icmp_type:
    case Field::icmpv6_type:
      return {Kind::transport, 0, 0, 1};
    case Field::tcp_flags:
      return {Kind::transport, 0, 13, 1};
    case Field::source_port:
      return {Kind::transport, 0, 0, 2};
    case Field::destination_port:
      return {Kind::transport, 0, 2, 2};
  }
  return {};
}

std::optional<std::uint8_t> family_of(Field field) {
  switch (field) {
    case Field::ipv4_source:
    case Field::ipv4_destination:
    case Field::ipv4_loose_route:
    case Field::ipv4_strict_route:
    case Field::icmp_type:
      return NFPROTO_IPV4;
    case Field::ipv6_source:
    case Field::ipv6_destination:
    case Field::ipv6_hop_limit:
    case Field::ipv6_routing:
    case Field::icmpv6_type:
      return NFPROTO_IPV6;
    default:
      return std::nullopt;
  }
}

std::optional<std::uint8_t> protocol_of(Field field) {
  switch (field) {
    case Field::icmp_type:
      return IPPROTO_ICMP;
    case Field::icmpv6_type:
      return IPPROTO_ICMPV6;
    case Field::tcp_flags:
      return IPPROTO_TCP;
    default:
      return std::nullopt;
  }
}

Bytes bytes_of(Field field, std::uint32_t value) {
  Bytes bytes{{}, source_of(field).size};
  if (bytes.size == 1) {
    bytes.data[0] = static_cast<std::uint8_t>(value);
  } else if (bytes.size == 2) {
    const std::uint16_t port = htons(static_cast<std::uint16_t>(value));
    std::memcpy(bytes.data.data(), &port, sizeof(port));
  } else {
    std::memcpy(bytes.data.data(), &value, sizeof(value));
  }
  return bytes;
}

}  // namespace socklid::nft
