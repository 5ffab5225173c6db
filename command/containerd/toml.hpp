// SPDX-License-Identifier: Apache-2.0
//
// The two settings of containerd's config.toml that make its CRI plugin call us:
//
//   [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
//     base_runtime_spec = "/etc/containerd/socklid-spec.json"
//     pod_annotations = ["io.socklid.*", "io.socklid.*/*"]
//
// Both patterns, for `*` does not cross a slash (Go's path.Match). containerd 2 (version = 3) calls
// the plugin 'io.containerd.cri.v1.runtime'.
//
// The file is edited line by line, and what is not ours stays as it is, comments too. A file that
// says the same in another way (inline tables, dotted keys) is refused, since two
// definitions of one table would keep containerd from starting. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace socklid::command {

struct RuntimeTable {
  std::string runtime{"runc"};  ///< the name of the runtime in config.toml
  std::string spec;             ///< what base_runtime_spec is to name
};

/// A runtime that the CRI plugin knows: what a RuntimeClass names as its handler.
struct RuntimeSettings {
  std::string runtime;
  std::string spec;                   ///< its base_runtime_spec; empty: none
  std::vector<std::string> patterns;  ///< of pod_annotations
  friend bool operator==(const RuntimeSettings&, const RuntimeSettings&) = default;
};
/// All of them, by name; none if `config` has no table for any, when containerd has runc built in.
/// Errors (Exit::usage): a file that is not understood.
[[nodiscard]] Result<std::vector<RuntimeSettings>> runtimes_in(std::string_view config);

/// Of all files of a configuration, in their order. containerd before 2.1 lets a later file replace
/// all that an earlier one has said of the plugin, later versions let it add to it: where these two
/// readings differ, a runtime has what both leave it. runc, which is built in, is among them.
[[nodiscard]] Result<std::vector<RuntimeSettings>> runtimes_in_all(
    const std::vector<std::string>& files);

/// Whether every annotation of ours is handed to the containers of the runtime.
[[nodiscard]] bool passes_annotations(const RuntimeSettings& runtime);

/// Other files that make up the configuration, as globs; containerd reads them after this one.
[[nodiscard]] std::vector<std::string> imports_of(std::string_view config);

/// The base_runtime_spec that `config` names for `runtime` now, empty if none.
[[nodiscard]] Result<std::string> spec_in_force(std::string_view config,
                                                const std::string& runtime);

/// `config` with the two settings; other patterns of pod_annotations stay. A second run changes
/// nothing. An empty `config` gives a whole file. Errors (Exit::usage): a file that is not
/// understood; each says what to do.
[[nodiscard]] Result<std::string> with_settings(std::string_view config,
                                                const RuntimeTable& wanted);

}  // namespace socklid::command
