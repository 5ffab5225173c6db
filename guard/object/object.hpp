// SPDX-License-Identifier: Apache-2.0
//
// The embedded object, which libbpf reads and loads, once per node (D1). Programs that start fast
// are without it and without libbpf: they have elsewhere.cpp instead of
// object.cpp, which starts socklid-hook-load for it (D9).
//
//   SL_CHECK(load_object("/sys/fs/bpf/socklid/programs/staging"));
#pragma once

#include <string>

#include "base/result.hpp"
#include "plan/kernel_hooks.hpp"

namespace socklid {

/// Loads this build's programs and maps, and pins them under `directory`, which is there, on bpffs,
/// and holds no other pins. Memory is charged to the cgroup of this process. Errors: Exit::node.
/// The caller removes what was pinned by then.
[[nodiscard]] Result<> load_object(const std::string& directory);

/// Whether the kernel that runs has the LSM hook, by its type information; false without any.
/// Not in programs without libbpf.
[[nodiscard]] bool kernel_has(Hook hook);

}  // namespace socklid
