// SPDX-License-Identifier: Apache-2.0
#include "guard/state.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>

#include "guard/maps.hpp"
#include "guard/object/object.hpp"
#include "guard/pins.hpp"
#include "node/netns.hpp"
#include "system/bpf_calls.hpp"

namespace socklid {
namespace {

/// What a pin says of the link in it.
struct Pinned {
  int error{0};  ///< of opening it, ENOENT: there is none
  bpf_link_info info{};
};

Pinned look_at_link(const std::string& path) {
  Pinned pinned;
  const UniqueFd fd(bpf::get(path));
  if (!fd || bpf::info(fd.get(), pinned.info) != 0) pinned.error = errno;
  return pinned;
}

/// What is wrong with a link; empty: nothing. `cgroup` is 0 for any that is still there.
std::string check_link(const std::string& path, std::uint32_t program, bool per_cgroup,
                       std::uint64_t cgroup) {
  const Pinned pinned = look_at_link(path);
  if (pinned.error == ENOENT) return "not pinned";
  if (pinned.error != 0) return std::string("is no link: ") + std::strerror(pinned.error);
  const bool on_cgroup = pinned.info.type == BPF_LINK_TYPE_CGROUP;
  if (on_cgroup != per_cgroup) return "is another kind of link";
  if (pinned.info.prog_id != program) return "runs another program";
  if (!per_cgroup) return {};
  if (pinned.info.cgroup.cgroup_id == 0) return "detached";
  if (cgroup != 0 && pinned.info.cgroup.cgroup_id != cgroup) return "is on another cgroup";
  return {};
}

std::uint32_t program_id(const std::string& path) {
  const UniqueFd fd(bpf::get(path));
  bpf_prog_info info{};
  if (!fd || bpf::info(fd.get(), info) != 0) return 0;
  return info.id;
}

bool is_alive(pid_t pid) {
  return ::access(("/proc/" + std::to_string(pid)).c_str(), F_OK) == 0;
}

/// Whether the hook's name is one of ours that is attached to each container's cgroup. Of one that
/// only another build knows, the pin says.
bool is_per_cgroup(const std::string& hook, const std::string& pins) {
  if (const auto known = find_hook(hook)) return socklid::is_per_cgroup(*known);
  return ::access((pins + "/" + hook).c_str(), F_OK) == 0;
}

}  // namespace

Result<std::optional<GuardState>> GuardState::open(std::string_view hash) {
  auto guard = SL_TRY(SocketGuard::find(hash));
  if (!guard) return std::optional<GuardState>();
  GuardState state(std::move(*guard));
  state.directory_ = pins::directory(hash);
  return std::optional<GuardState>(std::move(state));
}

const GuardState::Program& GuardState::program_of(const std::string& hook) const {
  const auto known = programs_.find(hook);
  if (known != programs_.end()) return known->second;
  Program program{.id = program_id(directory_ + "/program_" + hook), .anchor = {}};
  const Pinned anchor = look_at_link(directory_ + "/anchor_" + hook);
  const bool per_cgroup = anchor.error == 0 && anchor.info.type == BPF_LINK_TYPE_CGROUP;
  program.anchor = check_link(directory_ + "/anchor_" + hook, program.id, per_cgroup, 0);
  const auto row = find_hook(hook);
  const bool lacks = row && row_of(*row).is_newer && program.id == 0 && anchor.error == ENOENT &&
                     !kernel_has(*row);
  if (lacks) program.anchor.clear();
  if (program.id == 0 && !lacks) program.anchor = "its program is not pinned";
  return programs_.emplace(hook, std::move(program)).first->second;
}

void GuardState::check_links(const Expected& expected, const std::string& pins,
                             std::vector<std::string>& all) const {
  for (const std::string& hook : expected.hooks) {
    const Program& program = program_of(hook);
    if (!program.anchor.empty()) all.push_back("anchor of " + hook + ": " + program.anchor);
    if (!is_per_cgroup(hook, pins)) continue;
    const std::string wrong = check_link(pins + "/" + hook, program.id, true, expected.cgroup_id);
    if (!wrong.empty()) all.push_back("link of " + hook + ": " + wrong);
  }
}

Result<> GuardState::check_policies(const Expected& expected, std::vector<std::string>& all) const {
  const bool per_cgroup = std::any_of(expected.plan.hooks.begin(), expected.plan.hooks.end(),
                                      [](Hook hook) { return socklid::is_per_cgroup(hook); });
  sl_policy wanted = expected.plan.image;
  wanted.cgroup_id = expected.cgroup_id;
  wanted.netns = expected.plan.rules ? static_cast<std::uint32_t>(expected.netns) : 0;
  wanted.first_start = expected.start_time;
  wanted.first_pid = static_cast<std::uint32_t>(expected.pid);
  wanted.pid_namespace = static_cast<std::uint32_t>(expected.pid_namespace);
  wanted.home = static_cast<std::uint32_t>(expected.netns);
  wanted.host = static_cast<std::uint32_t>(SL_TRY(host_netns()).front());
  wanted.mntns = expected.looked_up.mntns;
  const auto node_wide = SL_TRY(guard_.read_node_wide_policy(expected.cgroup_id));
  if (!node_wide) {
    all.emplace_back("node-wide policy: not there");
  } else if (expected.exact && !same_policy(*node_wide, wanted)) {
    all.emplace_back("node-wide policy: another than the record's");
  }
  if (!SL_TRY(guard_.has_counters(expected.cgroup_id))) all.emplace_back("counters: not there");
  if (!expected.exact) return {};
  std::optional<std::uint32_t> generation;
  if (node_wide) generation = node_wide->generation;
  if (per_cgroup) {
    const auto policy = guard_.read_policy(expected.cgroup_id);
    if (!policy || !same_policy(*policy, wanted)) {
      all.emplace_back("policy of the cgroup: another than the record's");
    } else if (generation && policy->generation != *generation) {
      all.emplace_back("policy of the cgroup: asks other lists than the node-wide one");
    } else {
      generation = policy->generation;
    }
  }
  if (judge_packets(expected.plan.hooks)) {
    const auto packets = SL_TRY(guard_.read_packet_policy(expected.cgroup_id));
    if (!packets || !same_policy(*packets, wanted)) {
      all.emplace_back("policy of the cgroup's packets: another than the record's");
    } else if (generation && packets->generation != *generation) {
      all.emplace_back("policy of the cgroup's packets: asks other lists than the others");
    }
  }
  if (!generation) return {};
  if (has_entries(expected.plan)) {
    wanted.generation = *generation;
    for (std::string& what :
         SL_TRY(guard_.wrong_subjects(expected.plan, expected.looked_up, wanted))) {
      all.push_back(std::move(what));
    }
  }
  const EndpointLists lists = all_lists(expected.plan);
  if (lists.empty()) return {};
  const std::size_t wrong =
      SL_TRY(guard_.count_wrong_entries(lists, expected.cgroup_id, *generation));
  if (wrong != 0) all.push_back(std::to_string(wrong) + " entries of the endpoint lists");
  return {};
}

Result<> GuardState::check_seal(const Expected& expected, std::vector<std::string>& all) const {
  if (!expected.plan.seal) return {};
  const auto seal = SL_TRY(guard_.read_seal(expected.cgroup_id));
  if (!seal) {
    all.emplace_back("seal: not there, which counts as sealed");
    return {};
  }
  if (!same_seal(*seal, *expected.plan.seal)) all.emplace_back("seal: another than the record's");
  if (seal->sealed_at != 0) return {};
  // What a seal waits for is seen by hooks, which are looked at above; but for these two.
  if (seal->waits_for == SL_SEAL_BY_TIME && seal->started_at == 0 && !is_alive(expected.pid)) {
    all.emplace_back("seal: waits for the start of a process that is gone");
  }
  if (seal->waits_for == SL_SEAL_BY_HAND &&
      program_id(directory_ + "/" + pins::seal_by_hand) == 0) {
    all.emplace_back("seal: waits for `socklid seal`, whose program is not pinned");
  }
  return {};
}

void GuardState::check_subjects_seals(const Expected& expected,
                                      std::vector<std::string>& all) const {
  const bool by_hand = std::any_of(
      expected.plan.subjects.begin(), expected.plan.subjects.end(),
      [](const SubjectPlan& one) { return one.seal && one.seal->waits_for == SL_SEAL_BY_HAND; });
  if (by_hand && program_id(directory_ + "/" + pins::seal_by_hand) == 0) {
    all.emplace_back("a subject waits for `socklid seal`, whose program is not pinned");
  }
}

Result<std::vector<std::string>> GuardState::differences(const Expected& expected,
                                                         const std::string& pins) const {
  std::vector<std::string> all;
  check_links(expected, pins, all);
  for (const std::string& map : guard_.missing_maps()) {
    // Another build may never have had the others.
    const bool every_build_has_it =
        map == pins::policies || map == pins::policies_by_cgroup || map == pins::denials;
    if (expected.exact || every_build_has_it) all.push_back("map " + map + ": not pinned");
  }
  SL_CHECK(check_policies(expected, all));
  SL_CHECK(check_seal(expected, all));
  check_subjects_seals(expected, all);
  return all;
}

Result<> GuardState::drop_dead_anchors(const std::vector<std::string>& hooks) const {
  for (const std::string& hook : hooks) {
    const std::string path = directory_ + "/anchor_" + hook;
    if (program_of(hook).anchor.empty() || program_of(hook).id == 0) continue;
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) {
      return fail_errno(Exit::store, "unpin " + path);
    }
  }
  return {};
}

}  // namespace socklid
