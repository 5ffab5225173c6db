// SPDX-License-Identifier: Apache-2.0
//
// Work in a child: what is to happen in another cgroup, and what must not keep us. A call into
// nf_tables waits for its network namespace where not even SIGKILL ends it; what is killed by then
// changes nothing any more (net/netfilter/nfnetlink.c: nfnetlink_rcv_batch, fatal_signal_pending).
//
//   SL_CHECK(in_child([&] { return uninstall(table); },
//                     Deadline::after_milliseconds(500)));
#pragma once

#include <functional>
#include <optional>

#include "base/result.hpp"
#include "hook/node_lock.hpp"

namespace socklid {

/// Does `work` in a child, which has copies of all our descriptors and ends with us, and returns
/// what it returned. Exit::busy if it has not ended by `deadline`: it is killed, and nobody waits
/// for its end. Exit::internal if there is no child, or it died.
[[nodiscard]] Result<> in_child(const std::function<Result<>()>& work,
                                const std::optional<Deadline>& deadline = std::nullopt);

}  // namespace socklid
