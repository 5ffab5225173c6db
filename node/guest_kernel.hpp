// SPDX-License-Identifier: Apache-2.0
//
// GuestKernel: containers whose sockets are another kernel's: gVisor's sentry, a virtual machine of
// Kata, libkrun. There the runtime names the process of the sandbox, or the one that started it.
// That process's own sockets are not the container's, so no hook of this kernel would see the
// container's calls.
//
//   SL_CHECK(check_own_kernel(state.pid, state.annotations));
//
// What a runtime names as the pid of a container's first process:
//
//   gVisor   the sandbox, a runsc that calls itself runsc-sandbox (runsc/sandbox:
//            createSandboxProcess)
//   Kata     a thread of containerd-shim-kata-v2, or kata-runtime (katautils: PreStartHooks)
//   krun     crun itself, which becomes the machine; it is known by the annotation
//            run.oci.handler, or by its name (libcrun: handlers/krun.c)
#pragma once

#include <sys/types.h>

#include <string_view>

#include "annotations/parser.hpp"
#include "base/result.hpp"

namespace socklid {

/// Whether a program of this name is the sandbox, the machine or the shim of such a container:
/// "runsc", "/usr/bin/containerd-shim-kata-v2", "qemu-system-x86_64 (deleted)". Pure.
[[nodiscard]] bool is_guest_kernel(std::string_view program);

/// Whether the annotations have crun make a virtual machine. Pure.
[[nodiscard]] bool asks_for_guest_kernel(const annotations::Annotations& annotations);

/// The annotation that has crun be the container's program itself (WebAssembly, .NET), instead of
/// becoming it by execve(2): libcrun/custom-handler.c. Of whoever has never become a program the
/// policies take it that he is the engine: seals by time do not begin, and his mounts are the
/// engine's word. Empty if there is none. Pure.
[[nodiscard]] std::string_view handler_without_exec(const annotations::Annotations& annotations);

/// Errors: Exit::unsupported, if it is one, or runs without exec. What cannot be read is left to
/// those who need it.
[[nodiscard]] Result<> check_own_kernel(pid_t pid, const annotations::Annotations& annotations);

}  // namespace socklid
