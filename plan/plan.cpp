// SPDX-License-Identifier: Apache-2.0
#include "plan/plan.hpp"

#include <linux/netlink.h>
#include <sys/socket.h>

#include <algorithm>

#include "annotations/family.hpp"
#include "plan/seal.hpp"

namespace socklid {
namespace {

using annotations::Family;
using annotations::Policy;
using annotations::Protocol;
using annotations::Verdict;

/// The mark that `egress` takes where none is given: any will do in a namespace of its own.
constexpr annotations::Mark taken_mark{1, annotations::default_mark_mask};

constexpr std::uint64_t bit(unsigned number) {
  return std::uint64_t{1} << number;
}

/// Whether the list that governs peers, `connect` before `egress`, names this protocol.
bool opens(const Policy& policy, Protocol protocol) {
  if (policy.connect) return names(*policy.connect, protocol);
  return policy.egress && names(*policy.egress, protocol);
}

/// What a restricting policy leaves open: families, netlink protocols, raw sockets.
void open_families(const Policy& policy, sl_policy& image) {
  image.families = bit(AF_UNIX);
  if (!policy.families) {
    image.families |= bit(AF_INET) | bit(AF_INET6) | bit(AF_NETLINK);
    image.netlink = 1u << NETLINK_ROUTE;
    return;
  }
  for (const Family& family : *policy.families) {
    switch (family.kind) {
      case Family::Kind::address_family:
        image.families |= bit(family.number);
        if (family.number == AF_NETLINK) image.netlink |= 1u << NETLINK_ROUTE;
        break;
      case Family::Kind::netlink_protocol:
        image.families |= bit(AF_NETLINK);
        image.netlink |= 1u << family.number;
        break;
      case Family::Kind::raw:
        image.flags |= SL_OPEN_RAW;
        break;
    }
  }
}

std::uint32_t verb_flags(const Policy& policy) {
  const auto flag = [](bool is, std::uint32_t allowed) { return is ? allowed : 0; };
  const auto allows = [](Verdict verdict) { return verdict == Verdict::allow; };
  return flag(allows(policy.create), SL_ALLOW_CREATE) |
         flag(allows(policy.create_tcp), SL_ALLOW_CREATE_TCP) |
         flag(allows(policy.create_udp), SL_ALLOW_CREATE_UDP) |
         flag(!policy.connect, SL_ALLOW_CONNECT) | flag(!policy.bind, SL_ALLOW_BIND) |
         flag(allows(policy.listen), SL_ALLOW_LISTEN) |
         flag(allows(policy.accept), SL_ALLOW_ACCEPT) |
         flag(allows(policy.shutdown), SL_ALLOW_SHUTDOWN);
}

/// Whether no TCP port that the kernel may choose is left out, on any address.
bool names_every_tcp_port(const annotations::Endpoints& ports) {
  return std::any_of(ports.begin(), ports.end(), [](const annotations::Endpoint& one) {
    return one.protocol == Protocol::tcp && !one.prefix && one.ports.first <= 1 &&
           one.ports.last == 65535;
  });
}

/// The ports of `bind` as its list has them: port 0 stands for the kernel's choice, which is named
/// where every port is.
annotations::Endpoints ports_of(const Policy& policy) {
  annotations::Endpoints ports = named(policy.bind);
  std::erase_if(ports, [](const annotations::Endpoint& one) { return one.ports.last == 0; });
  for (annotations::Endpoint& one : ports) {
    if (one.ports.last != 65535 && one.ports.first == 0) one.ports.first = 1;
  }
  return ports;
}

/// Protocols that stay closed unless they are named.
std::uint32_t protocol_flags(const Policy& policy) {
  return (opens(policy, Protocol::icmp) ? SL_OPEN_ICMP : 0) |
         (opens(policy, Protocol::sctp) ? SL_OPEN_SCTP : 0) |
         (opens(policy, Protocol::dccp) ? SL_OPEN_DCCP : 0);
}

/// What `options` opens of socket options, and whether groups may be joined: with an empty `egress`
/// their reports may not leave, with another one they are counted.
std::uint32_t option_flags(const Policy& policy) {
  const bool reports = !policy.egress || !policy.egress->empty();
  return (policy.options.transparent ? SL_OPEN_TRANSPARENT : 0) |
         (policy.options.source_groups ? SL_OPEN_SOURCE_GROUPS : 0) | (reports ? SL_MAY_JOIN : 0);
}

/// What `deputies` and `bpf` open.
std::uint32_t deputy_flags(const Policy& policy) {
  return (policy.deputies.keys ? SL_OPEN_KEYS : 0) | (policy.deputies.mounts ? SL_OPEN_MOUNTS : 0) |
         (policy.deputies.sysfs ? SL_OPEN_SYSFS : 0) |
         (policy.deputies.sysctl ? SL_OPEN_SYSCTL : 0) |
         (policy.bpf == Verdict::allow ? SL_ALLOW_BPF : 0);
}

/// A packet that is dropped gets no answer, so that a refusal must be told by the call. Rules can
/// answer.
std::uint32_t packet_flags(const Policy& policy, Placement placement) {
  if (placement.netns != NetnsKind::host) return SL_JUDGE_PACKETS | SL_LOOPBACK_IS_FREE;
  const bool rejects =
      policy.otherwise.value_or(annotations::Otherwise::reject) == annotations::Otherwise::reject;
  return SL_JUDGE_PACKETS | (rejects ? SL_REFUSE_AT_CALL : 0);
}

/// Datagram sockets in a namespace that is the container's own. A connection under a list is judged
/// by its packets, but under a seal: what was connected before it goes on. In other namespaces
/// neighbours would get what the packet programs never see: the copies of broadcasts and of
/// multicasts that the kernel makes for its own receivers (ip_mc_output), and what IPVS sends.
/// Ports are nobody else's, and under `egress` what comes to them is judged.
std::uint32_t datagram_flags(const Policy& policy, Placement placement) {
  if (placement.netns != NetnsKind::own) return 0;
  const bool by_packet = !named(policy.connect).empty() && policy.seal == annotations::Seal{};
  return (by_packet ? SL_CONNECT_BY_PACKET : 0) | (policy.egress ? SL_OPEN_UDP_PORTS : 0);
}

/// Whether `bind` leaves the port of a TCP listener to the kernel, but on some addresses only.
bool names_chosen_ports(const Policy& policy) {
  const annotations::Endpoints ports = named(policy.bind);
  return std::any_of(ports.begin(), ports.end(), [](const annotations::Endpoint& one) {
    return one.protocol == Protocol::tcp && one.prefix && one.ports == annotations::PortRange{};
  });
}

/// Whether an opened family is a way past the rules: they see packets of IP sockets only, and
/// some of netlink's protocols change what the rules stand on.
bool leads_past_rules(const Family& family) {
  switch (family.kind) {
    case Family::Kind::address_family:
      return family.number != AF_UNIX && family.number != AF_INET && family.number != AF_INET6 &&
             family.number != AF_NETLINK;
    case Family::Kind::netlink_protocol:
      return family.number == NETLINK_ROUTE || family.number == NETLINK_XFRM ||
             family.number == NETLINK_NETFILTER || family.number == NETLINK_GENERIC;
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

void note_options(const Policy& policy, std::vector<std::string>& notes) {
  if (policy.options.transparent) {
    notes.emplace_back(
        "io.socklid.options opens transparent: packets may leave with a source that is not the "
        "container's, to the peers that are named");
  }
  if (policy.options.source_groups) {
    notes.emplace_back(
        "io.socklid.options opens source-groups: the kernel's multicast reports carry addresses of "
        "the container's choice to its own link, kilobytes of them");
  }
}

/// What each deputy's opening costs.
void note_deputies(const Policy& policy, std::vector<std::string>& notes) {
  const auto note = [&notes](bool open, std::string_view price) {
    if (open) notes.push_back("io.socklid." + std::string(price));
  };
  note(policy.deputies.keys,
       "deputies opens keys: the host's root asks name servers, file servers or programs of the "
       "host for what the container wants to know");
  note(policy.deputies.mounts,
       "deputies opens mounts: the kernel connects to file servers, and serves files, in sockets "
       "that no verb judges");
  note(policy.deputies.sysfs,
       "deputies opens sysfs: with CAP_NET_ADMIN the container makes and changes links by files, "
       "and has the kernel send what it likes (pktgen, netconsole)");
  note(policy.deputies.sysctl,
       "deputies opens sysctl: with CAP_NET_ADMIN the container forwards packets, answers for "
       "other addresses and chooses the ports that the kernel gives out");
  note(policy.bpf == Verdict::allow,
       "bpf opens bpf(2): with CAP_BPF and CAP_SYS_ADMIN of the host the container takes every "
       "policy of the node away");
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

/// What programs are known to want that the ports of `bind` leave out.
void note_ports(const Policy& policy, Placement placement, std::vector<std::string>& notes) {
  if (!policy.bind) return;
  const bool asks = policy.egress && names(*policy.egress, Protocol::udp);
  if (asks && placement.netns != NetnsKind::own) {
    notes.emplace_back(
        "programs that choose the ports they ask from (unbound, BIND) need udp/1024-65535 in "
        "io.socklid.bind where the network namespace is not their own, and are open to datagrams "
        "there");
  }
  const bool on_loopback =
      std::any_of(policy.bind->begin(), policy.bind->end(), [](const annotations::Endpoint& one) {
        return one.protocol == Protocol::tcp &&
               (one.prefix || one.ports == annotations::PortRange{});
      });
  if (!on_loopback) {
    notes.emplace_back(
        "programs that listen on loopback, on ports of the kernel's choice (Jupyter, debuggers), "
        "need tcp@127.0.0.1 in io.socklid.bind");
  }
}

/// What a wider `answers` costs, and who is known to need it.
void note_answers(const Policy& policy, std::vector<std::string>& notes) {
  using annotations::Answers;
  const auto asks = [&policy](std::uint16_t port) {
    return std::any_of(
        policy.egress->begin(), policy.egress->end(), [&](const annotations::Endpoint& one) {
          return one.protocol == Protocol::udp && one.ports == annotations::PortRange{port, port};
        });
  };
  if (!policy.egress) return;
  if (policy.answers == Answers::host) {
    notes.emplace_back(
        "io.socklid.answers=host: whom a datagram was sent to may answer from every port, and be "
        "written to there; the rules let datagrams to every port of the named addresses leave");
  }
  if (policy.answers == Answers::any) {
    notes.emplace_back(
        "io.socklid.answers=any: anybody may send datagrams to a socket that has sent one; the "
        "rules let all datagrams in");
  }
  if (policy.answers == Answers::peer && asks(69)) {
    notes.emplace_back("TFTP answers from another port: it needs io.socklid.answers=host");
  }
  if (policy.answers != Answers::any && (asks(1900) || asks(3702))) {
    notes.emplace_back(
        "SSDP and WS-Discovery are answered by others than were asked: they need "
        "io.socklid.answers=any");
  }
}

/// A server that listens for both versions of IP by a socket each is sealed by its first one.
void note_seal(const Policy& policy, std::vector<std::string>& notes) {
  std::string both;
  for (const annotations::Endpoint& one : policy.seal.listens) {
    const std::string port = annotations::to_string(one);
    both += one.prefix ? " " + port : " " + port + "@0.0.0.0 " + port + "@::";
  }
  const bool any = std::any_of(policy.seal.listens.begin(), policy.seal.listens.end(),
                               [](const annotations::Endpoint& one) { return !one.prefix; });
  if (any) {
    notes.push_back(
        "a server with a socket for each version of IP is sealed by the first: it needs "
        "io.socklid.seal=listen" +
        both);
  }
}

std::vector<std::string> notes_on(const Policy& policy, const Plan& plan, Placement placement) {
  std::vector<std::string> notes;
  note_families(policy, notes);
  note_options(policy, notes);
  note_deputies(policy, notes);
  note_placement(policy, placement, notes);
  note_ports(policy, placement, notes);
  note_seal(policy, notes);
  note_answers(policy, notes);
  if (policy.egress && named(policy.bind).empty()) {
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
  const bool udp_server = names(named(policy.bind), Protocol::udp);
  if (policy.connect && udp_server) {
    notes.emplace_back(
        "a UDP server answers with addressed sends, to peers that io.socklid.connect has to name");
  }
  if (policy.connect && policy.egress) {
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
  Plan plan;
  plan.rules = policy.egress && placement.netns != NetnsKind::host;
  plan.mark = policy.mark;
  if (plan.rules && !plan.mark) plan.mark = taken_mark;
  if (plan.rules && placement.slot != 0) {
    plan.mark->value |= std::uint32_t{placement.slot} << slot_shift;
    plan.mark->mask |= slot_mask;
  }

  plan.image.flags = SL_CONFIGURED | verb_flags(policy) | protocol_flags(policy) |
                     option_flags(policy) | deputy_flags(policy);
  if (!restricted) plan.image.flags |= SL_UNRESTRICTED;
  if (may_write_routes(policy)) plan.image.flags |= SL_WRITE_ROUTES;
  if (names_every_tcp_port(named(policy.bind))) plan.image.flags |= SL_ANY_TCP_PORT;
  open_families(policy, plan.image);
  if (plan.mark) {
    plan.image.flags |= SL_SET_MARK;
    plan.image.mark = plan.mark->value;
    plan.image.mark_mask = plan.mark->mask;
  }
  plan.seal = seal_image(policy.seal);
  if (plan.seal) plan.image.flags |= SL_SEALED_LATER;
  if (policy.egress) plan.image.flags |= packet_flags(policy, placement);
  plan.image.answers = static_cast<std::uint32_t>(policy.answers);
  plan.image.flags |= datagram_flags(policy, placement);
  plan.image.more_flags = names_chosen_ports(policy) ? SL_NAMES_CHOSEN_PORTS : 0;
  plan.lists = compile_lists(named(policy.connect), ports_of(policy),
                             policy.egress ? &*policy.egress : nullptr);
  plan.hooks = needed_hooks(policy, placement.netns);
  plan.notes = notes_on(policy, plan, placement);
  return plan;
}

}  // namespace socklid
