// SPDX-License-Identifier: Apache-2.0
//
// elsewhere: the same attempt from another task than the container's first: a policy holds for all.
//
//   return in_daemon(connect_tcp, scene);
//
// Each waits for the attempt's end and returns its outcome, without `held`: a descriptor of another
// process is not ours. A step of its own that fails ("fork") is the outcome.
#pragma once

#include "selftest/row.hpp"

namespace socklid::selftest {

using Act = Outcome (*)(const Scene& scene);

[[nodiscard]] Outcome in_thread(Act attempt, const Scene& scene);
[[nodiscard]] Outcome in_child(Act attempt, const Scene& scene);
/// An orphan in a session of its own, when its parent is gone.
[[nodiscard]] Outcome in_daemon(Act attempt, const Scene& scene);
/// In a cgroup below the task's own, which is removed afterwards.
[[nodiscard]] Outcome in_nested_cgroup(Act attempt, const Scene& scene);
/// As user and group 65534, without capabilities.
[[nodiscard]] Outcome as_nobody(Act attempt, const Scene& scene);
/// With all capabilities in a user namespace of its own; the network namespace stays.
[[nodiscard]] Outcome in_user_namespace(Act attempt, const Scene& scene);

}  // namespace socklid::selftest
