// SPDX-License-Identifier: Apache-2.0
#include "plan/notes.hpp"

#include <linux/netlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <string_view>

#include "annotations/family.hpp"
#include "plan/causes.hpp"
#include "plan/subject_notes.hpp"

namespace socklid {
namespace {

using annotations::Family;
using annotations::Policy;
using annotations::Protocol;
using annotations::Verdict;

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
       "has the kernel send what it likes (pktgen, netconsole), and may have it run a program of "
       "the container's for the host (binfmt_misc)");
  note(policy.deputies.sysctl,
       "deputies opens sysctl: with CAP_NET_ADMIN the container forwards packets, answers for "
       "other addresses and chooses the ports that the kernel gives out; root of the host names "
       "what the kernel starts on the host (core_pattern)");
  note(policy.bpf == Verdict::allow,
       "bpf opens bpf(2): with CAP_BPF and CAP_SYS_ADMIN of the host the container takes every "
       "policy of the node away");
}

/// Such balancers are a cluster's, and its containers are in pods.
void note_services(const Policy& policy, Placement placement, std::vector<std::string>& notes) {
  if (!policy.egress || placement.netns != NetnsKind::shared) return;
  const bool addressed =
      std::any_of(policy.egress->begin(), policy.egress->end(),
                  [](const annotations::Endpoint& one) { return one.prefix.has_value(); });
  if (!addressed) return;
  notes.emplace_back(
      "behind a balancer of sockets (Cilium) a service's packets go to its pods: "
      "io.socklid.egress names these, io.socklid.connect the service (docs/kubernetes.md)");
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
        "io.socklid.answers=host: a peer that was sent a datagram may answer from every port, and "
        "be written to there; the rules let datagrams to every port of the named addresses leave");
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
        "in SSDP and WS-Discovery another answers than was asked: they need "
        "io.socklid.answers=any");
  }
}

void note_seal(const Policy& policy, std::vector<std::string>& notes) {
  const std::string both = seal_for_both(policy);
  if (both.empty()) return;
  notes.push_back(
      "a server with a socket for each version of IP is sealed when the first one listens: it "
      "needs " +
      both);
}

}  // namespace

std::string seal_for_both(const Policy& policy) {
  std::string both;
  for (const annotations::Endpoint& one : policy.seal.listens) {
    const std::string port = annotations::to_string(one);
    both += one.prefix ? " " + port : " " + port + "@0.0.0.0 " + port + "@::";
  }
  const bool any = std::any_of(policy.seal.listens.begin(), policy.seal.listens.end(),
                               [](const annotations::Endpoint& one) { return !one.prefix; });
  return any ? "io.socklid.seal=listen" + both : std::string();
}

std::vector<std::string> notes_on(const Policy& policy, const Plan& plan, Placement placement) {
  std::vector<std::string> notes;
  note_families(policy, notes);
  note_options(policy, notes);
  note_deputies(policy, notes);
  note_placement(policy, placement, notes);
  note_services(policy, placement, notes);
  note_ports(policy, placement, notes);
  note_seal(policy, notes);
  note_answers(policy, notes);
  note_subjects(policy, plan, notes);
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

}  // namespace socklid
