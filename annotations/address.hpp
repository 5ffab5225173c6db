// SPDX-License-Identifier: Apache-2.0
//
// Endpoints: the parts of PROTO[/PORT[-PORT]][@ADDRESS|@PREFIX], each a plain comparable value.
// Ports are in host byte order, addresses in network byte order. The grammar, all of it:
//
//   ENDPOINTS := LIST of ENDPOINT                LIST: items between white space, ';' and ','
//   ENDPOINT  := ( PROTO [ '/' PORT [ '-' PORT ] ] | dns ) [ '@' ( ADDRESS | PREFIX ) ]
//                                                dns is two endpoints, udp/53 and tcp/53
//   PORTS     := LIST of ENDPOINT whose PROTO is tcp or udp
//   PROTO     := tcp | udp | icmp | sctp | dccp  lower case; icmp is both versions, without a port
//                                                in io.socklid.egress also proto '/' NUMBER, the
//                                                number of a protocol of IP that has no name here
//   PORT      := 0..65535                        decimal, no sign, no leading zero, first <= last;
//                                                none means all
//   ADDRESS   := as inet_pton(3) reads it        IPv4 or IPv6; no name, no brackets, no %zone
//   PREFIX    := ADDRESS '/' BITS                0..32 or 0..128, all bits below them zero
//
//   udp/53   tcp/3306@10.0.0.2   tcp/8000-8100@fd00::/8   icmp   udp@::1   dns@10.0.0.2
//
// An address is the prefix of all its bits, in io.socklid.bind too: `tcp/80@0.0.0.0` is the
// wildcard address and nothing else. No address means any address of both families;
// `tcp/80@0.0.0.0/0` means any of IPv4. IPv4-mapped IPv6 is refused: a peer is named once, in its
// IPv4 form, and a socket that reaches it through ::ffff:a.b.c.d is judged by that.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "annotations/value_text.hpp"
#include "base/result.hpp"

namespace socklid::annotations {

/// What an endpoint may name. icmp means ICMP and ICMPv6; of `numbered`, the grammar's proto, the
/// number stands where others have ports.
enum class Protocol : std::uint8_t { tcp, udp, icmp, sctp, dccp, numbered };

/// Address family of a prefix.
enum class AddressFamily : std::uint8_t { ipv4, ipv6 };

struct PortRange {
  std::uint16_t first{0};
  std::uint16_t last{65535};
  friend auto operator<=>(const PortRange&, const PortRange&) = default;
};

/// An address is a prefix of 32 or 128 bits. Host bits below `bits` are zero, always.
struct Prefix {
  AddressFamily family{AddressFamily::ipv4};
  std::array<std::uint8_t, 16> address{};  ///< network byte order; IPv4 uses the first 4 bytes
  std::uint8_t bits{0};                    ///< 0..32 or 0..128
  friend auto operator<=>(const Prefix&, const Prefix&) = default;
};

struct Endpoint {
  Protocol protocol{Protocol::tcp};
  PortRange ports;               ///< 0..65535 where none was given, and for icmp; see `numbered`
  std::optional<Prefix> prefix;  ///< nothing: any address of either family
  friend auto operator<=>(const Endpoint&, const Endpoint&) = default;
};

/// A name of io.socklid.families: an address family by its Linux number (AF_*, linux/socket.h),
/// one protocol of AF_NETLINK (linux/netlink.h), or raw sockets of inet and inet6.
struct Family {
  enum class Kind : std::uint8_t { address_family, netlink_protocol, raw };
  Kind kind{Kind::address_family};
  std::uint8_t number{0};  ///< AF_* or NETLINK_*; 0 for raw
  friend auto operator<=>(const Family&, const Family&) = default;
};

/// ENDPOINTS: sorted, without duplicates, empty if the value has no item. Not merged: `tcp/80` and
/// `tcp/80-81` are two. Errors: Exit::annotation, from fail_value().
[[nodiscard]] Result<std::vector<Endpoint>> parse_endpoints(const ValueText& value);

/// The same with `proto/NUMBER`.
[[nodiscard]] Result<std::vector<Endpoint>> parse_peers(const ValueText& value);

/// PORTS, the same way.
[[nodiscard]] Result<std::vector<Endpoint>> parse_ports(const ValueText& value);

/// One item of PORTS, which is a part of `value.text`.
[[nodiscard]] Result<Endpoint> parse_port_item(const ValueText& value, std::string_view item);

/// Each in the grammar above, in its shortest form: "tcp", "80-90", "10.0.0.0/8", "10.0.0.2",
/// "tcp/80@fd00::/8"; a list has one space between endpoints.
[[nodiscard]] std::string_view to_string(Protocol protocol);
[[nodiscard]] std::string to_string(const PortRange& ports);
[[nodiscard]] std::string to_string(const Prefix& prefix);
[[nodiscard]] std::string to_string(const Endpoint& endpoint);
[[nodiscard]] std::string to_string(const std::vector<Endpoint>& endpoints);

}  // namespace socklid::annotations
