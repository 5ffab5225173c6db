// SPDX-License-Identifier: Apache-2.0
//
// Plan: everything that will be done for one container, as a value. Pure: made from the policy
// alone, printed by `socklid explain`, carried out by hook/hook.hpp.
//
//   const Plan plan = compile(policy);
//   const std::string text = to_string(plan);
#pragma once

#include <bitset>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "annotations/policy.hpp"
#include "base/result.hpp"
#include "bpf/policy_abi.h"
#include "hook/endpoint_lists.hpp"
#include "hook/placement.hpp"

namespace socklid {

/// The kernel hooks our programs attach to. The first eight are per-cgroup LSM programs, of which
/// the kernel has ten slots for distinct hooks (CGROUP_LSM_NUM, include/linux/bpf-cgroup-defs.h);
/// the next three are other per-cgroup programs, which take none, for packets
/// (BPF_CGROUP_INET_EGRESS, _INGRESS) and for listening TCP sockets (BPF_CGROUP_SOCK_OPS);
/// the others are plain LSM programs, shared by all containers of the node (D2).
enum class Hook : std::uint8_t {
  socket_create,
  socket_post_create,
  socket_bind,
  socket_connect,
  socket_sendmsg,
  socket_listen,
  socket_accept,
  socket_setsockopt,
  inet_egress,
  inet_ingress,
  sock_ops,
  socket_shutdown,
  netlink_send,
  bpf,
  file_ioctl,
  file_ioctl_compat,  ///< not on every kernel; its work is file_ioctl's there
  file_open,
  task_alloc,
  sctp_bind_connect,
  sock_graft,
  bprm_committed_creds,
};
inline constexpr std::size_t hook_count = 21;
inline constexpr std::size_t cgroup_hook_count = 11;
inline constexpr std::size_t lsm_slot_count = 8;  ///< of these, the ones that take a slot

[[nodiscard]] std::string_view name(Hook hook);
[[nodiscard]] constexpr bool is_per_cgroup(Hook hook) {
  return static_cast<std::size_t>(hook) < cgroup_hook_count;
}

/// Only the hooks a policy needs (D2), in the order of the enumeration.
using Hooks = std::vector<Hook>;
[[nodiscard]] Hooks every_hook();

struct Plan {
  Hooks hooks;
  sl_policy image{};    ///< cgroup, namespace and generation are 0: written in when they are known
  EndpointLists lists;  ///< what connect and bind name; where packets are judged, egress too
  std::optional<sl_seal> seal;  ///< open until it is sealed; pid and started_at are 0
  std::optional<annotations::Mark>
      mark;  ///< of every new socket, with the slot; taken for rules if not given
  bool rules{
      false};  ///< whether nft rules are installed: for `egress`, but not in the host's namespace
  std::vector<std::string> notes;  ///< what a person should know, one line each
};

/// Total: every policy that check_placement() lets through has a plan.
[[nodiscard]] Plan compile(const annotations::Policy& policy, Placement placement = {});

/// The hooks by name, and the notes, one per line.
[[nodiscard]] std::string to_string(const Plan& plan);

/// The annotation a reason for denial goes back to, "io.socklid.bind".
[[nodiscard]] std::string_view annotation_of(sl_reason reason);
/// What was refused, "bind", "create (tcp)", for lists.
[[nodiscard]] std::string_view name_of(sl_reason reason);

}  // namespace socklid
