// SPDX-License-Identifier: Apache-2.0
//
// hooks.d 1.0.0 as podman reads it (oci-hooks(5)): which files there are, which of them are ours,
// and what keeps podman from calling us. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace socklid::command {

struct HooksFile {
  std::string directory;
  std::string name;  ///< "socklid-poststop.json"
  std::string text;
};

/// The content of one file of ours.
struct HookEntry {
  std::string path;  ///< of the program
  std::vector<std::string> stages;
};

/// Whether it looks like ours: it names socklid-hook, or its name begins with socklid.
[[nodiscard]] bool is_ours(const HooksFile& file);

/// Errors (Exit::node) name what podman would not accept or never match.
[[nodiscard]] Result<HookEntry> parse_hook_entry(std::string_view text);

struct HooksFindings {
  std::vector<HookEntry> entries;     ///< in force
  std::vector<std::string> problems;  ///< each with its file
};

/// `files` in podman's order: of files with the same name the one in the last directory counts.
[[nodiscard]] HooksFindings judge_hooks(const std::vector<HooksFile>& files);

}  // namespace socklid::command
