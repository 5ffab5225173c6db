// SPDX-License-Identifier: Apache-2.0
#include "plan/rules/fields.hpp"

// Before the kernel headers, which then leave out what these define (linux/libc-compat.h).
#include <netinet/in.h>
#include <netinet/ip.h>

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/rtnetlink.h>

#include <cstring>
#include <iterator>

#include "plan/rules/words.hpp"

namespace socklid::nft {
namespace {

using Kind = Source::Kind;

std::string number_text(std::uint32_t value) {
  return std::to_string(value);
}

std::string family_text(std::uint32_t value) {
  return value == NFPROTO_IPV4 ? "ipv4" : "ipv6";
}

std::string address_type_text(std::uint32_t value) {
  switch (value) {
    case RTN_LOCAL:
      return "local";
    case RTN_BROADCAST:
      return "broadcast";
    case RTN_MULTICAST:
      return "multicast";
    default:
      return std::to_string(value);
  }
}

std::string ipv4_text(std::uint32_t value) {
  std::array<std::uint8_t, 16> address{};
  std::memcpy(address.data(), &value, sizeof(value));
  return address_text(true, address);
}

std::string presence_text(std::uint32_t value) {
  return value == 0 ? "missing" : "exists";
}

constexpr FieldInfo table[] = {
    {Field::first_byte, "@nh,0,8", number_text, {Kind::network, 0, 0, 1}},
    {Field::nfproto, "meta nfproto", family_text, {Kind::meta, NFT_META_NFPROTO, 0, 1}},
    {Field::l4proto, "meta l4proto", protocol_text, {Kind::meta, NFT_META_L4PROTO, 0, 1}},
    {Field::iif, "iif", number_text, {Kind::meta, NFT_META_IIF, 0, 4}},
    {Field::oif, "oif", number_text, {Kind::meta, NFT_META_OIF, 0, 4}},
    {Field::mark, "meta mark", hexadecimal, {Kind::meta, NFT_META_MARK, 0, 4}},
    {Field::socket_mark, "socket mark", hexadecimal, {Kind::socket, NFT_SOCKET_MARK, 0, 4}},
    {Field::source_type,
     "fib saddr type",
     address_type_text,
     {Kind::route, NFT_FIB_RESULT_ADDRTYPE, NFTA_FIB_F_SADDR, 4}},
    {Field::destination_type,
     "fib daddr type",
     address_type_text,
     {Kind::route, NFT_FIB_RESULT_ADDRTYPE, NFTA_FIB_F_DADDR, 4}},
    {Field::ipv4_source, "ip saddr", ipv4_text, {Kind::network, 0, 12, 4}, NFPROTO_IPV4},
    {Field::ipv4_destination, "ip daddr", ipv4_text, {Kind::network, 0, 16, 4}, NFPROTO_IPV4},
    {Field::ipv4_loose_route,
     "ip option lsrr",
     presence_text,
     {Kind::option, IPOPT_LSRR, 0, 1},
     NFPROTO_IPV4},
    {Field::ipv4_strict_route,
     "ip option ssrr",
     presence_text,
     {Kind::option, IPOPT_SSRR, 0, 1},
     NFPROTO_IPV4},
    {Field::ipv6_next_header, "ip6 nexthdr", protocol_text, {Kind::network, 0, 6, 1}, NFPROTO_IPV6},
    {Field::ipv6_source, "ip6 saddr", number_text, {Kind::network, 0, 8, 16}, NFPROTO_IPV6},
    {Field::ipv6_destination, "ip6 daddr", number_text, {Kind::network, 0, 24, 16}, NFPROTO_IPV6},
    {Field::ipv6_hop_limit, "ip6 hoplimit", number_text, {Kind::network, 0, 7, 1}, NFPROTO_IPV6},
    {Field::ipv6_routing,
     "exthdr rt",
     presence_text,
     {Kind::presence, IPPROTO_ROUTING, 0, 1},
     NFPROTO_IPV6},
    {Field::ipv6_fragment,
     "frag frag-off",
     number_text,
     {Kind::extension, IPPROTO_FRAGMENT, 2, 2},
     NFPROTO_IPV6},
    {Field::icmp_type,
     "icmp type",
     number_text,
     {Kind::transport, 0, 0, 1},
     NFPROTO_IPV4,
     IPPROTO_ICMP},
    {Field::icmpv6_type,
     "icmpv6 type",
     number_text,
     {Kind::transport, 0, 0, 1},
     NFPROTO_IPV6,
     IPPROTO_ICMPV6},
    {Field::tcp_flags, "tcp flags", number_text, {Kind::transport, 0, 13, 1}, {}, IPPROTO_TCP},
    {Field::sctp_chunk, "@th,96,8", number_text, {Kind::transport, 0, 12, 1}, {}, IPPROTO_SCTP},
    {Field::dccp_type, "@th,64,8", number_text, {Kind::transport, 0, 8, 1}, {}, IPPROTO_DCCP},
    {Field::source_port, "th sport", number_text, {Kind::transport, 0, 0, 2}},
    {Field::destination_port, "th dport", number_text, {Kind::transport, 0, 2, 2}},
};

consteval bool in_order() {
  for (std::size_t i = 0; i < std::size(table); ++i) {
    if (table[i].field != static_cast<Field>(i)) return false;
  }
  return std::size(table) == static_cast<std::size_t>(Field::destination_port) + 1;
}
static_assert(in_order(), "a row for each Field, in the order of the enumeration");

}  // namespace

const FieldInfo& row_of(Field field) {
  return table[static_cast<std::size_t>(field)];
}

Bytes bytes_of(Field field, std::uint32_t value) {
  Bytes bytes{{}, row_of(field).source.size};
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
