// SPDX-License-Identifier: Apache-2.0
//
// What the kernel does with a packet and a ruleset of ours, on a model of both: the judge that the
// compiler's output is held against, without root.
//
//   EXPECT_EQ(judge(ruleset, nft::HookPoint::output, packet).verdict, ModelVerdict::accept);
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "plan/rules/ruleset.hpp"

namespace socklid::test {

/// One packet at one hook. A field that is nothing is one the packet does not have.
struct ModelPacket {
  bool ipv4{true};
  std::uint8_t protocol{6};               ///< IPPROTO_*
  std::array<std::uint8_t, 16> source{};  ///< network byte order; IPv4 uses the first 4 bytes
  std::array<std::uint8_t, 16> destination{};
  std::uint16_t source_port{0};
  std::uint16_t destination_port{0};
  std::uint8_t icmp_type{0};  ///< of icmp and icmpv6
  std::uint8_t tcp_flags{0};
  std::uint8_t first_byte{0};  ///< of SCTP's first chunk, or DCCP's type
  std::uint8_t hop_limit{64};
  bool forged_source{false};  ///< not an address of the namespace
  bool routing_header{false};
  bool loose_route{false};
  bool strict_route{false};
  bool extensions{false};  ///< IPv4 options or IPv6 extension headers, others than those above
  std::uint32_t interface { 2 };
  std::uint32_t mark{0};
  std::optional<std::uint32_t> socket_mark;  ///< of the full socket it comes from
  std::uint32_t destination_type{1};         ///< RTN_*
  std::optional<std::uint32_t> fragment;     ///< offset, of one of IPv6
  bool refused{false};  ///< its other end has just been refused a connection to its source
};

enum class ModelVerdict { accept, drop, reset, admin_prohibited };

struct Judgement {
  ModelVerdict verdict{ModelVerdict::drop};
  std::string last_counter;  ///< comment of the last counted rule that matched
  int rules{0};              ///< looked at
};

/// What the base chain of `hook` decides, at its end by its policy; accept if there is none.
Judgement judge(const NftRuleset& ruleset, nft::HookPoint hook, const ModelPacket& packet);

}  // namespace socklid::test
