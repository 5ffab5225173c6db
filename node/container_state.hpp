// SPDX-License-Identifier: Apache-2.0
//
// ContainerState: what the runtime says about the container, on our standard input (OCI
// runtime-spec, runtime.md "State"). Written by others: everything is checked, nothing assumed.
//
//   const Stage stage = SL_TRY(parse_stage(argv[1]));
//   const ContainerState state = SL_TRY(parse_state(text, stage));
//   SL_CHECK(check_ready(state));                              // before anything is set up
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <string>
#include <string_view>

#include "annotations/parser.hpp"
#include "base/result.hpp"

namespace socklid {

/// The largest state we read. Kubernetes allows 256 KiB of annotations, CRI-O repeats them.
inline constexpr std::size_t state_limit = std::size_t{1024} * 1024;
inline constexpr std::size_t id_limit = 200;  ///< characters of a container id

/// The stage of the call.
enum class Stage { create, remove };

/// "createRuntime" and its older name "prestart" are Stage::create, "poststop" is Stage::remove;
/// anything else is Exit::usage.
[[nodiscard]] Result<Stage> parse_stage(std::string_view argument);

/// Not of config.json: crun with a user namespace gives "/" as the bundle.
struct ContainerState {
  std::string id;
  std::string status;  ///< creating, created, running, stopped; empty if the state has none
  pid_t pid{0};        ///< as the hook's own pid namespace counts; 0: none
  std::string bundle;  ///< empty if the state has none
  annotations::Annotations annotations;
  friend bool operator==(const ContainerState&, const ContainerState&) = default;
};

/// For Stage::create every field must be right (Exit::state). For Stage::remove only the id
/// counts and whatever else is wrong is left out: removal works from our own records (I7).
[[nodiscard]] Result<ContainerState> parse_state(std::string_view text, Stage stage);

/// Whether there is a process to set up (I3): a known status and a pid. "stopped" with a pid is a
/// restore by runc. Errors: Exit::state, naming the runtime's fault.
[[nodiscard]] Result<> check_ready(const ContainerState& state);

/// The id as it may stand in a message: the first 12 characters of a long one.
[[nodiscard]] std::string short_id(std::string_view id);

}  // namespace socklid
