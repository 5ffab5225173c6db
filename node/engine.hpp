// SPDX-License-Identifier: Apache-2.0
//
// Engine: who made the container, and what of its state is his word. A state's annotations are one
// map in which image, pod author, operator and engine have all written; which of them wrote a key
// cannot be seen in it. So the engine is recognised by the name it gives the container's cgroup,
// which no author writes, and a key counts only where that engine is sure to write it last.
//
//   const Identity identity = SL_TRY(identify(cgroup, state.id, state.annotations));
//   const annotations::Policy policy = SL_TRY(annotations::parse(all, identity.container));
//
// engine_keys() is the whole table; docs/annotations.md shows it, and a test compares the two.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "annotations/parser.hpp"
#include "base/result.hpp"
#include "node/container_state.hpp"
#include "system/process.hpp"

namespace socklid {

/// other: a bare runtime, or an engine that is not in the table. Nothing is believed of it: the
/// annotations of a bundle may be an image's (umoci writes an image's labels there).
enum class Engine { podman, crio, containerd, other };
inline constexpr std::size_t engine_count = 4;

[[nodiscard]] std::string_view name_of(Engine engine);

/// Whether a pod's author writes the annotations of its containers, not the operator: of the
/// engines that the kubelet drives.
[[nodiscard]] bool is_written_by_pods_author(Engine engine);

/// How a key in the state of an engine's container counts.
enum class Say {
  believed,  ///< the engine writes it last, for every container
  proved,    ///< the engine writes it for some containers and an author else: a hint to be proved
  own,       ///< may only be the engine's own name
  ignored,   ///< anybody may have written it
  refused,   ///< another engine's word of itself: the state contradicts itself
};
[[nodiscard]] std::string_view name_of(Say say);

/// By Engine. Only keys by which an engine says which container this is.
struct EngineKey {
  std::string_view key;
  std::array<Say, engine_count> say;
};
[[nodiscard]] std::span<const EngineKey> engine_keys();

/// Facts of the container that no author wrote.
struct Identity {
  Engine engine{Engine::other};
  std::string container;               ///< its name in its pod; empty: nobody says it for sure
  std::optional<std::string> sandbox;  ///< the id of its pod's sandbox
  std::optional<std::string> hint;     ///< the same, to be proved (podman)
  bool is_sandbox{false};              ///< it is its own sandbox, and only holds the namespaces
  friend bool operator==(const Identity&, const Identity&) = default;
};

/// 64 hexadecimal digits: an id of an engine's making, which no name holds by chance.
[[nodiscard]] bool is_engine_id(std::string_view id);

/// Whether one component of a cgroup's path is ID or PREFIX-ID, with or without ".scope".
[[nodiscard]] bool is_named_after(std::string_view component, std::string_view id);

/// The cgroup at or above `path` that is named after `id`: the deepest scope, else the deepest.
[[nodiscard]] std::optional<std::string_view> cgroup_named_after(std::string_view path,
                                                                 std::string_view id);

/// The cgroup above that of the container `id`, whose first process is `pid`: its pod's where there
/// are pods. Empty if there is no such process.
[[nodiscard]] std::string origin_of(pid_t pid, std::string_view id);

/// By the name of the cgroup that bears `id`, at or above `cgroup`, the path of the process's:
///   libpod-ID  libpod-payload-ID    podman      (libpod: getOCICgroupPath)
///   crio-ID                         CRI-O       (internal/config/cgmgr: crioPrefix)
///   cri-containerd-ID               containerd  (CRI's getCgroupsPath: systemd)
///   kubepods/.../podUID/ID  k8s.io/ID           containerd  (the same: cgroupfs; the kubelet's
///   cgroups)
/// each with or without ".scope". A bare ID anywhere else is anybody's.
[[nodiscard]] Engine engine_of(std::string_view cgroup, std::string_view id);

/// Errors: Exit::annotation, naming the key of another engine.
[[nodiscard]] Result<Identity> identify(std::string_view cgroup, std::string_view id,
                                        const annotations::Annotations& annotations);

/// The same of a container whose process lives, by its /proc/PID/cgroup: the one function here that
/// looks at the node. Also Exit::process and Exit::cgroup.
[[nodiscard]] Result<Identity> identify_container(const ContainerProcess& process,
                                                  const ContainerState& container);

}  // namespace socklid
