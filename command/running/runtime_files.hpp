// SPDX-License-Identifier: Apache-2.0
//
// RuntimeFiles: what one directory of a container runtime or engine says of one container. The
// files are written by others and may vanish while they are read. They hold what images and pods'
// authors write, of whatever size and content: that concerns nothing but itself. Errors:
// Exit::node, naming the file.
//
//   const auto answer = SL_TRY(read_state_directory("", "/run/crun/web"));
//   if (answer && lives(answer->pid)) use(SL_TRY(annotations_of(*answer)));
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "annotations/parser.hpp"
#include "base/result.hpp"

namespace socklid::command {

/// Nothing is known yet of whether the process lives, or is still the one that was meant.
struct RuntimeAnswer {
  pid_t pid{0};                          ///< of the container's first process; 0: none
  std::uint64_t start_time{0};           ///< as parse_start_time(); 0: not said
  annotations::Annotations annotations;  ///< if there are no configs
  std::vector<std::string> configs;      ///< where its config.json may be, best first
};
/// Nothing: the directory is no container's, or gone.
using MaybeAnswer = Result<std::optional<RuntimeAnswer>>;

/// The state directory of any runtime: containerd keeps that of crun, too, where it is called
/// runc. `root` stands before the paths that are in the files.
[[nodiscard]] MaybeAnswer read_state_directory(const std::string& root,
                                               const std::string& directory);

/// A bundle's config.json, and the file where the engine had the process id written.
[[nodiscard]] MaybeAnswer read_bundle(const std::string& config, const std::string& pid_file);

/// All annotations that are text, and those of ours that are not, with a value that no key takes;
/// reads the first config.json that is there.
[[nodiscard]] Result<annotations::Annotations> annotations_of(const RuntimeAnswer& answer);

}  // namespace socklid::command
