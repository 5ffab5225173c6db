// SPDX-License-Identifier: Apache-2.0
//
// `socklid containerd-config`: makes containerd's CRI plugin call the hook and hand it the pods'
// annotations. Shows, or with --write writes, the runtime's base spec (command/containerd/spec.hpp)
// and config.toml (command/containerd/toml.hpp).
#pragma once

#include <string>

#include "base/result.hpp"

namespace socklid::command {

struct ContainerdConfigOptions {
  std::string config{"/etc/containerd/config.toml"};
  std::string spec;  ///< empty: the one that `config` names, else socklid-spec.json beside it
  std::string runtime{"runc"};
  std::string hook;  ///< empty: the one installed with this program
  bool write{false};
};

/// A file that is not there is begun: `config` empty, the spec with what `ctr oci spec` prints.
/// Both are found good before the first is written; files that are as they should be are not
/// written.
[[nodiscard]] Result<int> containerd_config(const ContainerdConfigOptions& options);

}  // namespace socklid::command
