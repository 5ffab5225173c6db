// SPDX-License-Identifier: Apache-2.0
//
// Fields of plan/rules/ruleset.hpp, a row each: in the nft language, and as nf_tables' virtual
// machine knows them.
//
//   row_of(Field::tcp_flags).name                          "tcp flags"
//   row_of(Field::l4proto).value_text(IPPROTO_TCP)         "tcp"
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "plan/rules/ruleset.hpp"

namespace socklid::nft {

/// How a field gets into a register.
struct Source {
  enum class Kind : std::uint8_t {
    meta,
    socket,
    network,
    transport,
    option,     ///< 1 if the IPv4 option is there, else 0
    presence,   ///< the same for an IPv6 extension header
    extension,  ///< a number in such a header
    route,
  };
  Kind kind{};
  /// NFT_META_*, NFT_SOCKET_*, NFT_FIB_RESULT_*, or the header's number.
  std::uint32_t key{0};
  std::uint32_t offset{0};  ///< bytes; of `route` NFTA_FIB_F_*
  std::uint32_t size{1};    ///< bytes
};

struct FieldInfo {  // NOLINT(clang-analyzer-optin.performance.Padding): as rows are read
  Field field{};
  std::string_view name;                             ///< as nft 1.0.6 reads it: "ip saddr"
  std::string (*value_text)(std::uint32_t value){};  ///< as it stands behind the name
  Source source;
  /// NFPROTO_* and IPPROTO_* that a packet must be of for the field to mean anything; nothing if it
  /// always does.
  std::optional<std::uint8_t> family{};
  std::optional<std::uint8_t> protocol{};
};

[[nodiscard]] const FieldInfo& row_of(Field field);

/// A value as the kernel has it in a register: ports in network byte order, the rest in the
/// host's.
struct Bytes {
  std::array<std::uint8_t, 4> data{};
  std::uint32_t size{0};
};

[[nodiscard]] Bytes bytes_of(Field field, std::uint32_t value);

}  // namespace socklid::nft
