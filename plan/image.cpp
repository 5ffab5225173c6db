// SPDX-License-Identifier: Apache-2.0
#include "plan/image.hpp"

#include <linux/netlink.h>
#include <sys/socket.h>

#include <algorithm>

#include "annotations/family.hpp"
#include "plan/causes.hpp"

namespace socklid {
namespace {

using annotations::Family;
using annotations::Policy;
using annotations::Protocol;
using annotations::Verdict;

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

/// A packet that is dropped gets no answer, so the call itself must report a refusal. Rules can
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

}  // namespace

sl_policy policy_image(const Policy& policy, Placement placement,
                       const std::optional<annotations::Mark>& mark) {
  sl_policy image{};
  image.flags = SL_CONFIGURED | verb_flags(policy) | protocol_flags(policy) | option_flags(policy) |
                deputy_flags(policy);
  if (!annotations::restricts(policy)) image.flags |= SL_UNRESTRICTED;
  if (may_write_routes(policy)) image.flags |= SL_WRITE_ROUTES;
  if (names_every_tcp_port(named(policy.bind))) image.flags |= SL_ANY_TCP_PORT;
  open_families(policy, image);
  if (mark) {
    image.flags |= SL_SET_MARK;
    image.mark = mark->value;
    image.mark_mask = mark->mask;
  }
  if (policy.seal != annotations::Seal{}) image.flags |= SL_SEALED_LATER;
  if (policy.egress) image.flags |= packet_flags(policy, placement);
  image.answers = static_cast<std::uint32_t>(policy.answers);
  image.flags |= datagram_flags(policy, placement);
  image.more_flags = names_chosen_ports(policy) ? SL_NAMES_CHOSEN_PORTS : 0;
  return image;
}

EndpointLists lists_of(const Policy& policy) {
  return compile_lists(named(policy.connect), ports_of(policy),
                       policy.egress ? &*policy.egress : nullptr);
}

}  // namespace socklid
