// SPDX-License-Identifier: Apache-2.0
//
// Packets for tests of the rules, one at one hook, judged by tests/support/nft_model.hpp.
#pragma once

#include <netinet/in.h>

#include <string>

#include "tests/support/nft_model.hpp"
#include "tests/support/nft_policy.hpp"

namespace socklid::test {

inline constexpr std::uint8_t syn = 2, rst = 4, ack = 16;
inline constexpr std::uint32_t local = 2, broadcast = 3, multicast = 5;

/// A first packet of a marked TCP socket.
inline ModelPacket sent(const std::string& to, std::uint16_t port) {
  ModelPacket packet;
  packet.ipv4 = to.find(':') == std::string::npos;
  packet.source = address(packet.ipv4 ? "10.9.9.9" : "fd09::9");
  packet.destination = address(to);
  packet.source_port = 40000;
  packet.destination_port = port;
  packet.mark = test_mark.value;
  packet.socket_mark = test_mark.value;
  packet.tcp_flags = syn;
  return packet;
}

inline ModelPacket datagram(ModelPacket packet) {
  packet.protocol = IPPROTO_UDP;
  packet.tcp_flags = 0;
  return packet;
}

inline ModelPacket icmpv6(int type, int hop_limit, std::uint32_t mark = 0xd4) {
  ModelPacket packet = sent("ff02::1", 0);
  packet.protocol = IPPROTO_ICMPV6;
  packet.icmp_type = static_cast<std::uint8_t>(type);
  packet.hop_limit = static_cast<std::uint8_t>(hop_limit);
  packet.mark = mark;
  packet.socket_mark = 0;  // the kernel's own socket
  return packet;
}

inline ModelPacket icmp(std::uint8_t type) {
  ModelPacket packet = sent("192.0.2.1", 0);
  packet.protocol = IPPROTO_ICMP;
  packet.icmp_type = type;
  packet.mark = 0;
  packet.socket_mark = 0;  // the kernel's own socket
  return packet;
}

/// What answers an inbound connection to `port` of 10.9.9.9 or fd09::9.
inline ModelPacket answered(const std::string& to, std::uint16_t port) {
  ModelPacket packet = sent(to, 50000);
  packet.source_port = port;
  packet.tcp_flags = syn | ack;
  return packet;
}

/// A first packet from outside to `port` of 10.9.9.9 or fd09::9.
inline ModelPacket arriving(bool ipv4, std::uint16_t port) {
  ModelPacket packet = sent(ipv4 ? "10.9.9.9" : "fd09::9", port);
  packet.source = address(ipv4 ? "192.0.2.7" : "2001:db8::7");
  packet.mark = 0;
  packet.socket_mark.reset();
  return packet;
}

inline ModelVerdict leaving(const NftRuleset& ruleset, const ModelPacket& packet) {
  return judge(ruleset, nft::HookPoint::output, packet).verdict;
}

inline ModelVerdict entering(const NftRuleset& ruleset, const ModelPacket& packet) {
  return judge(ruleset, nft::HookPoint::input, packet).verdict;
}

inline std::string counted(const NftRuleset& ruleset, const ModelPacket& packet) {
  return judge(ruleset, nft::HookPoint::output, packet).last_counter;
}

}  // namespace socklid::test
