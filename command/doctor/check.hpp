// SPDX-License-Identifier: Apache-2.0
//
// Check: one thing that a node needs, and whether it has it. Each function looks at one thing and
// returns; doctor.cpp has them in a table.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "command/doctor/labels.hpp"
#include "command/running/container.hpp"
#include "command/running/unguarded.hpp"
#include "guard/guard.hpp"
#include "system/paths.hpp"

namespace socklid::command {

/// risk: the node can enforce, but what holds depends on whom it trusts; somebody has to weigh it.
enum class Level { ok, risk, fail };
[[nodiscard]] std::string_view name_of(Level level);

struct Check {
  std::string name;
  Level level{Level::fail};
  std::string detail;  ///< what was found, or why it failed
  std::string remedy;  ///< what to do about it; empty if ok, or if the detail says it
  friend bool operator==(const Check&, const Check&) = default;
};

[[nodiscard]] inline Check passed(std::string name, std::string detail) {
  return {std::move(name), Level::ok, std::move(detail), {}};
}
[[nodiscard]] inline Check risky(std::string name, std::string what, std::string remedy) {
  return {std::move(name), Level::risk, std::move(what), std::move(remedy)};
}
[[nodiscard]] inline Check failed(std::string name, std::string cause, std::string remedy = {}) {
  return {std::move(name), Level::fail, std::move(cause), std::move(remedy)};
}

// node.cpp: what stands in files
[[nodiscard]] Check check_root_and_capabilities(const Paths& paths);
[[nodiscard]] Check check_user_namespace(const Paths& paths);
[[nodiscard]] Check check_kernel_version(const Paths& paths);
[[nodiscard]] Check check_lsm_list(const Paths& paths);
[[nodiscard]] Check check_lockdown(const Paths& paths);
[[nodiscard]] Check check_btf(const Paths& paths);
[[nodiscard]] Check check_cgroup2(const Paths& paths);
[[nodiscard]] Check check_bpf_filesystem(const Paths& paths);

// kernel.cpp: what the kernel answers when it is asked to do it
[[nodiscard]] Check check_slots(const Paths& paths);
[[nodiscard]] Check check_programs(const Paths& paths);
[[nodiscard]] Check check_nf_tables(const Paths& paths);

// maps.cpp: how full the maps are
[[nodiscard]] Check check_maps(const Paths& paths);

// storage.cpp: where containers' roots lie
[[nodiscard]] Check check_overlays(const Paths& paths);

// engine.cpp: whether podman will call us, and with whose annotations
[[nodiscard]] Check check_hooks_directories(const Paths& paths);
[[nodiscard]] Check check_image_annotations(const Paths& paths);

// containerd.cpp: which of containerd's runtimes call us
[[nodiscard]] Check check_containerd(const Paths& paths);

// checkpoints.cpp: whether an image can start a container without a hook
[[nodiscard]] Check check_checkpoints(const Paths& paths);

// state.cpp: what earlier runs have left
[[nodiscard]] Check check_builds(const Paths& paths);
[[nodiscard]] Check check_containers(const Paths& paths);
[[nodiscard]] Check check_unguarded(const Paths& paths);
[[nodiscard]] Check check_labels(const Paths& paths);

// Pure parts ------------------------------------------------------------------------------------

/// The argument is uname(2)'s release, "6.1.0-18-amd64".
[[nodiscard]] Check judge_kernel_version(std::string_view release);
/// The argument is the output of `podman --version`, "podman version 4.3.1"; empty if there is no
/// podman. A risk before 4.6, which takes annotations from images; never fails.
[[nodiscard]] Check judge_podman_version(std::string_view printed);
/// Judges containerd's runtimes, which a pod chooses by its RuntimeClass. A risk if one of them
/// does not call the hook: whoever writes pods may choose that one.
struct ContainerdRuntime {
  std::string name;
  std::string lacks;  ///< what keeps it from calling the hook with the annotations; empty: nothing
  std::string config{"/etc/containerd/config.toml"};  ///< the file that names it
};
[[nodiscard]] Check judge_containerd(const std::vector<ContainerdRuntime>& runtimes);
/// The arguments are the texts of an engine's configuration files, in the order in which it reads
/// them. Whether CRI-O restores images that are checkpoints: by enable_criu_support in
/// [crio.runtime] (crio.conf(5)), which newer ones have on.
[[nodiscard]] bool crio_restores(const std::vector<std::string>& files);
/// Whether a runtime of containerd's is crun (BinaryName), and enable_criu of its CRI is not off;
/// 1.x, which restores no images, counts as well.
[[nodiscard]] bool containerd_restores_by_crun(const std::vector<std::string>& files);
/// The argument is the names of engines that restore images, and by crun. A risk if there is one.
[[nodiscard]] Check judge_checkpoints(const std::vector<std::string>& engines);
/// The argument is the content of /sys/kernel/security/lsm, "lockdown,capability,yama,bpf".
[[nodiscard]] Check judge_lsm_list(std::string_view list);
/// The argument is that of /sys/kernel/security/lockdown, "none [integrity] confidentiality"; empty
/// where the kernel has no lockdown.
[[nodiscard]] Check judge_lockdown(std::string_view text);
/// A container of which not everything is in force, and what is not.
struct Damaged {
  std::string id;
  std::vector<std::string> damage;
};
/// Judges the containers on record: fails if one is damaged or incomplete.
[[nodiscard]] Check judge_containers(const std::vector<Container>& all,
                                     const std::vector<Damaged>& damaged);
/// Judges the containers that run: fails if one of them has no policy, or could not be looked at.
[[nodiscard]] Check judge_running(const Survey& survey, const std::vector<Unguarded>& unguarded);

/// A risk if a container that runs has labels that look like annotations of ours.
[[nodiscard]] Check judge_labels(const LabelSurvey& survey);

/// Of `count` overlays that were looked at, those whose directories get new numbers when the kernel
/// has forgotten them. A risk: policies with subjects or `readonly` are refused there.
[[nodiscard]] Check judge_overlays(std::size_t count, const std::vector<std::string>& unstable);

/// One build's maps, by the hash of its object.
struct BuildMaps {
  std::string hash;
  std::vector<MapUse> maps;
};
/// Fails where one has nine tenths of its entries.
[[nodiscard]] Check judge_maps(const std::vector<BuildMaps>& builds);

}  // namespace socklid::command
