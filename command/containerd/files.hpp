// SPDX-License-Identifier: Apache-2.0
//
// Where containerd's configuration is: distributions of Kubernetes have a containerd of their own,
// with a file of their own.
//
//   for (const std::string& path : containerd_files()) judge(path);
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace socklid::command {

/// The argument of `containerd`'s --config or -c; nothing if `command_line`, NUL after each
/// argument (proc_pid_cmdline(5)), is no containerd's, or does not say. Pure.
[[nodiscard]] std::optional<std::string> config_argument(std::string_view command_line);

/// Files that are there, each once: containerd's own place, those of k3s, rke2, microk8s and k0s,
/// and those that running containerds were started with. These count only if they are root's and
/// see the files that we see: what a container calls its programs is its own business.
[[nodiscard]] std::vector<std::string> containerd_files();

/// The texts of `config` and of what it imports, in the order in which containerd reads them;
/// imports may import. Exit::node if one cannot be read.
[[nodiscard]] Result<std::vector<std::string>> containerd_texts(const std::string& config);

}  // namespace socklid::command
