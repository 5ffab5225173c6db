// SPDX-License-Identifier: Apache-2.0
#include "plan/rules/rules.hpp"

// Before the kernel headers, which then leave out what this defines (linux/libc-compat.h).
#include <netinet/in.h>

#include <linux/icmp.h>
#include <linux/icmpv6.h>

#include <algorithm>
#include <initializer_list>
#include <iterator>
#include <string>
#include <utility>

#include "plan/placement.hpp"
#include "plan/rules/build.hpp"
#include "plan/rules/chains.hpp"
#include "plan/rules/endpoints.hpp"
#include "plan/subjects.hpp"

namespace socklid {
namespace {

using annotations::Mark;
using annotations::Otherwise;
using annotations::Policy;
using namespace nft;  // NOLINT(google-build-using-namespace): every name below is one of these

/// Types that linux/icmpv6.h leaves to net/ndisc.h, which is not for user space.
constexpr std::uint16_t router_solicit = 133, router_advert = 134;
constexpr std::uint16_t neighbor_solicit = 135, neighbor_advert = 136;

Set type_set(std::string name, KeyType type, std::initializer_list<std::uint16_t> values) {
  Set set{std::move(name), {type}, false, false, {}};
  for (const std::uint16_t value : values) set.elements.push_back({{}, 0, {value, value}, {}});
  return set;
}

/// ::1, which as an address of 16 bytes no comparison holds.
Set loopback_set() {
  Set set{"loopback_v6", {KeyType::ipv6_addr}, false, false, {Element{}}};
  set.elements.front().address.back() = 1;
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
      loopback_set(),
  };
}

/// Packets that a tun or tap device injects are forwarded, not sent.
Chain forward_chain() {
  return {"forward",
          Base{HookPoint::forward, filter_priority},
          {drop({}, "io.socklid.egress: forwarded")}};
}

/// Nothing of TCP comes in by its source, and ICMP by its type.
bool answers_unasked(const Target& peer) {
  const std::uint8_t protocol = peer.prefix.protocol;
  return protocol != IPPROTO_TCP && protocol != IPPROTO_ICMP && protocol != IPPROTO_ICMPV6;
}

/// A group, or more of them: whoever is in it hears what others send there.
bool is_group(const ProtocolPrefix& prefix) {
  if (!prefix.family) return false;
  if (*prefix.family == annotations::AddressFamily::ipv4) {
    return prefix.bits >= 4 && (prefix.address[0] & 0xf0U) == 0xe0;
  }
  return prefix.bits >= 8 && prefix.address[0] == 0xff;
}

/// Groups of protocols that `egress` has by number (VRRP, OSPF): what routers tell one another
/// there comes from addresses of theirs.
std::vector<Target> groups_of(const Policy& policy) {
  annotations::Endpoints numbered = *policy.egress;
  std::erase_if(numbered, [](const annotations::Endpoint& one) {
    return one.protocol != annotations::Protocol::numbered;
  });
  std::vector<Target> groups = merge_endpoints(numbered);
  std::erase_if(groups, [](const Target& one) { return !is_group(one.prefix); });
  return groups;
}

/// The peers of `egress`, those of datagrams with every port if they may answer from any: which of
/// them did the programs know.
annotations::Endpoints with_answers(const Policy& policy) {
  annotations::Endpoints peers = *policy.egress;
  if (policy.answers != annotations::Answers::host) return peers;
  for (annotations::Endpoint& one : peers) {
    if (one.protocol == annotations::Protocol::udp) one.ports = {};
  }
  std::sort(peers.begin(), peers.end());
  peers.erase(std::unique(peers.begin(), peers.end()), peers.end());
  return peers;
}

}  // namespace

NftRuleset compile_rules(const Policy& policy, Mark mark, std::uint8_t slot,
                         std::string_view container_id, std::uint64_t cgroup_id) {
  NftRuleset ruleset{table_name(slot), table_comment(container_id, cgroup_id), type_sets(), {}};
  EndpointRules endpoints(ruleset);
  RulesAsked asked{.mark = mark,
                   .marks = marks_within(policy, mark, max_marks),
                   .slot = slot,
                   .serves = !named(policy.bind).empty(),
                   .sends = !named(policy.egress).empty(),
                   .transparent = policy.options.transparent,
                   .hears_all = policy.answers == annotations::Answers::any,
                   .refuses = policy.otherwise.value_or(Otherwise::reject) == Otherwise::reject};
  if (asked.serves) {
    const std::vector<Target> listeners = merge_listeners(*policy.bind);
    ruleset.chains.push_back(
        {"replies", std::nullopt, endpoints.match("bind", listeners, Side::source)});
    ruleset.chains.push_back(
        {"served", std::nullopt, endpoints.match("bind", listeners, Side::destination)});
  }
  std::vector<Rule> allowed;
  if (asked.sends) {
    std::vector<Target> peers = merge_endpoints(with_answers(policy));
    allowed = endpoints.match("egress", peers, Side::destination);
    std::erase_if(peers, [](const Target& peer) { return !answers_unasked(peer); });
    asked.hears = !peers.empty();
    if (asked.hears) {
      Chain answers{"answers", std::nullopt, endpoints.match("egress", peers, Side::source)};
      for (Rule& rule : endpoints.match("groups", groups_of(policy), Side::destination)) {
        answers.rules.push_back(std::move(rule));
      }
      ruleset.chains.push_back(std::move(answers));
    }
  }
  const auto add = [&ruleset](std::vector<Chain> chains) {
    std::move(chains.begin(), chains.end(), std::back_inserter(ruleset.chains));
  };
  std::vector<Set> filled = arriving_sets(asked);
  std::move(filled.begin(), filled.end(), std::back_inserter(ruleset.sets));
  add(refusing_chains(asked, std::move(allowed)));
  add(leaving_chains(asked));
  add(arriving_chains(asked));
  if (slot == 0) add({forward_chain()});
  return ruleset;
}

}  // namespace socklid
