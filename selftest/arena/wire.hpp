// SPDX-License-Identifier: Apache-2.0
//
// Frames: whether what came over the veth is a row's. Pure.
//
//   if (is_of(frame, scene.token, scene.port)) arrived = true;
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "selftest/row.hpp"

namespace socklid::selftest {

/// Whether an Ethernet frame carries the token anywhere in it, or is a packet to `port` (host byte
/// order) of TCP, UDP, UDP-Lite, SCTP or DCCP: in IPv4, behind the extension headers of IPv6, and
/// in both inside IP-in-IP and GRE. Of a fragment only the first has a port.
[[nodiscard]] bool is_of(std::string_view frame, const Token& token, std::uint16_t port);

/// IEEE's first number for local experiments: what comes after everything that was sent before.
inline constexpr std::uint16_t sentinel_type = 0x88b5;

/// The sentinel `number`, from one address of Ethernet to the other.
[[nodiscard]] std::string sentinel(std::string_view to, std::string_view from,
                                   std::uint64_t number);
[[nodiscard]] bool is_sentinel(std::string_view frame, std::uint64_t number);

}  // namespace socklid::selftest
