// SPDX-License-Identifier: Apache-2.0
#include "plan/causes.hpp"

#include <linux/netlink.h>

#include <algorithm>

namespace socklid {

using annotations::Endpoint;
using annotations::Endpoints;
using annotations::Family;
using annotations::Policy;
using annotations::Protocol;

bool names(const Endpoints& endpoints, Protocol protocol) {
  return std::any_of(endpoints.begin(), endpoints.end(),
                     [&](const Endpoint& one) { return one.protocol == protocol; });
}

bool may_write_routes(const Policy& policy) {
  const Family route{Family::Kind::netlink_protocol, NETLINK_ROUTE};
  return policy.families && std::find(policy.families->begin(), policy.families->end(), route) !=
                                policy.families->end();
}

namespace because {
namespace {

/// `egress` where nft rules enforce it: only there does it take a mark.
Keys rules(const Asked& asked) {
  return asked.netns == NetnsKind::host ? Keys{} : given<Key::egress>(asked);
}

}  // namespace

Keys nothing(const Asked& /*asked*/) {
  return {};
}

Keys restricts(const Asked& asked) {
  return asked.given & annotations::restricting_keys;
}

Keys confines(const Asked& asked) {
  return restricts(asked) | given<Key::mark>(asked);
}

Keys holds(const Asked& asked) {
  const bool denies_bpf = asked.policy.bpf == annotations::Verdict::deny;
  return (asked.given & annotations::policy_keys) | (denies_bpf ? Keys{Key::bpf} : Keys{});
}

Keys guards_bpf(const Asked& asked) {
  return asked.policy.bpf == annotations::Verdict::allow ? Keys{} : holds(asked);
}

Keys closes_ioctls(const Asked& asked) {
  return keeps_routes(asked) | guards_bpf(asked) | protects_files(asked);
}

Keys marks(const Asked& asked) {
  return given<Key::mark>(asked) | rules(asked);
}

Keys judges_ports(const Asked& asked) {
  return given<Key::create, Key::create_tcp, Key::create_udp, Key::bind>(asked) | rules(asked);
}

Keys judges_listens(const Asked& asked) {
  return judges_ports(asked) | given<Key::listen>(asked);
}

Keys judges_flows(const Asked& asked) {
  return rules(asked).empty() ? confines(asked) : Keys{};
}

Keys keeps_marks(const Asked& asked) {
  const Keys keys = marks(asked);
  return keys.empty() ? confines(asked) : keys;
}

Keys counts_joins(const Asked& asked) {
  return named(asked.policy.egress).empty() ? Keys{} : given<Key::egress>(asked);
}

Keys serves(const Asked& asked) {
  return given<Key::bind, Key::egress>(asked);
}

Keys keeps_routes(const Asked& asked) {
  return may_write_routes(asked.policy) ? Keys{} : restricts(asked);
}

Keys names_sctp(const Asked& asked) {
  const Policy& policy = asked.policy;
  if (policy.connect && !names(*policy.connect, Protocol::sctp)) return {};
  Keys keys = policy.connect ? given<Key::connect>(asked) : Keys{};
  // Without `connect`, `egress` says which peers there are: SCTP's ports are judged if `bind` is.
  if (policy.bind && policy.egress && names(*policy.egress, Protocol::sctp)) {
    keys |= {Key::bind, Key::egress};
  }
  return keys;
}

Keys closes_families(const Asked& asked) {
  return asked.policy.families ? Keys{Key::families} : restricts(asked);
}

Keys has_subjects(const Asked& asked) {
  return given<Key::subject>(asked);
}

Keys protects_files(const Asked& asked) {
  return given<Key::subject, Key::readonly>(asked);
}

}  // namespace because
}  // namespace socklid
