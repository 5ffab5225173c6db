// SPDX-License-Identifier: Apache-2.0
//
// Plan: everything that will be done for one container, as a value. Pure: made from the policy
// alone, printed by `socklid explain`, carried out by hook/hook.hpp.
//
//   const Plan plan = compile(policy, placement);
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "annotations/policy.hpp"
#include "bpf/policy_abi.h"
#include "bpf/subject_abi.h"
#include "plan/endpoint_lists.hpp"
#include "plan/kernel_hooks.hpp"
#include "plan/placement.hpp"
#include "plan/reasons.hpp"

namespace socklid {

/// A program of the container that has a policy of its own.
struct SubjectPlan {
  std::string name;
  std::uint32_t index{0};         ///< of its bit in a task's set, 0..15; everyone else is 15
  std::vector<std::string> exec;  ///< paths in the container; empty: everyone else
  sl_subject image{};   ///< cgroup, namespaces, generation, zone and tai_offset are 0, until known
  std::string zone;     ///< of its hours, as annotations::Subject has it
  EndpointLists lists;  ///< keys have its subject byte
  std::optional<sl_seal> seal;  ///< of each run of it; nothing: held from its first instruction
};

struct Plan {
  Hooks hooks;          ///< only those that the policy needs (D2)
  sl_policy image{};    ///< cgroup, namespace and generation are 0: written in when they are known
  EndpointLists lists;  ///< what connect and bind name; where packets are judged, egress too
  std::optional<sl_seal> seal;  ///< open until it is sealed; pid and started_at are 0
  std::optional<annotations::Mark>
      mark;  ///< of every new socket, with the slot; taken for rules if not given
  bool rules{
      false};  ///< whether nft rules are installed: for `egress`, but not in the host's namespace
  std::vector<SubjectPlan> subjects;                 ///< in the order of their names
  std::vector<annotations::ProtectedPath> readonly;  ///< as given
  std::vector<std::string> notes;                    ///< what a person should know, one line each
};

/// Total: every policy that check_placement() lets through has a plan.
[[nodiscard]] Plan compile(const annotations::Policy& policy, Placement placement = {});

/// Whether the plan allows what is harmless only while no other container is in its namespace.
[[nodiscard]] bool depends_on_others(const Plan& plan);

}  // namespace socklid
