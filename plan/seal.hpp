// SPDX-License-Identifier: Apache-2.0
//
// A container's seal as the kernel has it (sl_seal, bpf/policy_abi.h), or that of a run of a
// subject: from the policy, and in words.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "annotations/seal.hpp"
#include "bpf/policy_abi.h"
#include "bpf/subject_abi.h"

namespace socklid {

/// Open, with pid and started_at 0; nothing for Kind::start, which leaves nothing to wait for.
[[nodiscard]] std::optional<sl_seal> seal_image(const annotations::Seal& seal);

/// The seal of one run of a subject; `wanted` is what each run of it waits for (sl_subject.seal).
[[nodiscard]] sl_seal seal_of_run(const sl_seal& wanted, const sl_run& run);

/// Nanoseconds of CLOCK_BOOTTIME, by which seals go.
[[nodiscard]] std::uint64_t boot_time();

/// When it was sealed, in nanoseconds of CLOCK_BOOTTIME; nothing if it is open. A duration that is
/// over at `now` has sealed, even if no attempt has found out yet.
[[nodiscard]] std::optional<std::uint64_t> sealed_at(const sl_seal& seal, std::uint64_t now);

/// "listen", "accept", "time", "hand".
[[nodiscard]] std::string_view name_of(sl_seal_cause cause);

/// What an open seal waits for: "tcp/443", "any listen", "the first accept", "the program's start",
/// "12 s more", "socklid seal".
[[nodiscard]] std::string waits_for(const sl_seal& seal, std::uint64_t now);

}  // namespace socklid
