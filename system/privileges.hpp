// SPDX-License-Identifier: Apache-2.0
//
// What the hook takes over from the runtime that starts it, and what it keeps of it. The only
// files that know libcap.
//
//   harden();                          // first of all, before a byte of input is looked at
//   SL_CHECK(check_privileges());      // later, once there is something to do (I1)
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"

namespace socklid {

/// Leaves the runtime's environment behind. runc and crun hand theirs down: variables, signal mask
/// (crun blocks every signal), umask, working directory and open descriptors. Afterwards:
/// descriptors 0, 1 and 2 are open and those above are close-on-exec; no variables; no signal
/// blocked; SIGPIPE ignored; umask 077; working directory "/"; no_new_privs; and no capability but
/// those that check_privileges() wants, neither permitted nor inheritable nor ambient. Never fails:
/// what is missing shows later.
void harden();

/// Errors (Exit::privilege): a user namespace (rootless), or a capability that is missing, by
/// name.
[[nodiscard]] Result<> check_privileges();

/// Whether `uid_map` (/proc/self/uid_map) is the initial user namespace's: every id maps to
/// itself. BPF capabilities count there only (capabilities(7), user_namespaces(7)). Pure.
[[nodiscard]] bool is_initial_user_namespace(std::string_view uid_map);

}  // namespace socklid
