// SPDX-License-Identifier: Apache-2.0
//
// Why an attempt was refused, in words: a row for each sl_reason (bpf/policy_abi.h), by which the
// programs count.
//
//   name_of(SL_REASON_BIND)                                "bind"
//   causes(SL_REASON_BPF, policy, NetnsKind::own)          the keys that restrict the network
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

#include "bpf/policy_abi.h"
#include "plan/causes.hpp"

namespace socklid {

struct ReasonInfo {
  sl_reason reason{};
  std::string_view name;  ///< what was refused, for lists
  Because because{};      ///< the keys it goes back to; none: to no key
  /// The same where the policy is not known; empty: what `because` says of any.
  std::string_view general{};
};

// The guards and closures are the doing of every key that restricts the network.
inline constexpr std::string_view any_restricting =
    "io.socklid.* (the policy restricts the network)";

inline constexpr std::string_view any_subject = "io.socklid.subject.NAME";

inline constexpr std::string_view any_policy = "io.socklid.* (any policy)";

inline constexpr std::array<ReasonInfo, SL_REASON_COUNT> reason_table{{
    {SL_REASON_NONE, "none", because::nothing},
    {SL_REASON_UNCONFIGURED, "any (policy not written)", because::nothing},
    {SL_REASON_FAMILY, "create (family)", because::closes_families, "io.socklid.families"},
    {SL_REASON_PROTOCOL, "create (protocol)", because::restricts, any_restricting},
    {SL_REASON_CREATE, "create", because::only<annotations::Key::create>},
    {SL_REASON_CREATE_TCP, "create (tcp)", because::only<annotations::Key::create_tcp>},
    {SL_REASON_CREATE_UDP, "create (udp)", because::only<annotations::Key::create_udp>},
    {SL_REASON_CONNECT, "connect", because::only<annotations::Key::connect>},
    {SL_REASON_BIND, "bind", because::only<annotations::Key::bind>},
    {SL_REASON_LISTEN, "listen", because::only<annotations::Key::listen>},
    {SL_REASON_ACCEPT, "accept", because::only<annotations::Key::accept>},
    {SL_REASON_SHUTDOWN, "shutdown", because::only<annotations::Key::shutdown>},
    {SL_REASON_MARK, "another mark", because::keeps_marks, "io.socklid.mark"},
    {SL_REASON_SETSOCKOPT, "setsockopt", because::restricts, any_restricting},
    {SL_REASON_NETLINK, "netlink write", because::restricts, any_restricting},
    {SL_REASON_BPF, "bpf", because::guards_bpf, any_policy},
    {SL_REASON_IOCTL, "network ioctl", because::restricts, any_restricting},
    {SL_REASON_CGROUP, "leave the cgroup", because::holds, any_policy},
    {SL_REASON_FOREIGN, "foreign socket", because::confines, any_restricting},
    {SL_REASON_EGRESS, "packet out", because::only<annotations::Key::egress>},
    {SL_REASON_ARRIVAL, "packet in", because::serves, "io.socklid.bind"},
    {SL_REASON_SOURCE, "packet's source", because::only<annotations::Key::egress>},
    {SL_REASON_JOIN, "join a multicast group", because::only<annotations::Key::egress>},
    {SL_REASON_KEY, "ask the host for a key", because::closes<&annotations::Deputies::keys>,
     any_restricting},
    {SL_REASON_MOUNT, "mount", because::closes<&annotations::Deputies::mounts>, any_restricting},
    {SL_REASON_SYSFS, "sysfs", because::closes<&annotations::Deputies::sysfs>, any_restricting},
    {SL_REASON_SYSCTL, "sysctl", because::closes<&annotations::Deputies::sysctl>, any_restricting},
    {SL_REASON_MODULE, "load a module", because::restricts, any_restricting},
    {SL_REASON_SUBJECT, "unknown program", because::has_subjects, any_subject},
    {SL_REASON_HOURS, "outside its hours", because::has_subjects, any_subject},
    {SL_REASON_TRACE, "trace", because::has_subjects, any_subject},
    {SL_REASON_FILE, "change a protected file", because::protects_files, "io.socklid.readonly"},
}};

consteval bool reasons_are_in_order() {
  for (std::size_t i = 0; i < reason_table.size(); ++i) {
    if (reason_table.at(i).reason != static_cast<sl_reason>(i)) return false;
  }
  return true;
}
static_assert(reasons_are_in_order(), "a row for each reason, in the order of policy_abi.h");

[[nodiscard]] constexpr std::string_view name_of(sl_reason reason) {
  return reason_table.at(reason).name;
}

/// The keys of this policy that a denial goes back to. Empty where no key is behind it.
[[nodiscard]] annotations::Keys causes(sl_reason reason, const annotations::Policy& policy,
                                       NetnsKind netns);

/// The same without a policy to look into: "io.socklid.bind", or which keys it may be.
[[nodiscard]] std::string_view annotation_of(sl_reason reason);

}  // namespace socklid
