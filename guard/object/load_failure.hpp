// SPDX-License-Identifier: Apache-2.0
//
// The error of a load that the kernel refused. Its error number says little, and of some causes
// neither it nor libbpf says a word: what else is known of the node is looked at.
//
//   if (error != 0) return explain_load_failure(error, first_warning, "/sys");
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"

namespace socklid {

/// The word that is chosen in a file like /sys/kernel/security/lockdown, "none [integrity]
/// confidentiality"; empty if nothing is.
[[nodiscard]] std::string_view active_lockdown(std::string_view text);

/// Whether a kernel with this lockdown refuses programs that read its memory, as ours do
/// (security/lockdown/lockdown.c, LOCKDOWN_BPF_READ_KERNEL).
[[nodiscard]] bool forbids_reading(std::string_view lockdown);

/// The line about a lockdown that refuses programs.
inline constexpr std::string_view lockdown_cause =
    "the kernel's lockdown is `confidentiality`, which refuses programs that read kernel memory";
inline constexpr std::string_view lockdown_remedy =
    "boot with lockdown=integrity, or without lockdown= on the kernel's command line";

/// Exit::node. `error` is positive; `said` is libbpf's first warning, or empty; `sys` is where
/// sysfs is mounted.
[[nodiscard]] Failure explain_load_failure(int error, std::string_view said,
                                           const std::string& sys);

}  // namespace socklid
