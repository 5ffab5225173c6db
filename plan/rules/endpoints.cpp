// SPDX-License-Identifier: Apache-2.0
#include "plan/rules/endpoints.hpp"

#include <netinet/in.h>

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <numeric>
#include <utility>

#include "plan/rules/build.hpp"

namespace socklid {
namespace {

using annotations::AddressFamily;
using annotations::Endpoint;
using annotations::PortRange;
using annotations::Prefix;
using annotations::Protocol;
using nft::Field;
using nft::KeyType;

constexpr PortRange all_ports{0, 65535};

/// A prefix whose ports are at most this many per range gets one element per port, so that a list
/// of N ranges makes at most 4 N elements; any other prefix gets a jump to its ranges.
constexpr std::size_t ports_per_range = 4;

/// A chain of at most this many ranges compares them one after the other; more become a set. This
/// also bounds the number of sets: the kernel finds a set by walking all sets of the table
/// (nft_set_lookup, net/netfilter/nf_tables_api.c), but a chain by its hash.
constexpr std::size_t inline_ranges = 16;

constexpr std::uint8_t full_bits(AddressFamily family) {
  return family == AddressFamily::ipv4 ? 32 : 128;
}

std::uint8_t number_of(const Endpoint& endpoint, AddressFamily family) {
  switch (endpoint.protocol) {
    case Protocol::tcp:
      return IPPROTO_TCP;
    case Protocol::udp:
      return IPPROTO_UDP;
    case Protocol::icmp:
      if (family == AddressFamily::ipv4) return IPPROTO_ICMP;
      return IPPROTO_ICMPV6;
    case Protocol::sctp:
      return IPPROTO_SCTP;
    case Protocol::dccp:
      return IPPROTO_DCCP;
    case Protocol::numbered:
      return static_cast<std::uint8_t>(endpoint.ports.first);
  }
  return 0;
}

/// One endpoint as a target, or as two where it means something else in each family.
void append(std::vector<Target>& targets, const Endpoint& endpoint) {
  const bool icmp = endpoint.protocol == Protocol::icmp;
  const bool numbered = endpoint.protocol == Protocol::numbered;
  const Ports ports{icmp || numbered ? all_ports : endpoint.ports};
  const auto add = [&](std::optional<AddressFamily> family, const Prefix& prefix) {
    const AddressFamily version = family.value_or(AddressFamily::ipv4);
    targets.push_back({{family, prefix.bits, prefix.address, number_of(endpoint, version)}, ports});
  };
  if (endpoint.prefix) {
    add(endpoint.prefix->family, *endpoint.prefix);
  } else if (icmp) {
    add(AddressFamily::ipv4, {});
    add(AddressFamily::ipv6, {});
  } else {
    add(std::nullopt, {});
  }
}

Ports unite(Ports ports) {
  std::sort(ports.begin(), ports.end());
  Ports united;
  for (const PortRange& range : ports) {
    if (!united.empty() && range.first <= united.back().last + 1) {
      united.back().last = std::max(united.back().last, range.last);
    } else {
      united.push_back(range);
    }
  }
  return united;
}

bool fits_elements(const Ports& ports) {
  const auto count = std::accumulate(
      ports.begin(), ports.end(), std::size_t{0},
      [](std::size_t sum, PortRange r) { return sum + std::size_t{r.last} - r.first + 1; });
  return count <= ports_per_range * ports.size();
}

bool is_all(const Ports& ports) {
  return ports == Ports{all_ports};
}

nft::Rule accept_if(std::vector<nft::Match> matches) {
  return {std::move(matches), {nft::Action::accept, {}, {}}, {}, false};
}

Field port_field(Side side) {
  return side == Side::source ? Field::source_port : Field::destination_port;
}

Field address_field(AddressFamily family, Side side) {
  if (family == AddressFamily::ipv4) {
    return side == Side::source ? Field::ipv4_source : Field::ipv4_destination;
  }
  return side == Side::source ? Field::ipv6_source : Field::ipv6_destination;
}

nft::Element element_of(const ProtocolPrefix& prefix, std::uint16_t port) {
  return {prefix.address, prefix.protocol, {port, port}, {}};
}

std::vector<std::uint16_t> each_port(const Ports& ports) {
  std::vector<std::uint16_t> each;
  for (const PortRange& range : ports) {
    for (std::uint32_t port = range.first; port <= range.last; ++port) {
      each.push_back(static_cast<std::uint16_t>(port));
    }
  }
  return each;
}

}  // namespace

std::vector<Target> merge_endpoints(const std::vector<Endpoint>& list) {
  std::vector<Target> targets;
  targets.reserve(list.size());
  for (const Endpoint& endpoint : list) append(targets, endpoint);
  std::sort(targets.begin(), targets.end(),
            [](const Target& a, const Target& b) { return a.prefix < b.prefix; });
  std::vector<Target> merged;
  for (Target& target : targets) {
    if (merged.empty() || merged.back().prefix != target.prefix) {
      merged.push_back(std::move(target));
    } else {
      merged.back().ports.push_back(target.ports.front());
    }
  }
  for (Target& target : merged) target.ports = unite(std::move(target.ports));
  return merged;
}

std::vector<Target> merge_listeners(const std::vector<Endpoint>& list) {
  std::vector<Endpoint> widened = list;
  for (Endpoint& endpoint : widened) {
    if (!endpoint.prefix) continue;
    const AddressFamily family = endpoint.prefix->family;
    if (*endpoint.prefix != Prefix{family, {}, full_bits(family)}) continue;
    if (family == AddressFamily::ipv4) {
      endpoint.prefix = Prefix{family, {}, 0};
    } else {
      endpoint.prefix.reset();
    }
  }
  return merge_endpoints(widened);
}

std::vector<nft::Rule> EndpointRules::match(std::string_view name,
                                            const std::vector<Target>& targets, Side side) {
  std::vector<nft::Rule> rules;
  for (auto first = targets.begin(); first != targets.end();) {
    if (first->prefix.bits == 0) {
      rules.push_back(match_anywhere(*first++, side));
      continue;
    }
    const auto last = std::find_if(first, targets.end(), [first](const Target& target) {
      return target.prefix.family != first->prefix.family ||
             target.prefix.bits != first->prefix.bits;
    });
    auto more = match_prefix_length(name, {first, last}, side);
    std::move(more.begin(), more.end(), std::back_inserter(rules));
    first = last;
  }
  return rules;
}

nft::Rule EndpointRules::match_anywhere(const Target& target, Side side) {
  std::vector<nft::Match> matches;
  if (target.prefix.family) {
    const bool ipv4 = *target.prefix.family == AddressFamily::ipv4;
    matches.emplace_back(
        nft::equals(Field::nfproto, ipv4 ? AF_INET : AF_INET6));  // NFPROTO_* = AF_*
  }
  matches.emplace_back(nft::equals(Field::l4proto, target.prefix.protocol));
  if (!is_all(target.ports)) matches.push_back(match_ports(target.ports, side));
  return accept_if(std::move(matches));
}

/// `targets` have one family and one prefix length.
std::vector<nft::Rule> EndpointRules::match_prefix_length(std::string_view name, Targets targets,
                                                          Side side) {
  const AddressFamily family = *targets.front().prefix.family;
  const std::uint8_t bits = targets.front().prefix.bits;
  const bool ipv4 = family == AddressFamily::ipv4;
  const std::string base = std::string(name) + (ipv4 ? "_v4_" : "_v6_") + std::to_string(bits);
  const KeyType type = ipv4 ? KeyType::ipv4_addr : KeyType::ipv6_addr;
  nft::Set exact{base, {type, KeyType::inet_proto, KeyType::inet_service}, false, false, {}};
  nft::Set any{base + "_any", {type, KeyType::inet_proto}, false, false, {}};
  nft::Set jumps{base + (side == Side::source ? "_sports" : "_dports"), any.key, false, true, {}};
  for (const auto& [prefix, ports] : targets) {
    if (is_all(ports)) {
      any.elements.push_back(element_of(prefix, 0));
    } else if (fits_elements(ports)) {
      for (const std::uint16_t port : each_port(ports)) {
        exact.elements.push_back(element_of(prefix, port));
      }
    } else {
      jumps.elements.push_back(element_of(prefix, 0));
      jumps.elements.back().chain = port_chain(ports, side);
    }
  }
  std::vector<nft::Rule> rules;
  const nft::KeyPart address{address_field(family, side), bits};
  const nft::Key pair{address, {Field::l4proto}};
  const nft::Key triple{address, {Field::l4proto}, {port_field(side)}};
  if (!exact.elements.empty()) rules.push_back(accept_if({nft::InSet{triple, exact.name}}));
  if (!any.elements.empty()) rules.push_back(accept_if({nft::InSet{pair, any.name}}));
  if (!jumps.elements.empty()) {
    rules.push_back({{}, {nft::Action::look_up, jumps.name, pair}, {}, false});
  }
  for (nft::Set* set : {&exact, &any, &jumps}) add_set(std::move(*set));
  return rules;
}

/// The chain that accepts these ports and returns for others; shared by all prefixes that have
/// them.
const std::string& EndpointRules::port_chain(const Ports& ports, Side side) {
  const auto [found, added] = port_chains_.try_emplace({side, ports});
  if (!added) return found->second;
  found->second =
      (side == Side::source ? "sports_" : "dports_") + std::to_string(port_chains_.size());
  nft::Chain chain{found->second, std::nullopt, {}};
  if (ports.size() > inline_ranges) {
    chain.rules.push_back(accept_if({match_ports(ports, side)}));
  } else {
    for (const PortRange& range : ports) {
      chain.rules.push_back(accept_if({nft::InRange{port_field(side), range}}));
    }
  }
  ruleset_.chains.push_back(std::move(chain));
  return found->second;
}

nft::Match EndpointRules::match_ports(const Ports& ports, Side side) {
  if (ports.size() == 1) return nft::InRange{port_field(side), ports.front()};
  const auto [found, added] = port_sets_.try_emplace(ports);
  if (added) {
    found->second = "ports_" + std::to_string(port_sets_.size());
    nft::Set set{found->second, {KeyType::inet_service}, true, false, {}};
    for (const PortRange& range : ports) set.elements.push_back({{}, 0, range, {}});
    add_set(std::move(set));
  }
  return nft::InSet{{{port_field(side)}}, found->second};
}

/// Empty sets are left out, and so are those that the other side already brought.
void EndpointRules::add_set(nft::Set set) {
  if (set.elements.empty() || !set_names_.insert(set.name).second) return;
  ruleset_.sets.push_back(std::move(set));
}

}  // namespace socklid
