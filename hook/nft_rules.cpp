// SPDX-License-Identifier: Apache-2.0
#include "hook/nft_rules.hpp"

// Before the kernel headers, which then leave out what this defines (linux/libc-compat.h).
#include <netinet/in.h>

#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_conntrack_tuple_common.h>
#include <linux/rtnetlink.h>

#include <iterator>
#include <string>
#include <utility>

#include "hook/nft_endpoints.hpp"
#include "hook/placement.hpp"

namespace socklid {
namespace {

using annotations::Mark;
using annotations::Otherwise;
using annotations::Policy;
using nft::Action;
using nft::Chain;
using nft::Compare;
using nft::Field;
using nft::HookPoint;
using nft::KeyType;
using nft::Match;
using nft::Operator;
using nft::Rule;

/// After conntrack (NF_IP_PRI_CONNTRACK -200), because before it every packet is `invalid`; and so
/// after its defragmentation (-400), so that no fragment comes without its ports. Before nat
/// (NF_IP_PRI_NAT_DST -100), so that addresses and ports are those the program asked for and local
/// ports are local.
constexpr int output_priority = -150;
constexpr int filter_priority = 0;  // NF_IP_PRI_FILTER

/// LOOPBACK_IFINDEX (include/net/flow.h): loopback is the first device of every namespace
/// (net/core/dev.c: register_netdevice via loopback_net_init), and cannot be moved or removed. Its
/// type, unlike its index, can be forged (TUNSETLINK on a tun device).
constexpr std::uint32_t loopback = 1;

/// Types that linux/icmpv6.h leaves to net/ndisc.h, which is not for user space.
constexpr std::uint16_t router_solicit = 133, router_advert = 134;
constexpr std::uint16_t neighbor_solicit = 135, neighbor_advert = 136;

constexpr std::uint32_t related = NF_CT_STATE_BIT(IP_CT_RELATED);
constexpr std::uint32_t established = NF_CT_STATE_BIT(IP_CT_ESTABLISHED);
constexpr std::uint32_t tcp_reset = 4;

Compare equals(Field field, std::uint32_t value) {
  return {field, Operator::equal, value, 0xffffffff};
}

Compare has(Field field, std::uint32_t bits) {
  return {field, Operator::any_bit, bits, 0xffffffff};
}

Compare differs(Field field, Mark mark) {
  return {field, Operator::not_equal, mark.value, mark.mask};
}

nft::InSet in_set(Field field, std::string set) {
  return {{{field}}, std::move(set)};
}

Rule accept(std::vector<Match> matches) {
  return {std::move(matches), {Action::accept, {}, {}}, {}, false};
}

Rule drop(std::vector<Match> matches, std::string comment) {
  return {std::move(matches), {Action::drop, {}, {}}, std::move(comment), true};
}

Rule jump(std::vector<Match> matches, Action action, std::string chain) {
  return {std::move(matches), {action, std::move(chain), {}}, {}, false};
}

constexpr Compare reply{Field::ct_direction, Operator::equal, IP_CT_DIR_REPLY, 0xffffffff};

void append(std::vector<Rule>& rules, std::vector<Rule> more) {
  std::move(more.begin(), more.end(), std::back_inserter(rules));
}

nft::Set type_set(std::string name, KeyType type, std::initializer_list<std::uint16_t> values) {
  nft::Set set{std::move(name), {type}, false, false, {}};
  for (const std::uint16_t value : values) set.elements.push_back({{}, 0, {value, value}, {}});
  return set;
}

std::vector<nft::Set> type_sets() {
  return {
      type_set("icmp_errors", KeyType::icmp_type,
               {ICMP_DEST_UNREACH, ICMP_TIME_EXCEEDED, ICMP_PARAMETERPROB}),
      type_set("icmpv6_errors", KeyType::icmpv6_type,
               {ICMPV6_DEST_UNREACH, ICMPV6_PKT_TOOBIG, ICMPV6_TIME_EXCEED, ICMPV6_PARAMPROB}),
      // A router-advert or redirect from here would change other hosts, so neither may leave.
      type_set("nd_out", KeyType::icmpv6_type, {router_solicit, neighbor_solicit, neighbor_advert}),
      // Addresses may come from router-adverts alone; whether they are heeded is the namespace's
      // sysctl accept_ra. Nothing needs redirects to live.
      type_set("nd_in", KeyType::icmpv6_type, {router_advert, neighbor_solicit, neighbor_advert}),
      type_set("mld_out", KeyType::icmpv6_type,
               {ICMPV6_MGM_REPORT, ICMPV6_MGM_REDUCTION, ICMPV6_MLD2_REPORT}),
  };
}

/// What a source route names last is not the address that rules see (the first hop), so such
/// packets never get as far as the lists. Segment routing is one type of routing header.
std::vector<Rule> drop_source_routes(const std::string& key) {
  return {
      drop({equals(Field::ipv6_routing, 1)}, key + ": routing header"),
      drop({equals(Field::ipv4_loose_route, 1)}, key + ": loose source route"),
      drop({equals(Field::ipv4_strict_route, 1)}, key + ": strict source route"),
  };
}

/// Errors about a flow that conntrack knows. `more` is what else they must match.
std::vector<Rule> accept_related_errors(const std::vector<Match>& more) {
  std::vector<Rule> rules = {
      accept({in_set(Field::icmp_type, "icmp_errors"), has(Field::ct_state, related)}),
      accept({in_set(Field::icmpv6_type, "icmpv6_errors"), has(Field::ct_state, related)}),
  };
  for (Rule& rule : rules) rule.matches.insert(rule.matches.end(), more.begin(), more.end());
  return rules;
}

/// Before the mark tests: the kernel sends these itself, and MLD with a random mark (skb->mark
/// shares its bytes with reserved_tailroom, include/linux/skbuff.h). The hop limits are what
/// receivers insist on (RFC 4861, RFC 3810): no router forwards such a packet. The kernel's own
/// sockets for it have no mark (net/ipv6/ndisc.c, mcast.c); a raw socket of the container has.
std::vector<Rule> accept_ipv6_upkeep(Mark mark) {
  return {
      accept({in_set(Field::icmpv6_type, "nd_out"), equals(Field::ipv6_hop_limit, 255),
              differs(Field::socket_mark, mark)}),
      accept({in_set(Field::icmpv6_type, "mld_out"), equals(Field::ipv6_hop_limit, 1),
              differs(Field::socket_mark, mark)}),
  };
}

/// Replies to what the input chain let in. A connection begun from a served port is in conntrack's
/// original direction and goes on to the mark tests.
std::vector<Rule> accept_replies(Mark mark, bool serves) {
  std::vector<Rule> rules;
  if (serves) rules.push_back(jump({reply}, Action::jump, "replies"));
  rules.push_back(accept({equals(Field::icmp_type, ICMP_ECHOREPLY), reply}));
  rules.push_back(accept({equals(Field::icmpv6_type, ICMPV6_ECHO_REPLY), reply}));
  // As above: the kernel's own, not those that a raw socket makes up.
  append(rules, accept_related_errors({differs(Field::socket_mark, mark)}));
  return rules;
}

/// A packet carries its socket's mark (I5); a mark that a control message or a rule of someone
/// else's gave it is not enough. SYN-ACKs and packets of TIME_WAIT have no full socket, so the
/// second test does not apply and their own mark decides.
std::vector<Rule> judge_marks(Mark mark) {
  return {
      // The kernel resets a connection whose socket is gone without a mark. Where it may go is
      // judged all the same.
      jump({has(Field::tcp_flags, tcp_reset), Compare{Field::mark, Operator::equal, 0, mark.mask},
            has(Field::ct_state, established)},
           Action::go_to, "egress"),
      drop({differs(Field::mark, mark)}, "io.socklid.mark: unmarked or foreign mark"),
      drop({differs(Field::socket_mark, mark)}, "io.socklid.mark: not the mark of its socket"),
  };
}

/// Not with somebody else's address: what would answer it, the kernel or a server here, would
/// answer them. But the reset with which `reject` refuses a connection comes from its peer's
/// (nf_send_reset).
std::vector<Rule> accept_loopback(Mark mark) {
  return {
      accept({equals(Field::oif, loopback), equals(Field::source_type, RTN_LOCAL)}),
      accept({equals(Field::oif, loopback), has(Field::tcp_flags, tcp_reset),
              Compare{Field::mark, Operator::equal, 0, mark.mask}}),
  };
}

/// What has a slot belongs to a container that came into this namespace later, and is judged in its
/// table. Of a full socket the socket's mark tells, which no packet of ours can change; the others
/// (SYN-ACKs, TIME_WAIT) have no mark but their socket's.
Rule leave_to_neighbours() {
  return accept({Compare{Field::mark, Operator::not_equal, 0, slot_mask}});
}

std::vector<Rule> leaving_rules(Mark mark, bool serves) {
  std::vector<Rule> rules = drop_source_routes("io.socklid.egress");
  append(rules, accept_loopback(mark));
  append(rules, accept_ipv6_upkeep(mark));
  append(rules, accept_replies(mark, serves));
  return rules;
}

std::vector<Rule> judging_rules(Mark mark) {
  std::vector<Rule> rules = judge_marks(mark);
  rules.push_back(jump({}, Action::go_to, "egress"));
  return rules;
}

/// Of a namespace of the container's own. If its mark claims the bits of the slot, no neighbour
/// with rules is let in.
std::vector<Chain> output_chains(Mark mark, bool serves) {
  Chain base{"output", nft::Base{HookPoint::output, output_priority}, leaving_rules(mark, serves)};
  if ((mark.mask & slot_mask) != 0) {
    append(base.rules, judging_rules(mark));
    return {std::move(base)};
  }
  Chain judged{"judged", std::nullopt, judging_rules(mark)};
  base.rules.push_back(
      jump({Compare{Field::socket_mark, Operator::equal, 0, slot_mask}}, Action::go_to, "judged"));
  base.rules.push_back(leave_to_neighbours());
  base.rules.push_back(jump({}, Action::go_to, "judged"));
  return {std::move(judged), std::move(base)};
}

/// Of a shared namespace: only what has our slot.
std::vector<Chain> output_chains_of_slot(Mark mark, bool serves) {
  Chain leaving{"leaving", std::nullopt, leaving_rules(mark, serves)};
  append(leaving.rules, judging_rules(mark));
  const std::uint32_t slot = mark.value & slot_mask;
  Chain base{"output", nft::Base{HookPoint::output, output_priority, false}, {}};
  for (const Field field : {Field::socket_mark, Field::mark}) {
    base.rules.push_back(
        jump({Compare{field, Operator::equal, slot, slot_mask}}, Action::go_to, "leaving"));
  }
  return {std::move(leaving), std::move(base)};
}

Chain egress_chain(std::vector<Rule> allowed, Otherwise otherwise) {
  Chain chain{"egress", std::nullopt, std::move(allowed)};
  chain.rules.push_back({{}, {}, "io.socklid.egress: not named", true});
  if (otherwise == Otherwise::drop) {
    chain.rules.push_back({{}, {Action::drop, {}, {}}, {}, false});
  } else {
    // The answer quotes the packet and goes to its source: not to one that is somebody else's.
    chain.rules.push_back({{Compare{Field::source_type, Operator::not_equal, RTN_LOCAL}},
                           {Action::drop, {}, {}},
                           {},
                           false});
    chain.rules.push_back(
        {{equals(Field::l4proto, IPPROTO_TCP)}, {Action::reject_reset, {}, {}}, {}, false});
    chain.rules.push_back({{}, {Action::reject_admin, {}, {}}, {}, false});
  }
  return chain;
}

/// A packet in the reply direction answers a flow that began here and that egress let out: a flow
/// whose first packet was dropped never gets into conntrack's table.
std::vector<Rule> arriving_rules(bool serves) {
  std::vector<Rule> rules = drop_source_routes("io.socklid.bind");
  rules.push_back(accept({equals(Field::iif, loopback)}));
  rules.push_back(accept({reply}));
  append(rules, accept_related_errors({}));
  rules.push_back(accept({equals(Field::icmp_type, ICMP_ECHO)}));
  rules.push_back(accept({equals(Field::icmpv6_type, ICMPV6_ECHO_REQUEST)}));
  rules.push_back(
      accept({in_set(Field::icmpv6_type, "nd_in"), equals(Field::ipv6_hop_limit, 255)}));
  rules.push_back(
      accept({equals(Field::icmpv6_type, ICMPV6_MGM_QUERY), equals(Field::ipv6_hop_limit, 1)}));
  if (serves) rules.push_back(jump({}, Action::jump, "served"));
  return rules;
}

Rule drop_unserved() {
  return drop({}, "io.socklid.bind: not named");
}

/// As for what leaves: a neighbour's socket receives this, and its own table judges it. What
/// follows the first packet may find a socket that is not full yet (TCP_NEW_SYN_RECV): a flow that
/// was let in before is then all that is known.
std::vector<Chain> input_chains(Mark mark, bool serves) {
  Chain base{"input", nft::Base{HookPoint::input, filter_priority}, arriving_rules(serves)};
  if ((mark.mask & slot_mask) != 0) {
    base.rules.push_back(drop_unserved());
    return {std::move(base)};
  }
  Chain unserved{"unserved", std::nullopt, {drop_unserved()}};
  append(base.rules,
         {jump({Compare{Field::socket_mark, Operator::equal, 0, slot_mask}}, Action::go_to,
               "unserved"),
          accept({Compare{Field::socket_mark, Operator::not_equal, 0, slot_mask}}),
          accept({has(Field::ct_state, established)}), jump({}, Action::go_to, "unserved")});
  return {std::move(unserved), std::move(base)};
}

/// What a socket of ours would receive. The kernel looks that up by addresses and ports
/// (nft_socket_do_lookup), for TCP and UDP.
std::vector<Chain> input_chains_of_slot(Mark mark, bool serves) {
  Chain arriving{"arriving", std::nullopt, arriving_rules(serves)};
  arriving.rules.push_back(drop_unserved());
  const Compare ours{Field::socket_mark, Operator::equal, mark.value & slot_mask, slot_mask};
  return {std::move(arriving),
          {"input",
           nft::Base{HookPoint::input, filter_priority, false},
           {jump({ours}, Action::go_to, "arriving")}}};
}

/// Packets that a tun or tap device injects are forwarded, not sent.
Chain forward_chain() {
  return {"forward",
          nft::Base{HookPoint::forward, filter_priority},
          {drop({}, "io.socklid.egress: forwarded")}};
}

}  // namespace

NftRuleset compile_rules(const Policy& policy, Mark mark, std::uint8_t slot,
                         std::string_view container_id, std::uint64_t cgroup_id) {
  NftRuleset ruleset{table_name(slot), table_comment(container_id, cgroup_id), type_sets(), {}};
  EndpointRules endpoints(ruleset);
  const bool serves = !named(policy.bind).empty();
  if (serves) {
    const std::vector<Target> listeners = merge_listeners(*policy.bind);
    ruleset.chains.push_back(
        {"replies", std::nullopt, endpoints.match("bind", listeners, Side::source)});
    ruleset.chains.push_back(
        {"served", std::nullopt, endpoints.match("bind", listeners, Side::destination)});
  }
  std::vector<Rule> allowed;
  if (policy.egress) {
    allowed = endpoints.match("egress", merge_endpoints(*policy.egress), Side::destination);
  }
  ruleset.chains.push_back(
      egress_chain(std::move(allowed), policy.otherwise.value_or(Otherwise::reject)));
  const auto add = [&ruleset](std::vector<Chain> chains) {
    std::move(chains.begin(), chains.end(), std::back_inserter(ruleset.chains));
  };
  if (slot != 0) {
    add(output_chains_of_slot(mark, serves));
    add(input_chains_of_slot(mark, serves));
  } else {
    add(output_chains(mark, serves));
    add(input_chains(mark, serves));
    add({forward_chain()});
  }
  return ruleset;
}

}  // namespace socklid
