// SPDX-License-Identifier: Apache-2.0
//
// NspawnContainer: what systemd-nspawn(1) runs by --oci-bundle. It calls no hook (version 252
// refuses a bundle that names any), so its containers have no policy, whatever their annotations
// ask for. It keeps no file that says so: its command line does.
//
//   for (const NspawnContainer& one : nspawn_containers("")) use(one.machine, one.answer);
#pragma once

#include <string>
#include <vector>

#include "command/running/runtime_files.hpp"

namespace socklid::command {

struct NspawnContainer {
  std::string bundle;  ///< the directory, as on the node
  /// Its name: that of --machine, else the directory's. (nspawn itself then takes the name of the
  /// bundle's root, which is mostly `rootfs`.)
  std::string machine;
  RuntimeAnswer answer;
};

/// Those whose first process is there, on the node itself or in a tree `root` of a test's own. A
/// process that only calls itself systemd-nspawn is none: it has to be the node's own
/// (is_nodes_own()) and the node's file.
[[nodiscard]] std::vector<NspawnContainer> nspawn_containers(const std::string& root);

}  // namespace socklid::command
