// SPDX-License-Identifier: Apache-2.0
//
// The one key of containers.conf(5) that decides where podman looks for hooks:
//
//   [engine]
//   hooks_dir = ["/usr/share/containers/oci/hooks.d", "/etc/containers/oci/hooks.d"]
//
// podman does not start with a file that is no TOML: then it reads no hooks at all. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace socklid::command {

struct HooksDirSetting {
  std::vector<std::string> directories;
  bool append{false};  ///< {append = true} in the array: added to what stood before
  friend bool operator==(const HooksDirSetting&, const HooksDirSetting&) = default;
};

/// Nothing if `text` does not set hooks_dir in [engine]; no directory if that, or the whole file,
/// is nothing that podman would take.
[[nodiscard]] std::optional<HooksDirSetting> parse_hooks_dir(std::string_view text);

/// The directories in force after all files, in the order podman reads them, from podman's default.
[[nodiscard]] std::vector<std::string> hooks_directories(const std::vector<std::string>& files);

}  // namespace socklid::command
