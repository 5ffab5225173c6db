// SPDX-License-Identifier: Apache-2.0
//
// The chains of a container's table, for plan/rules/rules.cpp: what leaves and what arrives.
#pragma once

#include <vector>

#include "annotations/mark.hpp"
#include "plan/rules/ruleset.hpp"

namespace socklid {

/// The parts of a policy by which the chains differ.
struct RulesAsked {
  annotations::Mark mark;                ///< of the container's sockets
  std::vector<annotations::Mark> marks;  ///< that one first, and those of its subjects' sockets
  std::uint8_t slot{0};                  ///< 0: in a namespace of its own
  bool serves{false};                    ///< bind names ports
  bool sends{false};                     ///< egress names endpoints
  bool hears{false};                     ///< of them some answer without a connection
  bool transparent{false};               ///< sockets may have addresses of others
  bool hears_all{false};  ///< which datagrams come in the programs alone judge (`answers`)
  bool refuses{true};     ///< a stopped packet gets an answer; false: none (`otherwise`)
};

/// Where what may not leave ends, if it is refused: with an answer to its source.
inline constexpr const char* refused_chain = "refused";
/// The sets of those who have just been refused a connection: address, port, and the port here.
inline constexpr const char* refused_ipv4 = "refused_v4";
inline constexpr const char* refused_ipv6 = "refused_v6";

/// From the base chain `output` to `egress`, which is not among them. They ask `replies` if
/// something is served.
[[nodiscard]] std::vector<nft::Chain> leaving_chains(const RulesAsked& asked);

/// `egress`, behind all rules that let something go; and where it leads.
[[nodiscard]] std::vector<nft::Chain> refusing_chains(const RulesAsked& asked,
                                                      std::vector<nft::Rule> allowed);

/// The base chain `input` and what it leads to. They ask `served` and `answers`, if there are any.
[[nodiscard]] std::vector<nft::Chain> arriving_chains(const RulesAsked& asked);

/// Sets that the rules themselves fill.
[[nodiscard]] std::vector<nft::Set> arriving_sets(const RulesAsked& asked);

}  // namespace socklid
