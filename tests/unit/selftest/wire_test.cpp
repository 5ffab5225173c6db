// SPDX-License-Identifier: Apache-2.0
//
// Which frames are a row's. Fails when a way round is taken for closed because what came of it was
// not known, or for open because of another's packet.
#include "selftest/arena/wire.hpp"

#include <gtest/gtest.h>

#include <initializer_list>
#include <string>

namespace socklid::selftest {
namespace {

const Token token{'s', 'l', '0', '0', '0', '0', '0', '7', '0', '0', '0', '0', '1', '2', '3', '4'};
constexpr std::uint16_t port = 0x2711;

std::string bytes(std::initializer_list<unsigned> values) {
  std::string text;
  for (const unsigned value : values) text += static_cast<char>(value);
  return text;
}

std::string ethernet(unsigned type, const std::string& packet) {
  return std::string(12, '\x02') + bytes({type >> 8U, type & 0xffU}) + packet;
}

/// Source port 1, destination `port`.
const std::string ports = bytes({0, 1, 0x27, 0x11}) + std::string(16, '\0');
const std::string other_ports = bytes({0x27, 0x11, 0, 1}) + std::string(16, '\0');

std::string ipv4(unsigned protocol, const std::string& payload, unsigned words = 5,
                 unsigned fragment = 0) {
  return bytes({0x40 | words, 0, 0, 0, 0, 0, fragment >> 8U, fragment & 0xffU, 64, protocol}) +
         std::string(words * 4 - 10, '\0') + payload;
}

std::string ipv6(unsigned next, const std::string& payload) {
  return bytes({0x60, 0, 0, 0, 0, 0, next, 64}) + std::string(32, '\0') + payload;
}

/// An extension header of 8 + 8 * `more` bytes.
std::string extension(unsigned next, unsigned more) {
  return bytes({next, more}) + std::string(6 + 8 * more, '\0');
}

bool is_ours(unsigned type, const std::string& packet) {
  return is_of(ethernet(type, packet), token, port);
}

constexpr unsigned type4 = 0x0800, type6 = 0x86dd;
constexpr unsigned tcp = 6, udp = 17, gre = 47, icmp = 1;

TEST(Wire, ATokenIsSeenAnywhere) {
  const std::string text(token.data(), token.size());
  EXPECT_TRUE(is_ours(0x1234, "x" + text));
  EXPECT_TRUE(is_of(text, token, port));
  EXPECT_FALSE(is_ours(type4, ipv4(icmp, text.substr(1) + text.substr(0, 8))));
}

TEST(Wire, APortIsTheDestinationOfATransport) {
  for (const unsigned protocol : {6U, 17U, 33U, 132U, 136U}) {
    EXPECT_TRUE(is_ours(type4, ipv4(protocol, ports))) << protocol;
    EXPECT_TRUE(is_ours(type6, ipv6(protocol, ports))) << protocol;
    EXPECT_FALSE(is_ours(type4, ipv4(protocol, other_ports))) << protocol;
  }
  EXPECT_FALSE(is_ours(type4, ipv4(icmp, ports)));
  EXPECT_FALSE(is_ours(0x0806, ipv4(tcp, ports)));
}

TEST(Wire, OptionsAndExtensionHeadersAreSteppedOver) {
  EXPECT_TRUE(is_ours(type4, ipv4(tcp, ports, 8)));
  EXPECT_TRUE(
      is_ours(type6, ipv6(0, extension(43, 1) + extension(60, 0) + extension(udp, 2) + ports)));
  EXPECT_FALSE(is_ours(type6, ipv6(0, extension(59, 0) + ports)));
}

TEST(Wire, TheFirstFragmentHasThePort) {
  EXPECT_TRUE(is_ours(type4, ipv4(udp, ports, 5, 0x2000)));
  EXPECT_FALSE(is_ours(type4, ipv4(udp, ports, 5, 0x2001)));
  EXPECT_TRUE(is_ours(type6, ipv6(44, bytes({udp, 0, 0, 1, 0, 0, 0, 0}) + ports)));
  EXPECT_FALSE(is_ours(type6, ipv6(44, bytes({udp, 0, 0, 8, 0, 0, 0, 0}) + ports)));
}

TEST(Wire, TunnelsAreLookedInto) {
  EXPECT_TRUE(is_ours(type4, ipv4(4, ipv4(tcp, ports))));
  EXPECT_TRUE(is_ours(type4, ipv4(41, ipv6(tcp, ports))));
  EXPECT_TRUE(is_ours(type6, ipv6(4, ipv4(udp, ports))));
  EXPECT_TRUE(is_ours(type4, ipv4(gre, bytes({0, 0, 0x08, 0}) + ipv4(udp, ports))));
  const std::string with_key = bytes({0x20, 0, 0x86, 0xdd, 0, 0, 0, 9});
  EXPECT_TRUE(is_ours(type4, ipv4(gre, with_key + ipv6(udp, ports))));
}

TEST(Wire, WhatIsCutShortIsNobodys) {
  const std::string whole =
      ethernet(type6, ipv6(0, extension(43, 0) + extension(4, 0) + ipv4(tcp, ports)));
  ASSERT_TRUE(is_of(whole, token, port));
  const std::size_t enough = whole.size() - 16;
  for (std::size_t size = 0; size < enough; ++size) {
    EXPECT_FALSE(is_of(std::string_view(whole).substr(0, size), token, port)) << size;
  }
}

TEST(Wire, HeadersWithoutEndAreNotFollowed) {
  std::string packet = ipv4(tcp, ports);
  for (int i = 0; i < 64; ++i) packet = ipv4(4, packet);
  EXPECT_FALSE(is_ours(type4, packet));
}

TEST(Wire, ASentinelIsKnownByItsNumber) {
  const std::string frame = sentinel("\2\2\2\2\2\2", "\3\3\3\3\3\3", 0x1'0000'0002);
  EXPECT_TRUE(is_sentinel(frame, 0x1'0000'0002));
  EXPECT_FALSE(is_sentinel(frame, 2));
  EXPECT_FALSE(is_sentinel(ethernet(type4, frame.substr(14)), 0x1'0000'0002));
  EXPECT_FALSE(is_of(frame, token, port));
}

}  // namespace
}  // namespace socklid::selftest
