// SPDX-License-Identifier: Apache-2.0
//
// What leaves. Before the mark is judged there is what has none: the kernel's own.

// Before the kernel headers, which then leave out what this defines (linux/libc-compat.h).
#include <netinet/in.h>

#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <linux/rtnetlink.h>

#include <string>
#include <utility>
#include <vector>

#include "plan/placement.hpp"
#include "plan/rules/build.hpp"
#include "plan/rules/chains.hpp"

namespace socklid {
namespace {

using annotations::Mark;
using namespace nft;  // NOLINT(google-build-using-namespace): every name below is one of these

/// Before nat (NF_IP_PRI_NAT_DST -100), so that addresses and ports are those the program asked for
/// and local ports are local.
constexpr int output_priority = -150;

constexpr const char* not_an_address = "io.socklid.egress: not an address of this namespace";

/// Before the mark tests: the kernel sends these itself, and group reports with a random mark
/// (skb->mark shares its bytes with reserved_tailroom, include/linux/skbuff.h). The hop limits are
/// what receivers insist on (RFC 4861, RFC 3810): no router forwards such a packet. The kernel's
/// own sockets for it have no mark (net/ipv6/ndisc.c, mcast.c), and IGMP's packets no socket
/// (net/ipv4/igmp.c); a raw socket of the container has. What a program joins is in the reports:
/// where nothing may leave they stay.
std::vector<Rule> accept_upkeep(const std::vector<Mark>& marks, bool reports) {
  const std::vector<Match> not_ours = differs(Field::socket_mark, marks);
  const std::vector<Match> neighbours = {in_set(Field::icmpv6_type, "nd_out"),
                                         equals(Field::ipv6_hop_limit, 255)};
  const std::vector<Match> listeners = {in_set(Field::icmpv6_type, "mld_out"),
                                        equals(Field::ipv6_hop_limit, 1)};
  const std::vector<Match> groups = {equals(Field::l4proto, IPPROTO_IGMP),
                                     equals(Field::destination_type, RTN_MULTICAST)};
  std::vector<Rule> rules = {accept(neighbours + not_ours)};
  if (!reports) return rules;
  rules.push_back(accept(listeners + not_ours));
  rules.push_back(accept(groups + differs(Field::mark, marks)));
  return rules;
}

/// What the kernel answers by itself, to whoever has sent something here.
std::vector<Rule> accept_answers_of_the_kernel(const std::vector<Mark>& marks) {
  const std::vector<Match> not_ours = differs(Field::socket_mark, marks);
  std::vector<Rule> rules = accept_errors(not_ours);
  for (const Compare& reply :
       {equals(Field::icmp_type, ICMP_ECHOREPLY), equals(Field::icmpv6_type, ICMPV6_ECHO_REPLY)}) {
    rules.push_back(accept(std::vector<Match>{reply} + not_ours));
  }
  return rules;
}

/// The reset with which `input` has just refused a connection. It tells nobody anything: its
/// sender, its receiver and the numbers in it are those of the packet that asked.
std::vector<Rule> accept_refusals(const RulesAsked& asked, const std::vector<Match>& is_reset) {
  std::vector<Rule> rules;
  if (!asked.refuses || asked.slot != 0) return rules;
  for (const auto& [destination, set] : {std::pair{Field::ipv4_destination, refused_ipv4},
                                         {Field::ipv6_destination, refused_ipv6}}) {
    const Key key = {{destination}, {Field::destination_port}, {Field::source_port}};
    rules.push_back(accept(is_reset + std::vector<Match>{InSet{key, set}}));
  }
  return rules;
}

/// A packet carries its socket's mark (I5); a mark that a control message or a rule of someone
/// else's gave it is not enough. SYN-ACKs and packets of TIME_WAIT have no full socket, so the
/// second test does not apply and their own mark decides. Which of several marks a socket has the
/// programs compare (SL_PACKET_REMARKED).
///
/// A packet of another mark is of a process of the host's in this namespace, and refused as what
/// egress does not name.
std::vector<Rule> judge_marks(const RulesAsked& asked) {
  constexpr const char* unmarked = "io.socklid.mark: unmarked or foreign mark";
  const std::vector<Mark>& marks = asked.marks;
  const std::vector<Match> is_reset = {
      has(Field::tcp_flags, tcp_reset),
      Compare{Field::mark, Operator::equal, 0, marks.front().mask}};
  std::vector<Rule> rules = accept_refusals(asked, is_reset);
  append(rules, {
                    // The kernel resets a connection whose socket is gone without a mark. Where it
                    // may go is judged all the same.
                    jump(is_reset, Action::go_to, "named"),
                    asked.refuses ? refuse(differs(Field::mark, marks), refused_chain, unmarked)
                                  : drop(differs(Field::mark, marks), unmarked),
                    drop(differs(Field::socket_mark, marks),
                         "io.socklid.mark: not the mark of its socket"),
                    jump({}, Action::go_to, "named"),
                });
  return rules;
}

/// From a port that bind names a TCP connection goes on that was begun from outside, and datagrams
/// answer; whom they may answer the container's own packets tell (bpf/packets/flows.bpf.h). All
/// else goes where egress lets it.
Chain named_chain(bool serves) {
  Chain chain{"named", std::nullopt, {}};
  if (serves) {
    chain.rules.push_back(jump({opens_nothing}, Action::jump, "replies"));
    chain.rules.push_back(jump({equals(Field::l4proto, IPPROTO_UDP)}, Action::jump, "replies"));
  }
  chain.rules.push_back(jump({}, Action::go_to, "egress"));
  return chain;
}

/// What passes over loopback stays here: both ends are ours. A socket that is bound to the device
/// could send there whatever it likes, and what would answer it, the kernel or a server here, would
/// answer somebody else. But the reset with which `reject` refuses a connection comes from its
/// peer's address (nf_send_reset). 127.0.0.0/8 and ::1 are loopback's in every namespace, and no
/// other host has them: for these the kernel's routes need not be asked.
Chain loopback_chain(Mark mark) {
  const Compare own = equals(Field::source_type, RTN_LOCAL);
  const std::uint32_t net = htonl(INADDR_LOOPBACK & IN_CLASSA_NET), bits = htonl(IN_CLASSA_NET);
  return {"loopback",
          std::nullopt,
          {accept({Compare{Field::ipv4_source, Operator::equal, net, bits},
                   Compare{Field::ipv4_destination, Operator::equal, net, bits}}),
           accept({in_set(Field::ipv6_source, "loopback_v6"),
                   in_set(Field::ipv6_destination, "loopback_v6")}),
           accept({own, equals(Field::destination_type, RTN_LOCAL)}),
           accept({own, equals(Field::destination_type, RTN_MULTICAST)}),
           accept({own, equals(Field::destination_type, RTN_BROADCAST)}),
           accept({has(Field::tcp_flags, tcp_reset),
                   Compare{Field::mark, Operator::equal, 0, mark.mask}}),
           drop({}, not_an_address)}};
}

/// A source that is not ours is somebody else's, who would get the answer; or it is the one that
/// DHCP has before it has another, and `egress` judges that.
std::vector<Rule> judge_source(const std::string& judging) {
  constexpr std::uint16_t client = 68, server = 67;
  return {jump({equals(Field::ipv4_source, 0), equals(Field::l4proto, IPPROTO_UDP),
                InRange{Field::source_port, {client, client}},
                InRange{Field::destination_port, {server, server}}},
               Action::go_to, judging),
          drop({Compare{Field::source_type, Operator::not_equal, RTN_LOCAL}}, not_an_address)};
}

/// What has a slot belongs to a container that came into this namespace later, and is judged in its
/// table. Of a full socket the socket's mark tells, which no packet of ours can change; the others
/// (SYN-ACKs, TIME_WAIT) have no mark but their socket's.
Chain choose_judge() {
  return {
      "whose",
      std::nullopt,
      {jump({Compare{Field::socket_mark, Operator::equal, 0, slot_mask}}, Action::go_to, "judged"),
       accept({Compare{Field::mark, Operator::not_equal, 0, slot_mask}}),
       jump({}, Action::go_to, "judged")}};
}

/// What every packet of the container's own sockets has. It says all that "whose" and "judged" ask,
/// in one rule, and whoever has not both goes there.
Rule go_on_if_ours(const RulesAsked& asked, const std::string& judging,
                   std::vector<Match> matches) {
  const std::uint32_t slot = judging == "whose" ? slot_mask : 0;
  matches.emplace_back(
      Compare{Field::socket_mark, Operator::equal, asked.mark.value, asked.mark.mask | slot});
  matches.emplace_back(Compare{Field::mark, Operator::equal, asked.mark.value, asked.mark.mask});
  return jump(std::move(matches), Action::go_to, asked.serves ? "named" : "egress");
}

/// TCP that opens nothing has the addresses that it was opened with. Over loopback these were
/// judged then. What a raw socket writes there besides, with whatever addresses, is answered by a
/// reset of the kernel's at most, as is what comes from outside; and where that may go is judged.
Chain going_on_chain(const RulesAsked& asked, const std::string& judging) {
  return {"going_on",
          std::nullopt,
          {accept({equals(Field::oif, loopback)}), go_on_if_ours(asked, judging, {}),
           jump({}, Action::go_to, judging)}};
}

Chain datagrams_chain(const RulesAsked& asked, const std::string& judging) {
  Chain chain{
      "datagrams", std::nullopt, {jump({equals(Field::oif, loopback)}, Action::go_to, "loopback")}};
  std::vector<Match> local = {equals(Field::source_type, RTN_LOCAL)};
  if (asked.transparent) local.clear();
  chain.rules.push_back(go_on_if_ours(asked, judging, std::move(local)));
  if (!asked.transparent) append(chain.rules, judge_source(judging));
  chain.rules.push_back(jump({}, Action::go_to, judging));
  return chain;
}

/// Until marks are judged, in `judging`. The most common packets meet the fewest rules; what has
/// options or extensions takes the long way, and so does all that is neither TCP nor UDP.
std::vector<Rule> leaving_rules(const RulesAsked& asked, const std::string& judging) {
  std::vector<Rule> rules =
      hand_over(IPPROTO_TCP, {opens_nothing}, {Action::go_to, "going_on", {}});
  append(rules, hand_over(IPPROTO_UDP, {}, {Action::go_to, "datagrams", {}}));
  append(rules, drop_source_routes("io.socklid.egress"));
  rules.push_back(jump({equals(Field::oif, loopback)}, Action::go_to, "loopback"));
  append(rules, accept_upkeep(asked.marks, asked.sends));
  rules.push_back(jump({opens_nothing}, Action::go_to, judging));
  if (!asked.transparent) append(rules, judge_source(judging));
  append(rules, accept_answers_of_the_kernel(asked.marks));
  rules.push_back(jump({}, Action::go_to, judging));
  return rules;
}

/// What `output` leads to, whosever namespace it is.
std::vector<Chain> judging_chains(const RulesAsked& asked, const std::string& judging) {
  return {named_chain(asked.serves),
          {"judged", std::nullopt, judge_marks(asked)},
          loopback_chain(asked.mark),
          going_on_chain(asked, judging),
          datagrams_chain(asked, judging)};
}

/// Of a namespace of the container's own. If its mark claims the bits of the slot, no neighbour
/// with rules is let in.
std::vector<Chain> output_chains(const RulesAsked& asked) {
  const bool alone = (asked.mark.mask & slot_mask) != 0;
  const std::string judging = alone ? "judged" : "whose";
  std::vector<Chain> chains = judging_chains(asked, judging);
  if (!alone) chains.push_back(choose_judge());
  chains.push_back(
      {"output", Base{HookPoint::output, output_priority}, leaving_rules(asked, judging)});
  return chains;
}

/// Of a shared namespace: only what has our slot.
std::vector<Chain> output_chains_of_slot(const RulesAsked& asked) {
  std::vector<Chain> chains = judging_chains(asked, "judged");
  chains.push_back({"leaving", std::nullopt, leaving_rules(asked, "judged")});
  const std::uint32_t slot = asked.mark.value & slot_mask;
  Chain base{"output", Base{HookPoint::output, output_priority, false}, {}};
  for (const Field field : {Field::socket_mark, Field::mark}) {
    base.rules.push_back(
        jump({Compare{field, Operator::equal, slot, slot_mask}}, Action::go_to, "leaving"));
  }
  chains.push_back(std::move(base));
  return chains;
}

}  // namespace

std::vector<Chain> refusing_chains(const RulesAsked& asked, std::vector<Rule> allowed) {
  constexpr const char* not_named = "io.socklid.egress: not named";
  Chain egress{"egress", std::nullopt, std::move(allowed)};
  if (!asked.refuses) {
    egress.rules.push_back(drop({}, not_named));
    return {std::move(egress)};
  }
  egress.rules.push_back(refuse({}, refused_chain, not_named));
  // The answer quotes the packet and goes to its source: not to one that is somebody else's.
  const auto silence = Compare{Field::source_type, Operator::not_equal, RTN_LOCAL};
  return {{refused_chain,
           std::nullopt,
           {{{silence}, {Action::drop, {}, {}}, {}, false},
            {{equals(Field::l4proto, IPPROTO_TCP)}, {Action::reject_reset, {}, {}}, {}, false},
            {{}, {Action::reject_admin, {}, {}}, {}, false}}},
          std::move(egress)};
}

std::vector<Chain> leaving_chains(const RulesAsked& asked) {
  return asked.slot != 0 ? output_chains_of_slot(asked) : output_chains(asked);
}

}  // namespace socklid
