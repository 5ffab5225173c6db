// SPDX-License-Identifier: Apache-2.0
//
// Endpoint lists as nft sets. A packet matches a list if any of its endpoints matches. The number
// of look-ups depends only on the number of distinct prefix lengths, and the sets grow linearly
// with the list.
//
//   EndpointRules rules(ruleset);                      // owns the names of port sets
//   chain.rules = rules.match("egress", merge_endpoints(*policy.egress), Side::destination);
//
// nft's own way, concatenated intervals (pipapo), takes quadratic time to fill on Linux 6.1 and
// refuses overlaps. So for each address family and each prefix length L in the list there are up
// to three hash tables, probed with the address masked to L:
//   NAME_v4_L        address . protocol . port      few ports, each written out
//   NAME_v4_L_any    address . protocol             all ports
//   NAME_v4_L_dports address . protocol : jump      many ports: a chain that holds the ranges
// and one rule per protocol for endpoints without address. Every table is asked, so a longer
// prefix never hides a shorter one.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "annotations/address.hpp"
#include "plan/rules/ruleset.hpp"

namespace socklid {

/// The addresses and the protocol of an endpoint. `bits` 0 means any address, of `family` or of
/// both.
struct ProtocolPrefix {
  std::optional<annotations::AddressFamily> family;
  std::uint8_t bits{0};
  std::array<std::uint8_t, 16> address{};  ///< network byte order, zero beyond `bits`
  std::uint8_t protocol{0};                ///< IPPROTO_*
  friend auto operator<=>(const ProtocolPrefix&, const ProtocolPrefix&) = default;
};

using Ports = std::vector<annotations::PortRange>;  ///< ascending, disjoint, not adjacent

struct Target {
  ProtocolPrefix prefix;
  Ports ports;
  friend bool operator==(const Target&, const Target&) = default;
};

/// One target per prefix, sorted by prefix; its ports are the union of what the list gives it. icmp
/// becomes ICMP for IPv4 and ICMPv6 for IPv6. udp is UDP alone: UDP-Lite never matches a list.
[[nodiscard]] std::vector<Target> merge_endpoints(const std::vector<annotations::Endpoint>& list);

/// The same for a list of what may be bound: 0.0.0.0 is any IPv4 address, and :: any address of
/// either family, because that is what a socket bound to it receives (dual stack).
[[nodiscard]] std::vector<Target> merge_listeners(const std::vector<annotations::Endpoint>& list);

/// Which end of a packet the list is about.
enum class Side : std::uint8_t { source, destination };

/// Adds sets, maps and the chains behind them to a ruleset, and returns the rules that use them.
class EndpointRules {
 public:
  /// `ruleset` outlives this.
  explicit EndpointRules(NftRuleset& ruleset) : ruleset_(ruleset) {}

  /// Rules that accept what `targets` name. The same targets may be matched on both sides under
  /// the same `name`; they share their sets.
  [[nodiscard]] std::vector<nft::Rule> match(std::string_view name,
                                             const std::vector<Target>& targets, Side side);

 private:
  using Targets = std::span<const Target>;

  nft::Rule match_anywhere(const Target& target, Side side);
  std::vector<nft::Rule> match_prefix_length(std::string_view name, Targets targets, Side side);
  nft::Match match_ports(const Ports& ports, Side side);
  const std::string& port_chain(const Ports& ports, Side side);
  void add_set(nft::Set set);

  NftRuleset& ruleset_;
  std::set<std::string> set_names_;
  std::map<Ports, std::string> port_sets_;
  std::map<std::pair<Side, Ports>, std::string> port_chains_;
};

}  // namespace socklid
