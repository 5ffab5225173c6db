// SPDX-License-Identifier: Apache-2.0
#include "hook/nft_words.hpp"

#include <arpa/inet.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>

#include <cstdio>

namespace socklid::nft {

std::string_view name_of(Field field) {
  switch (field) {
    case Field::nfproto:
      return "meta nfproto";
    case Field::l4proto:
      return "meta l4proto";
    case Field::iif:
      return "iif";
    case Field::oif:
      return "oif";
    case Field::mark:
      return "meta mark";
    case Field::socket_mark:
      return "socket mark";
    case Field::ct_state:
      return "ct state";
    case Field::ct_direction:
      return "ct direction";
    case Field::source_type:
      return "fib saddr type";
    case Field::ipv4_source:
      return "ip saddr";
    case Field::ipv4_destination:
      return "ip daddr";
    case Field::ipv4_loose_route:
      return "ip option lsrr";
    case Field::ipv4_strict_route:
      return "ip option ssrr";
    case Field::ipv6_source:
      return "ip6 saddr";
    case Field::ipv6_destination:
      return "ip6 daddr";
    case Field::ipv6_hop_limit:
      return "ip6 hoplimit";
    case Field::ipv6_routing:
      return "exthdr rt";
    case Field::icmp_type:
      return "icmp type";
    case Field::icmpv6_type:
      return "icmpv6 type";
    case Field::tcp_flags:
      return "tcp flags";
    case Field::source_port:
      return "th sport";
    case Field::destination_port:
      return "th dport";
  }
  return "";
}

std::string_view name_of(KeyType type) {
  switch (type) {
    case KeyType::ipv4_addr:
      return "ipv4_addr";
    case KeyType::ipv6_addr:
      return "ipv6_addr";
    case KeyType::inet_proto:
      return "inet_proto";
    case KeyType::inet_service:
      return "inet_service";
    case KeyType::icmp_type:
      return "icmp_type";
    case KeyType::icmpv6_type:
      return "icmpv6_type";
  }
  return "";
}

std::string_view name_of(HookPoint hook) {
  switch (hook) {
    case HookPoint::input:
      return "input";
    case HookPoint::forward:
      return "forward";
    case HookPoint::output:
      return "output";
  }
  return "";
}

std::string protocol_text(std::uint32_t protocol) {
  switch (protocol) {
    case IPPROTO_ICMP:
      return "icmp";
    case IPPROTO_TCP:
      return "tcp";
    case IPPROTO_UDP:
      return "udp";
    case IPPROTO_DCCP:
      return "dccp";
    case IPPROTO_ICMPV6:
      return "ipv6-icmp";
    case IPPROTO_SCTP:
      return "sctp";
    default:
      return std::to_string(protocol);
  }
}

std::string hexadecimal(std::uint32_t value) {
  std::array<char, 11> text{};
  std::snprintf(text.data(), text.size(), "0x%08x", value);
  return text.data();
}

std::string bits_text(Field field, std::uint32_t bits) {
  struct Name {
    Field field;
    std::uint32_t bit;
    std::string_view text;
  };
  static constexpr std::array<Name, 7> names{{{Field::ct_state, 2, "established"},
                                              {Field::ct_state, 4, "related"},
                                              {Field::ct_state, 8, "new"},
                                              {Field::tcp_flags, 1, "fin"},
                                              {Field::tcp_flags, 2, "syn"},
                                              {Field::tcp_flags, 4, "rst"},
                                              {Field::tcp_flags, 16, "ack"}}};
  std::string text;
  for (const Name& name : names) {
    if (name.field != field || (bits & name.bit) == 0) continue;
    text.append(text.empty() ? "" : ",").append(name.text);
  }
  return text;
}

std::string value_text(Field field, std::uint32_t value) {
  switch (field) {
    case Field::nfproto:
      return value == AF_INET ? "ipv4" : "ipv6";  // NFPROTO_* are the AF_*
    case Field::l4proto:
      return protocol_text(value);
    case Field::mark:
    case Field::socket_mark:
      return hexadecimal(value);
    case Field::ct_direction:
      return value == 0 ? "original" : "reply";
    case Field::source_type:
      return value == RTN_LOCAL ? "local" : std::to_string(value);
    case Field::ipv4_loose_route:
    case Field::ipv4_strict_route:
    case Field::ipv6_routing:
      return value == 0 ? "missing" : "exists";
    default:
      return std::to_string(value);
  }
}

std::string address_text(bool ipv4, const std::array<std::uint8_t, 16>& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  ::inet_ntop(ipv4 ? AF_INET : AF_INET6, address.data(), text.data(), text.size());
  return text.data();
}

}  // namespace socklid::nft
