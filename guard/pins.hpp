// SPDX-License-Identifier: Apache-2.0
//
// Where the node-wide programs, maps, anchors and links of one build lie on bpffs. For
// socket_guard*.cpp, and for the command to look at. No name has a dot: bpffs refuses it.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "guard/guard.hpp"
#include "plan/plan.hpp"

namespace socklid::pins {

inline constexpr const char* policies = "map_policies";
inline constexpr const char* policies_by_cgroup = "map_policies_by_cgroup";
inline constexpr const char* packet_policies = "map_packet_policies";
inline constexpr const char* denials = "map_denials";
inline constexpr const char* prefixes = "map_prefixes";
inline constexpr const char* ports = "map_ports";
inline constexpr const char* seals = "map_seals";
inline constexpr const char* joins = "map_joins";
inline constexpr const char* events = "map_events";
inline constexpr const char* search = "map_search";
inline constexpr const char* tasks = "map_tasks";
inline constexpr const char* task_counts = "map_task_counts";
inline constexpr const char* files = "map_files";
inline constexpr const char* named = "map_named";
inline constexpr const char* devices = "map_devices";
inline constexpr const char* subjects = "map_subjects";
inline constexpr const char* subject_denials = "map_subject_denials";
inline constexpr const char* subject_runs = "map_subject_runs";
inline constexpr std::array<std::string_view, 18> maps{policies,        policies_by_cgroup,
                                                       packet_policies, denials,
                                                       prefixes,        ports,
                                                       seals,           joins,
                                                       events,          search,
                                                       tasks,           task_counts,
                                                       files,           named,
                                                       devices,         subjects,
                                                       subject_denials, subject_runs};
inline constexpr const char* seal_by_hand = "program_seal_by_hand";
inline constexpr const char* find_tasks = "program_find_tasks";

/// Names of maps as other builds have pinned them: containers under these outlive an upgrade.
struct FormerName {
  std::string_view name;
  const char* former;
};
inline constexpr std::array former_names = {
    FormerName{policies_by_cgroup, "map_guards"},
    FormerName{prefixes, "map_places"},
};

inline std::string program(Hook hook) {
  return "program_" + std::string(name(hook));
}
/// The anchor of a per-cgroup hook, or the one link of a node-wide one.
inline std::string anchor(Hook hook) {
  return "anchor_" + std::string(name(hook));
}

inline std::string root() {
  return std::string(bpffs_root) + "/programs";
}
inline std::string directory(std::string_view hash) {
  return root() + "/" + std::string(hash);
}

}  // namespace socklid::pins
