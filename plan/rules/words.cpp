// SPDX-License-Identifier: Apache-2.0
#include "plan/rules/words.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <cstdio>

namespace socklid::nft {

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
  static constexpr std::array<Name, 4> names{{{Field::tcp_flags, 1, "fin"},
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

std::string address_text(bool ipv4, const std::array<std::uint8_t, 16>& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  ::inet_ntop(ipv4 ? AF_INET : AF_INET6, address.data(), text.data(), text.size());
  return text.data();
}

}  // namespace socklid::nft
