// SPDX-License-Identifier: Apache-2.0
#include "hook/plan.hpp"

#include <algorithm>
#include <array>
#include <map>

#include "annotations/family.hpp"
#include "hook/seal.hpp"

namespace socklid {
namespace {

using annotations::Endpoint;
using annotations::Family;
using annotations::Policy;
using annotations::Protocol;
using annotations::Verdict;

// AF_* (include/linux/socket.h), NETLINK_* (linux/netlink.h), IPPROTO_* (linux/in.h).
constexpr unsigned af_unix = 1;
constexpr unsigned af_inet = 2;
constexpr unsigned af_inet6 = 10;
constexpr unsigned af_netlink = 16;
constexpr unsigned netlink_route = 0, netlink_xfrm = 6, netlink_netfilter = 12,
                   netlink_generic = 16;

/// The mark that `egress` takes where none is given: any will do in a namespace of its own.
constexpr annotations::Mark taken_mark{1, annotations::default_mark_mask};

constexpr std::uint64_t bit(unsigned number) {
  return std::uint64_t{1} << number;
}

bool names(const std::vector<Endpoint>& endpoints, Protocol protocol) {
  return std::any_of(endpoints.begin(), endpoints.end(),
                     [&](const Endpoint& e) { return e.protocol == protocol; });
}

/// Whether the list that governs peers, `connect` before `egress`, names this protocol.
bool opens(const Policy& policy, Protocol protocol) {
  if (policy.connect.otherwise == Verdict::deny) return names(policy.connect.endpoints, protocol);
  return policy.egress && names(*policy.egress, protocol);
}

/// What a restricting policy leaves open: families, netlink protocols, raw sockets.
void open_families(const Policy& policy, sl_policy& image) {
  image.families = bit(af_unix);
  if (!policy.families) {
    image.families |= bit(af_inet) | bit(af_inet6) | bit(af_netlink);
    image.netlink = 1u << netlink_route;
    return;
  }
  for (const Family& family : *policy.families) {
    switch (family.kind) {
      case Family::Kind::address_family:
        image.families |= bit(family.number);
        if (family.number == af_netlink) image.netlink |= 1u << netlink_route;
        break;
      case Family::Kind::netlink_protocol:
        image.families |= bit(af_netlink);
        image.netlink |= 1u << family.number;
        break;
      case Family::Kind::raw:
        image.flags |= SL_OPEN_RAW;
        break;
    }
  }
}

bool may_write_routes(const Policy& policy) {
  const Family route{Family::Kind::netlink_protocol, netlink_route};
  return policy.families && std::find(policy.families->begin(), policy.families->end(), route) !=
                                policy.families->end();
}

std::uint32_t verb_flags(const Policy& policy) {
  const auto flag = [](Verdict verdict, std::uint32_t allowed) {
    return verdict == Verdict::allow ? allowed : 0;
  };
  return flag(policy.create, SL_ALLOW_CREATE) | flag(policy.create_tcp, SL_ALLOW_CREATE_TCP) |
         flag(policy.create_udp, SL_ALLOW_CREATE_UDP) |
         flag(policy.connect.otherwise, SL_ALLOW_CONNECT) |
         flag(policy.bind.otherwise, SL_ALLOW_BIND) | flag(policy.listen, SL_ALLOW_LISTEN) |
         flag(policy.accept, SL_ALLOW_ACCEPT) | flag(policy.shutdown, SL_ALLOW_SHUTDOWN);
}

/// Protocols that stay closed unless they are named.
std::uint32_t protocol_flags(const Policy& policy) {
  return (opens(policy, Protocol::icmp) ? SL_OPEN_ICMP : 0) |
         (opens(policy, Protocol::sctp) ? SL_OPEN_SCTP : 0) |
         (opens(policy, Protocol::dccp) ? SL_OPEN_DCCP : 0);
}

/// A packet that is dropped gets no answer, so that a refusal must be told by the call. Rules can
/// answer.
std::uint32_t packet_flags(const Policy& policy, Placement placement) {
  if (placement.netns == NetnsKind::shared) return SL_JUDGE_PACKETS | SL_LOOPBACK_IS_FREE;
  const bool rejects =
      policy.otherwise.value_or(annotations::Otherwise::reject) == annotations::Otherwise::reject;
  return SL_JUDGE_PACKETS | (rejects ? SL_REFUSE_AT_CALL : 0);
}

Hooks needed_hooks(const Policy& policy, const Plan& plan, bool restricted) {
  using Seal = annotations::Seal::Kind;
  // What may not be made may not be put to use either, if it was made before or elsewhere.
  const bool creates = annotations::denies_new(policy);
  const bool binds = policy.bind.otherwise == Verdict::deny;
  const bool ports = creates || binds || plan.rules;
  // Peers are also judged for sockets that were handed in; ports, where those may be of a namespace
  // without the rules.
  const bool peers = restricted || plan.mark;
  const bool sctp = (plan.image.flags & SL_OPEN_SCTP) != 0 &&
                    (binds || policy.connect.otherwise == Verdict::deny);
  const bool changes = restricted && (plan.image.flags & SL_WRITE_ROUTES) == 0;
  const bool packets = (plan.image.flags & SL_JUDGE_PACKETS) != 0;
  const bool any = policy != Policy{};
  const std::array<std::pair<Hook, bool>, hook_count> table = {{
      {Hook::socket_create, restricted},
      {Hook::socket_post_create, plan.mark.has_value()},
      {Hook::socket_bind, ports},
      {Hook::socket_connect, peers},
      {Hook::socket_sendmsg, peers},
      {Hook::socket_listen, ports || policy.listen == Verdict::deny},
      {Hook::socket_accept, policy.accept == Verdict::deny},
      {Hook::socket_setsockopt, restricted || plan.mark.has_value()},
      {Hook::inet_egress, packets || (peers && !plan.rules)},
      {Hook::inet_ingress, packets},
      {Hook::sock_ops, policy.seal.kind == Seal::listen},
      {Hook::socket_shutdown, policy.shutdown == Verdict::deny},
      {Hook::netlink_send, restricted},
      {Hook::bpf, restricted},
      {Hook::file_ioctl, changes},
      {Hook::file_ioctl_compat, changes},
      {Hook::file_open, any},
      {Hook::task_alloc, any},
      {Hook::sctp_bind_connect, sctp},
      {Hook::sock_graft, policy.seal.kind == Seal::accept},
      {Hook::bprm_committed_creds, policy.seal.kind == Seal::after},
  }};
  Hooks hooks;
  for (const auto& [hook, needed] : table) {
    if (needed) hooks.push_back(hook);
  }
  return hooks;
}

/// Whether an opened family is a way past the rules: they see packets of IP sockets only, and
/// some of netlink's protocols change what the rules stand on.
bool leads_past_rules(const Family& family) {
  switch (family.kind) {
    case Family::Kind::address_family:
      return family.number != af_unix && family.number != af_inet && family.number != af_inet6 &&
             family.number != af_netlink;
    case Family::Kind::netlink_protocol:
      return family.number == netlink_route || family.number == netlink_xfrm ||
             family.number == netlink_netfilter || family.number == netlink_generic;
    case Family::Kind::raw:
      return false;
  }
  return true;
}

void note_families(const Policy& policy, std::vector<std::string>& notes) {
  if (!policy.egress || !policy.families) return;
  for (const Family& family : *policy.families) {
    if (!leads_past_rules(family)) continue;
    notes.push_back("io.socklid.families opens " + annotations::to_string(family) +
                    ", a way past io.socklid.egress");
  }
}

void note_placement(const Policy& policy, Placement placement, std::vector<std::string>& notes) {
  if (!policy.egress) return;
  if (placement.netns == NetnsKind::host) {
    notes.emplace_back(
        "in the host's network namespace io.socklid.egress holds for loopback too, and judges UDP "
        "after the host's address translation");
    return;
  }
  if (!policy.mark) notes.emplace_back("io.socklid.egress without io.socklid.mark takes mark 1");
  if (placement.slot != 0) {
    notes.push_back(
        "the network namespace is shared: bits 24..31 of the mark tell its containers "
        "apart (here " +
        std::to_string(placement.slot) + ", nft table inet " + table_name(placement.slot) + ")");
  }
}

std::vector<std::string> notes_on(const Policy& policy, const Plan& plan, Placement placement) {
  std::vector<std::string> notes;
  note_families(policy, notes);
  note_placement(policy, placement, notes);
  if (policy.egress && policy.bind.endpoints.empty()) {
    notes.emplace_back("inbound service is closed; add io.socklid.bind");
  }
  if (plan.mark && !plan.rules) {
    notes.emplace_back(
        "io.socklid.mark alone marks sockets and filters nothing; the mark does not survive "
        "leaving the network namespace");
  }
  if (plan.seal) {
    notes.emplace_back(
        "until the seal (" + to_string(policy.seal) +
        ") create, connect, bind, listen, accept and shutdown are free; all else holds from the "
        "start");
  }
  const bool udp_server = names(policy.bind.endpoints, Protocol::udp);
  if (policy.connect.otherwise == Verdict::deny && udp_server) {
    notes.emplace_back(
        "a UDP server answers with addressed sends, to peers that io.socklid.connect has to name");
  }
  if (policy.connect.otherwise == Verdict::deny && policy.egress) {
    notes.emplace_back(
        "io.socklid.connect judges at the call, io.socklid.egress packets: both must name a peer");
  } else if (policy.egress && !policy.egress->empty()) {
    notes.emplace_back(
        "io.socklid.egress judges packets, after the call; the same list as io.socklid.connect "
        "would "
        "refuse at the call");
  }
  return notes;
}

}  // namespace

Plan compile(const Policy& policy, Placement placement) {
  const bool restricted = annotations::restricts(policy);
  const bool packets = policy.egress && placement.netns != NetnsKind::own;
  Plan plan;
  plan.rules = policy.egress && placement.netns != NetnsKind::host;
  plan.mark = policy.mark;
  if (plan.rules && !plan.mark) plan.mark = taken_mark;
  if (plan.rules && placement.slot != 0) {
    plan.mark->value |= std::uint32_t{placement.slot} << slot_shift;
    plan.mark->mask |= slot_mask;
  }

  plan.image.flags = SL_CONFIGURED | verb_flags(policy) | protocol_flags(policy);
  if (!restricted) plan.image.flags |= SL_UNRESTRICTED;
  if (may_write_routes(policy)) plan.image.flags |= SL_WRITE_ROUTES;
  open_families(policy, plan.image);
  if (plan.mark) {
    plan.image.flags |= SL_SET_MARK;
    plan.image.mark = plan.mark->value;
    plan.image.mark_mask = plan.mark->mask;
  }
  plan.seal = seal_image(policy.seal);
  if (plan.seal) plan.image.flags |= SL_SEALED_LATER;
  if (packets) plan.image.flags |= packet_flags(policy, placement);
  plan.lists = compile_lists(policy.connect.endpoints, policy.bind.endpoints,
                             packets ? &*policy.egress : nullptr);
  plan.hooks = needed_hooks(policy, plan, restricted);
  plan.notes = notes_on(policy, plan, placement);
  return plan;
}

}  // namespace socklid
