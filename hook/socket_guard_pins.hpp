// SPDX-License-Identifier: Apache-2.0
//
// Where the node-wide programs, maps, anchors and links of one build lie on bpffs. For
// socket_guard*.cpp, and for the command to look at. No name has a dot: bpffs refuses it.
#pragma once

#include <linux/bpf.h>

#include <array>
#include <string>
#include <string_view>

#include "hook/plan.hpp"
#include "hook/socket_guard.hpp"

namespace socklid::pins {

inline constexpr const char* policies = "map_policies";
inline constexpr const char* guards = "map_guards";
inline constexpr const char* denials = "map_denials";
inline constexpr const char* places = "map_places";
inline constexpr const char* ports = "map_ports";
inline constexpr const char* seals = "map_seals";
inline constexpr const char* events = "map_events";
inline constexpr const char* search = "map_search";
inline constexpr std::array<std::string_view, 8> maps{policies, guards, denials, places,
                                                      ports,    seals,  events,  search};
inline constexpr const char* seal_by_hand = "program_seal_by_hand";
inline constexpr const char* find_tasks = "program_find_tasks";

inline std::string program(Hook hook) {
  return "program_" + std::string(name(hook));
}
/// The anchor of a per-cgroup hook, or the one link of a plain one.
inline std::string anchor(Hook hook) {
  return "anchor_" + std::string(name(hook));
}

/// How a per-cgroup hook is attached.
inline bpf_attach_type attach_type(Hook hook) {
  switch (hook) {
    case Hook::inet_egress:
      return BPF_CGROUP_INET_EGRESS;
    case Hook::inet_ingress:
      return BPF_CGROUP_INET_INGRESS;
    case Hook::sock_ops:
      return BPF_CGROUP_SOCK_OPS;
    default:
      return BPF_LSM_CGROUP;
  }
}

inline std::string root() {
  return std::string(bpffs_root) + "/programs";
}
inline std::string directory(std::string_view hash) {
  return root() + "/" + std::string(hash);
}

}  // namespace socklid::pins
