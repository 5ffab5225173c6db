// SPDX-License-Identifier: Apache-2.0
//
// Words of the nft language: the names of types and values as nft 1.0.6 reads them. Those of fields
// are in plan/rules/fields.hpp.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "plan/rules/ruleset.hpp"

namespace socklid::nft {

[[nodiscard]] std::string_view name_of(KeyType type);
[[nodiscard]] std::string_view name_of(HookPoint hook);

/// IPPROTO_* as "tcp"; the number where nft has no name that every version knows.
[[nodiscard]] std::string protocol_text(std::uint32_t protocol);

/// "0x00000003"
[[nodiscard]] std::string hexadecimal(std::uint32_t value);

/// Flags of tcp_flags, "syn,ack".
[[nodiscard]] std::string bits_text(Field field, std::uint32_t bits);

/// Without a prefix length; network byte order, IPv4 uses the first 4 bytes.
[[nodiscard]] std::string address_text(bool ipv4, const std::array<std::uint8_t, 16>& address);

}  // namespace socklid::nft
