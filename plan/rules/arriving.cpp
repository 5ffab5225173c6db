// SPDX-License-Identifier: Apache-2.0
//
// What arrives.

// Before the kernel headers, which then leave out what this defines (linux/libc-compat.h).
#include <netinet/in.h>

#include <linux/icmp.h>
#include <linux/icmpv6.h>

#include <array>
#include <iterator>
#include <utility>

#include "plan/placement.hpp"
#include "plan/rules/build.hpp"
#include "plan/rules/chains.hpp"

namespace socklid {
namespace {

using namespace nft;  // NOLINT(google-build-using-namespace): every name below is one of these

constexpr const char* port_not_named = "io.socklid.bind: not named";
constexpr const char* unserved_chain = "unserved";

/// What neither `bind` nor an answer explains.
Rule drop_unserved(std::vector<Match> matches = {}) {
  return drop(std::move(matches), port_not_named);
}

/// The same at the end, where of TCP there is only what asks for a connection. It is told at once:
/// mail servers ask for ident, FTP for a data port, and would wait.
Rule end_unserved(const RulesAsked& asked) {
  return asked.refuses ? refuse({}, unserved_chain, port_not_named) : drop_unserved();
}

/// Nothing here came over loopback, so whoever gets the reset has sent something to this host. In a
/// namespace of its own the reset meets `output`, which knows it by whom it answers: the note lasts
/// no longer than that takes, and there is room for as many as are answered in that time. Elsewhere
/// it has no mark, and no rule of ours judges it.
Chain unserved(const RulesAsked& asked) {
  Chain chain{unserved_chain, std::nullopt, {}};
  const Match is_tcp = equals(Field::l4proto, IPPROTO_TCP);
  const auto reset = [&](std::vector<Match> matches) {
    chain.rules.push_back({std::move(matches), {Action::reject_reset, {}, {}}, {}, false});
  };
  const Key ports = {{Field::source_port}, {Field::destination_port}};
  if (asked.slot != 0) {
    reset({is_tcp});
  } else {
    for (const auto& [source, set] :
         {std::pair{Field::ipv4_source, refused_ipv4}, {Field::ipv6_source, refused_ipv6}}) {
      reset({is_tcp, Noted{{{source}, ports[0], ports[1]}, set}});
    }
  }
  chain.rules.push_back({{}, {Action::drop, {}, {}}, {}, false});
  return chain;
}

/// SCTP and DCCP ask for connections in packets of their own (RFC 9260, 3.3.2: INIT; RFC 4340, 5.1:
/// Request), and bind names no port of theirs.
std::vector<Rule> drop_requests() {
  return {drop_unserved({equals(Field::l4proto, IPPROTO_SCTP), equals(Field::sctp_chunk, 1)}),
          drop_unserved({equals(Field::l4proto, IPPROTO_DCCP),
                         Compare{Field::dccp_type, Operator::equal, 0, 0x1e}})};
}

/// What comes over loopback was judged when it left. The most common packets meet the fewest rules.
/// A TCP packet that asks for no connection finds one that was let in or out, or is refused by the
/// kernel. What a datagram answers its socket knows (bpf/packets/flows.bpf.h): here it comes from
/// whom egress names. Of IPv6 the fragments come as they are: the first one has the ports, and the
/// others are nothing without it.
std::vector<Rule> arriving_rules(const RulesAsked& asked) {
  std::vector<Rule> rules = {accept({equals(Field::iif, loopback)})};
  append(rules, hand_over(IPPROTO_TCP, {opens_nothing}, {Action::accept, {}, {}}));
  append(rules, drop_source_routes("io.socklid.bind"));
  rules.push_back(accept({opens_nothing}));
  append(rules, accept_errors({}));
  for (const std::uint32_t type : std::array<std::uint32_t, 2>{ICMP_ECHO, ICMP_ECHOREPLY}) {
    rules.push_back(accept({equals(Field::icmp_type, type)}));
  }
  for (const std::uint32_t type :
       std::array<std::uint32_t, 2>{ICMPV6_ECHO_REQUEST, ICMPV6_ECHO_REPLY}) {
    rules.push_back(accept({equals(Field::icmpv6_type, type)}));
  }
  rules.push_back(
      accept({in_set(Field::icmpv6_type, "nd_in"), equals(Field::ipv6_hop_limit, 255)}));
  rules.push_back(
      accept({equals(Field::icmpv6_type, ICMPV6_MGM_QUERY), equals(Field::ipv6_hop_limit, 1)}));
  rules.push_back(accept({equals(Field::l4proto, IPPROTO_IGMP)}));
  rules.push_back(accept({Compare{Field::ipv6_fragment, Operator::not_equal, 0, 0xffffffff}}));
  if (asked.serves) rules.push_back(jump({}, Action::jump, "served"));
  if (asked.hears_all) rules.push_back(accept({equals(Field::l4proto, IPPROTO_UDP)}));
  if (asked.hears) {
    append(rules, drop_requests());
    rules.push_back(jump({}, Action::jump, "answers"));
  }
  return rules;
}

/// As for what leaves: a neighbour's socket receives this, and its own table judges it.
std::vector<Chain> input_chains(const RulesAsked& asked) {
  Chain base{"input", Base{HookPoint::input, filter_priority}, arriving_rules(asked)};
  if ((asked.mark.mask & slot_mask) == 0) {
    base.rules.push_back(accept({Compare{Field::socket_mark, Operator::not_equal, 0, slot_mask}}));
  }
  base.rules.push_back(end_unserved(asked));
  return {std::move(base)};
}

/// What a socket of ours would receive. The kernel looks that up by addresses and ports
/// (nft_socket_do_lookup), for TCP and UDP.
std::vector<Chain> input_chains_of_slot(const RulesAsked& asked) {
  Chain arriving{"arriving", std::nullopt, arriving_rules(asked)};
  arriving.rules.push_back(end_unserved(asked));
  const Compare ours{Field::socket_mark, Operator::equal, asked.mark.value & slot_mask, slot_mask};
  return {std::move(arriving),
          {"input",
           Base{HookPoint::input, filter_priority, false},
           {jump({ours}, Action::go_to, "arriving")}}};
}

}  // namespace

std::vector<Chain> arriving_chains(const RulesAsked& asked) {
  std::vector<Chain> chains;
  if (asked.refuses) chains.push_back(unserved(asked));
  std::vector<Chain> more = asked.slot != 0 ? input_chains_of_slot(asked) : input_chains(asked);
  std::move(more.begin(), more.end(), std::back_inserter(chains));
  return chains;
}

std::vector<Set> arriving_sets(const RulesAsked& asked) {
  if (!asked.refuses || asked.slot != 0) return {};
  constexpr std::uint32_t lifetime = 1, room = 1024;
  std::vector<Set> sets;
  for (const auto& [name, type] :
       {std::pair{refused_ipv4, KeyType::ipv4_addr}, {refused_ipv6, KeyType::ipv6_addr}}) {
    Set set{name, {type, KeyType::inet_service, KeyType::inet_service}, false, false, {}};
    set.lifetime = lifetime;
    set.room = room;
    sets.push_back(std::move(set));
  }
  return sets;
}

}  // namespace socklid
