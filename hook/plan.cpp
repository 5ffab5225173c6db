// SPDX-License-Identifier: Apache-2.0
#include "hook/plan.hpp"

#include <algorithm>
#include <array>
#include <map>

namespace socklid {
namespace {

using annotations::AddressFamily;
using annotations::Endpoint;
using annotations::Family;
using annotations::Policy;
using annotations::PortRange;
using annotations::Protocol;
using annotations::Verdict;

// AF_* (include/linux/socket.h), NETLINK_* (linux/netlink.h), IPPROTO_* (linux/in.h).
constexpr unsigned af_unix = 1;
constexpr unsigned af_inet = 2;
constexpr unsigned af_inet6 = 10;
constexpr unsigned af_netlink = 16;
constexpr unsigned netlink_route = 0;
constexpr std::uint8_t ipproto_tcp = 6;
constexpr std::uint8_t ipproto_udp = 17;

/// The mark that `egress` takes where none is given: any will do in a namespace of its own.
constexpr annotations::Mark taken_mark{1, annotations::default_mark_mask};

constexpr std::uint64_t bit(unsigned number) {
  return std::uint64_t{1} << number;
}

bool names(const std::optional<std::vector<Endpoint>>& endpoints, Protocol protocol) {
  return endpoints && std::any_of(endpoints->begin(), endpoints->end(),
                                  [&](const Endpoint& e) { return e.protocol == protocol; });
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
         flag(policy.create_udp, SL_ALLOW_CREATE_UDP) | flag(policy.connect, SL_ALLOW_CONNECT) |
         flag(policy.bind.otherwise, SL_ALLOW_BIND) | flag(policy.listen, SL_ALLOW_LISTEN) |
         flag(policy.accept, SL_ALLOW_ACCEPT) | flag(policy.shutdown, SL_ALLOW_SHUTDOWN);
}

/// SCTP and DCCP open where `egress` names them; not under a restriction of `connect`, which
/// cannot be held over SCTP's own ways to choose a peer (sctp_connectx by getsockopt).
std::uint32_t protocol_flags(const Policy& policy) {
  std::uint32_t flags = names(policy.egress, Protocol::icmp) ? SL_OPEN_ICMP : 0;
  if (policy.connect != Verdict::allow) return flags;
  if (names(policy.egress, Protocol::sctp)) flags |= SL_OPEN_SCTP;
  if (names(policy.egress, Protocol::dccp)) flags |= SL_OPEN_DCCP;
  return flags;
}

/// A word of an address, as it lies in memory: network byte order.
std::uint32_t word(const std::array<std::uint8_t, 16>& bytes, std::size_t index) {
  std::uint32_t value = 0;
  std::memcpy(&value, bytes.data() + index * 4, sizeof(value));
  return value;
}

sl_bind_range to_range(const Endpoint& endpoint, PortRange ports) {
  sl_bind_range range{};
  range.first = ports.first;
  range.last = ports.last;
  range.protocol = endpoint.protocol == Protocol::tcp ? ipproto_tcp : ipproto_udp;
  if (!endpoint.prefix) return range;
  range.family = endpoint.prefix->family == AddressFamily::ipv4 ? af_inet : af_inet6;
  std::array<std::uint8_t, 16> mask{};
  for (unsigned i = 0; i < endpoint.prefix->bits; i++) {
    mask[i / 8] = static_cast<std::uint8_t>(mask[i / 8] | (0x80u >> (i % 8)));
  }
  // All of IPv4's mask: an address of one word has no bits in the others.
  for (std::size_t i = 0; i < 4; i++) {
    range.address[i] = word(endpoint.prefix->address, i);
    range.mask[i] = word(mask, i);
  }
  return range;
}

/// Ranges that touch or overlap become one, for each protocol and prefix.
std::vector<sl_bind_range> merge_ranges(std::vector<Endpoint> ports) {
  std::sort(ports.begin(), ports.end(), [](const Endpoint& a, const Endpoint& b) {
    return std::tie(a.protocol, a.prefix, a.ports) < std::tie(b.protocol, b.prefix, b.ports);
  });
  std::vector<sl_bind_range> ranges;
  for (std::size_t i = 0; i < ports.size();) {
    PortRange merged = ports[i].ports;
    std::size_t next = i + 1;
    while (next < ports.size() && ports[next].protocol == ports[i].protocol &&
           ports[next].prefix == ports[i].prefix && ports[next].ports.first <= merged.last + 1) {
      merged.last = std::max(merged.last, ports[next].ports.last);
      next++;
    }
    ranges.push_back(to_range(ports[i], merged));
    i = next;
  }
  return ranges;
}

Result<> write_bind_list(const Policy& policy, sl_policy& image) {
  const std::vector<sl_bind_range> ranges = merge_ranges(policy.bind.ports);
  if (ranges.size() > SL_BIND_MAX) {
    return fail(Exit::unsupported, "io.socklid.bind: " + std::to_string(ranges.size()) +
                                       " separate ranges, at most " + std::to_string(SL_BIND_MAX) +
                                       " are available; name wider ranges");
  }
  std::copy(ranges.begin(), ranges.end(), image.bind);
  image.bind_count = static_cast<std::uint32_t>(ranges.size());
  return {};
}

Hooks needed_hooks(const Policy& policy, const Plan& plan, bool restricted) {
  const bool binds = policy.bind.otherwise == Verdict::deny;
  const bool connects = policy.connect == Verdict::deny;
  // Rules drop a packet whose mark is not its socket's; without rules the send is refused.
  const bool marks_by_hand = plan.mark && !plan.rules;
  const std::array<std::pair<Hook, bool>, hook_count> table = {{
      {Hook::socket_create, restricted},
      {Hook::socket_post_create, plan.mark.has_value()},
      {Hook::socket_bind, binds},
      {Hook::socket_connect, connects},
      {Hook::socket_sendmsg, connects || marks_by_hand},
      {Hook::socket_listen, binds || policy.listen == Verdict::deny},
      {Hook::socket_accept, policy.accept == Verdict::deny},
      {Hook::socket_setsockopt, restricted || plan.mark.has_value()},
      {Hook::socket_shutdown, (plan.guards & SL_GUARD_SHUTDOWN) != 0},
      {Hook::netlink_send, (plan.guards & SL_GUARD_NETLINK_ROUTE) != 0},
      {Hook::bpf, (plan.guards & SL_GUARD_BPF) != 0},
  }};
  Hooks hooks;
  for (const auto& [hook, needed] : table) {
    if (needed) hooks.push_back(hook);
  }
  return hooks;
}

std::vector<std::string> notes_on(const Policy& policy, const Plan& plan) {
  std::vector<std::string> notes;
  if (policy.egress && !policy.mark) {
    notes.emplace_back("io.socklid.egress without io.socklid.mark takes mark 1");
  }
  if (policy.egress && policy.bind.ports.empty()) {
    notes.emplace_back("inbound service is closed; add io.socklid.bind");
  }
  if (plan.mark && !policy.egress) {
    notes.emplace_back(
        "io.socklid.mark alone marks sockets and filters nothing; the mark does not survive "
        "leaving the network namespace");
  }
  const bool udp_server =
      std::any_of(policy.bind.ports.begin(), policy.bind.ports.end(),
                  [](const Endpoint& e) { return e.protocol == Protocol::udp; });
  if (policy.connect == Verdict::deny && udp_server) {
    notes.emplace_back(
        "a UDP server answers with addressed sends, which io.socklid.connect=deny refuses");
  }
  if (policy.connect == Verdict::deny &&
      (names(policy.egress, Protocol::sctp) || names(policy.egress, Protocol::dccp))) {
    notes.emplace_back("SCTP and DCCP stay closed under io.socklid.connect=deny");
  }
  return notes;
}

}  // namespace

Result<Plan> compile(const Policy& policy) {
  const bool restricted = annotations::restricts(policy);
  Plan plan;
  plan.rules = policy.egress.has_value();
  plan.mark = policy.mark;
  if (plan.rules && !plan.mark) plan.mark = taken_mark;

  plan.image.flags = SL_CONFIGURED | verb_flags(policy) | protocol_flags(policy);
  if (!restricted) plan.image.flags |= SL_UNRESTRICTED;
  open_families(policy, plan.image);
  if (plan.mark) {
    plan.image.flags |= SL_SET_MARK;
    plan.image.mark = plan.mark->value;
    plan.image.mark_mask = plan.mark->mask;
  }
  SL_CHECK(write_bind_list(policy, plan.image));

  if (restricted) plan.guards |= SL_GUARD_BPF;
  if (restricted && !may_write_routes(policy)) plan.guards |= SL_GUARD_NETLINK_ROUTE;
  if (policy.shutdown == Verdict::deny) plan.guards |= SL_GUARD_SHUTDOWN;
  plan.hooks = needed_hooks(policy, plan, restricted);
  plan.notes = notes_on(policy, plan);
  return plan;
}

}  // namespace socklid
