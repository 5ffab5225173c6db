// SPDX-License-Identifier: Apache-2.0
//
// Short forms of rules, for the files that compile them (plan/rules/rules.cpp, nft_leaving.cpp,
// nft_arriving.cpp).
//
//   accept({equals(Field::iif, loopback)})       iif 1 accept
//   accept({opens_nothing})                      tcp flags & (syn | ack) != syn accept
#pragma once

#include <cstdint>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "annotations/mark.hpp"
#include "plan/rules/ruleset.hpp"

namespace socklid::nft {

/// LOOPBACK_IFINDEX (include/net/flow.h): loopback is the first device of every namespace
/// (net/core/dev.c: register_netdevice via loopback_net_init), and cannot be moved or removed. Its
/// type, unlike its index, can be forged (TUNSETLINK on a tun device).
inline constexpr std::uint32_t loopback = 1;

inline constexpr int filter_priority = 0;  // NF_IP_PRI_FILTER

inline constexpr std::uint32_t tcp_syn = 2, tcp_reset = 4, tcp_ack = 16;

/// TCP, but not a packet that asks for a connection.
inline constexpr Compare opens_nothing{Field::tcp_flags, Operator::not_equal, tcp_syn,
                                       tcp_syn | tcp_ack};

/// A first byte as that of nearly all packets of IPv4, and of none of IPv6: version 4 and a header
/// of five words, in which there is no place for a source route.
inline constexpr Compare plain_ipv4{Field::first_byte, Operator::equal, 0x45, 0xffffffff};

inline Compare equals(Field field, std::uint32_t value) {
  return {field, Operator::equal, value, 0xffffffff};
}

inline Compare has(Field field, std::uint32_t bits) {
  return {field, Operator::any_bit, bits, 0xffffffff};
}

inline Compare differs(Field field, annotations::Mark mark) {
  return {field, Operator::not_equal, mark.value, mark.mask};
}

/// Matches none of several marks.
inline std::vector<Match> differs(Field field, const std::vector<annotations::Mark>& marks) {
  std::vector<Match> matches;
  for (const annotations::Mark& mark : marks) matches.emplace_back(differs(field, mark));
  return matches;
}

inline std::vector<Match> operator+(std::vector<Match> some, const std::vector<Match>& more) {
  some.insert(some.end(), more.begin(), more.end());
  return some;
}

inline InSet in_set(Field field, std::string set) {
  return {{{field}}, std::move(set)};
}

inline Noted noted(Key key, std::string set) {
  return {std::move(key), std::move(set)};
}

inline Rule accept(std::vector<Match> matches) {
  return {std::move(matches), {Action::accept, {}, {}}, {}, false};
}

inline Rule drop(std::vector<Match> matches, std::string comment) {
  return {std::move(matches), {Action::drop, {}, {}}, std::move(comment), true};
}

/// To a chain that refuses.
inline Rule refuse(std::vector<Match> matches, std::string chain, std::string comment) {
  return {std::move(matches), {Action::go_to, std::move(chain), {}}, std::move(comment), true};
}

inline Rule jump(std::vector<Match> matches, Action action, std::string chain) {
  return {std::move(matches), {action, std::move(chain), {}}, {}, false};
}

inline void append(std::vector<Rule>& rules, std::vector<Rule> more) {
  std::move(more.begin(), more.end(), std::back_inserter(rules));
}

/// What a source route names last is not the address that rules see (the first hop), so such
/// packets never get as far as the lists. Segment routing is one type of routing header.
inline std::vector<Rule> drop_source_routes(const std::string& key) {
  return {
      drop({equals(Field::ipv6_routing, 1)}, key + ": routing header"),
      drop({equals(Field::ipv4_loose_route, 1)}, key + ": loose source route"),
      drop({equals(Field::ipv4_strict_route, 1)}, key + ": strict source route"),
  };
}

/// What is `protocol` right behind the network's header, and matches `more`, before rules look for
/// anything in between: a rule for each family.
inline std::vector<Rule> hand_over(std::uint8_t protocol, const std::vector<Match>& more,
                                   const Statement& statement) {
  std::vector<Rule> rules = {{{plain_ipv4, equals(Field::l4proto, protocol)}, statement, {}, false},
                             {{equals(Field::ipv6_next_header, protocol)}, statement, {}, false}};
  for (Rule& rule : rules) rule.matches.insert(rule.matches.end(), more.begin(), more.end());
  return rules;
}

/// By their types alone: what they tell of is known to sockets, which take no others to heart.
/// `more` is what else they must match. The sets are those of plan/rules/rules.cpp.
inline std::vector<Rule> accept_errors(const std::vector<Match>& more) {
  std::vector<Rule> rules = {
      accept({in_set(Field::icmp_type, "icmp_errors")}),
      accept({in_set(Field::icmpv6_type, "icmpv6_errors")}),
  };
  for (Rule& rule : rules) rule.matches.insert(rule.matches.end(), more.begin(), more.end());
  return rules;
}

}  // namespace socklid::nft
