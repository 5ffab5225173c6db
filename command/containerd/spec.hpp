// SPDX-License-Identifier: Apache-2.0
//
// The file that containerd's `base_runtime_spec` names: a whole OCI runtime spec, from which the
// CRI plugin makes the spec of every container of a runtime. Ours is somebody's spec with our two
// hooks in it. Pure.
//
//   const std::string wanted = SL_TRY(with_hooks(spec, "/usr/libexec/.../socklid-hook"));
//
// The hooks are called for every container of the runtime, and return at once for those that carry
// no annotation of ours (I1).
#pragma once

#include <string>
#include <string_view>

#include "base/json.hpp"
#include "base/result.hpp"

namespace socklid::command {

/// Whether `spec` names a program called socklid-hook at createRuntime.
[[nodiscard]] bool calls_hook(std::string_view spec);

/// `spec` with the program `hook` at createRuntime and poststop, behind the hooks of others. An
/// entry that calls itself socklid-hook is replaced, so that a second run changes nothing. Errors
/// (Exit::usage): no OCI runtime spec.
[[nodiscard]] Result<std::string> with_hooks(std::string_view spec, const std::string& hook);

/// The member `hooks` of the spec `document` as with_hooks() makes it; the rest is not looked at.
[[nodiscard]] Result<json::Object> hooks_with_ours(const json::Value& document,
                                                   const std::string& hook);

}  // namespace socklid::command
