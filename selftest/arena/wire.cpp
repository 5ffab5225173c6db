// SPDX-License-Identifier: Apache-2.0
#include "selftest/arena/wire.hpp"

#include <netinet/in.h>

#include <linux/if_ether.h>

#include <array>
#include <cstddef>

namespace socklid::selftest {
namespace {

constexpr std::size_t ethernet_size = 14;
constexpr std::size_t ipv6_size = 40;
constexpr int ipproto_dccp = 33,
              ipproto_udplite = 136;  // IPPROTO_DCCP, IPPROTO_UDPLITE: not in every libc
/// Headers within headers; more is nobody's packet.
constexpr int depth_limit = 8;

unsigned byte_at(std::string_view bytes, std::size_t offset) {
  return offset < bytes.size() ? static_cast<unsigned char>(bytes[offset]) : 0;
}

unsigned word_at(std::string_view bytes, std::size_t offset) {
  return byte_at(bytes, offset) << 8U | byte_at(bytes, offset + 1);
}

std::string_view behind(std::string_view bytes, std::size_t size) {
  return bytes.substr(size < bytes.size() ? size : bytes.size());
}

bool goes_to(std::string_view packet, unsigned type, std::uint16_t port, int depth);

/// RFC 2784 and 2890: four bytes, and four more for each of checksum, key and sequence number.
bool gre_goes_to(std::string_view packet, std::uint16_t port, int depth) {
  std::size_t size = 4;
  for (const unsigned flag : {0x80U, 0x20U, 0x10U})
    size += (byte_at(packet, 0) & flag) != 0 ? 4 : 0;
  return goes_to(behind(packet, size), word_at(packet, 2), port, depth);
}

/// What an IP header says comes next.
bool payload_goes_to(std::string_view packet, unsigned protocol, std::uint16_t port, int depth) {
  if (depth == 0) return false;
  switch (protocol) {
    case IPPROTO_TCP:
    case IPPROTO_UDP:
    case IPPROTO_SCTP:
    case ipproto_udplite:
    case ipproto_dccp:
      return packet.size() >= 4 && word_at(packet, 2) == port;
    case IPPROTO_IPIP:
      return goes_to(packet, ETH_P_IP, port, depth - 1);
    case IPPROTO_IPV6:
      return goes_to(packet, ETH_P_IPV6, port, depth - 1);
    case IPPROTO_GRE:
      return gre_goes_to(packet, port, depth - 1);
    case IPPROTO_HOPOPTS:
    case IPPROTO_ROUTING:
    case IPPROTO_DSTOPTS:
      return payload_goes_to(behind(packet, (byte_at(packet, 1) + 1) * std::size_t{8}),
                             byte_at(packet, 0), port, depth - 1);
    case IPPROTO_FRAGMENT:
      return (word_at(packet, 2) & 0xfff8U) == 0 &&
             payload_goes_to(behind(packet, 8), byte_at(packet, 0), port, depth - 1);
    default:
      return false;
  }
}

bool goes_to(std::string_view packet, unsigned type, std::uint16_t port, int depth) {
  if (type == ETH_P_IP && packet.size() >= 20) {
    const bool later_fragment = (word_at(packet, 6) & 0x1fffU) != 0;
    const std::size_t header = (byte_at(packet, 0) & 0xfU) * std::size_t{4};
    return !later_fragment &&
           payload_goes_to(behind(packet, header), byte_at(packet, 9), port, depth);
  }
  if (type == ETH_P_IPV6 && packet.size() >= ipv6_size) {
    return payload_goes_to(behind(packet, ipv6_size), byte_at(packet, 6), port, depth);
  }
  return false;
}

std::string big_endian(std::uint64_t number) {
  std::string bytes(8, '\0');
  for (std::size_t i = 0; i < 8; ++i) bytes[i] = static_cast<char>(number >> (56 - 8 * i));
  return bytes;
}

}  // namespace

bool is_of(std::string_view frame, const Token& token, std::uint16_t port) {
  if (frame.find(std::string_view(token.data(), token.size())) != std::string_view::npos) {
    return true;
  }
  return goes_to(behind(frame, ethernet_size), word_at(frame, 12), port, depth_limit);
}

std::string sentinel(std::string_view to, std::string_view from, std::uint64_t number) {
  std::string frame(to);
  frame += from;
  frame += static_cast<char>(sentinel_type >> 8U);
  frame += static_cast<char>(sentinel_type & 0xffU);
  return frame + big_endian(number);
}

bool is_sentinel(std::string_view frame, std::uint64_t number) {
  return word_at(frame, 12) == sentinel_type &&
         behind(frame, ethernet_size).starts_with(big_endian(number));
}

}  // namespace socklid::selftest
