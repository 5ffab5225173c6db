// SPDX-License-Identifier: Apache-2.0
//
// Which keys of a policy are behind what a guard does, as the tables of kernel hooks and of reasons
// name it: plan/kernel_hooks.hpp, plan/reasons.hpp. No key is there that makes no difference.
#pragma once

#include "annotations/policy.hpp"
#include "plan/placement.hpp"

namespace socklid {

/// One container's policy, and its network namespace.
struct Asked {
  const annotations::Policy& policy;
  annotations::Keys given;  ///< given_keys(policy)
  NetnsKind netns{NetnsKind::own};
};

using Because = annotations::Keys (*)(const Asked& asked);

namespace because {

using annotations::Key;
using annotations::Keys;

/// These, of those that were given.
template <Key... keys>
Keys given(const Asked& asked) {
  return asked.given & Keys{keys...};
}

/// The key that a guard is named after, whatever was given.
template <Key key>
Keys only(const Asked& /*asked*/) {
  return {key};
}

Keys nothing(const Asked& asked);
/// What closes families and protocols, and with them bpf(2) and options.
Keys restricts(const Asked& asked);
/// What sockets or packets of others would evade.
Keys confines(const Asked& asked);
/// Any policy: to leave the cgroup is to leave it.
Keys holds(const Asked& asked);
/// The same, unless `bpf` opens it: who may call bpf(2) takes a policy off.
Keys guards_bpf(const Asked& asked);
/// What closes something that the kernel could do on the container's behalf: nothing if `deputies`
/// names it.
template <bool annotations::Deputies::*deputy>
Keys closes(const Asked& asked) {
  return asked.policy.deputies.*deputy ? Keys{} : restricts(asked);
}
/// What closes ioctls: those that change routes, and perf's that attach programs.
Keys closes_ioctls(const Asked& asked);
/// What puts a mark on sockets.
Keys marks(const Asked& asked);
/// What refuses other marks: of options where there is a mark to keep, else of packets.
Keys keeps_marks(const Asked& asked);
/// What judges ports, also those of sockets that were made before or elsewhere.
Keys judges_ports(const Asked& asked);
Keys judges_listens(const Asked& asked);
/// What a flow's mark, and a packet's, is compared with its socket for, where no rules of `egress`
/// stand that do it.
Keys judges_flows(const Asked& asked);
/// What lets multicast groups be joined, and so reported, but not any number of them.
Keys counts_joins(const Asked& asked);
/// What says what may arrive unasked: a packet is refused by both.
Keys serves(const Asked& asked);
/// What a change of routes would evade; nothing if the policy lets them be changed.
Keys keeps_routes(const Asked& asked);
/// What opens SCTP to some peers or ports.
Keys names_sctp(const Asked& asked);
/// `families` alone if it was given, for then it says what is open.
Keys closes_families(const Asked& asked);

/// That programs of the container have policies of their own: what knows who a task is.
Keys has_subjects(const Asked& asked);
/// What files of the container are protected for: those that it names, and each subject's program.
Keys protects_files(const Asked& asked);

/// What any of these is for.
template <Because... each>
Keys either(const Asked& asked) {
  return (each(asked) | ...);
}

template <annotations::Seal::Kind kind>
Keys seals(const Asked& asked) {
  return asked.policy.seal.kind == kind ? Keys{Key::seal} : Keys{};
}

}  // namespace because

/// Whether an endpoint of the protocol is in the list.
[[nodiscard]] bool names(const annotations::Endpoints& endpoints, annotations::Protocol protocol);
/// Whether `families` lets routes be changed.
[[nodiscard]] bool may_write_routes(const annotations::Policy& policy);

}  // namespace socklid
