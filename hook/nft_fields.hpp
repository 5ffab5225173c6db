// SPDX-License-Identifier: Apache-2.0
//
// Fields of hook/nft_ruleset.hpp as nf_tables' virtual machine knows them.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "hook/nft_ruleset.hpp"

namespace socklid::nft {

/// How a field gets into a register.
struct Source {
  enum class Kind : std::uint8_t { meta, socket, ct, network, transport, option, extension, route };
  Kind kind{};
  std::uint32_t key{
      0};  ///< NFT_META_*, NFT_CT_*, NFT_SOCKET_*, NFT_FIB_RESULT_*, or the header's number
  std::uint32_t offset{0};
  std::uint32_t size{1};  ///< bytes
};

[[nodiscard]] Source source_of(Field field);

/// NFPROTO_* or IPPROTO_* that a packet must be of for the field to mean anything; nothing if it
/// always does.
[[nodiscard]] std::optional<std::uint8_t> family_of(Field field);
[[nodiscard]] std::optional<std::uint8_t> protocol_of(Field field);

/// A value as the kernel has it in a register: ports in network byte order, the rest in the
/// host's.
struct Bytes {
  std::array<std::uint8_t, 4> data{};
  std::uint32_t size{0};
};

[[nodiscard]] Bytes bytes_of(Field field, std::uint32_t value);

}  // namespace socklid::nft
