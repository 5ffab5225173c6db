// SPDX-License-Identifier: Apache-2.0
//
// Work in a child: what is to happen in another cgroup or by another program, and what must not
// keep us. A call into
// nf_tables waits for its network namespace where not even SIGKILL ends it; what is killed by then
// changes nothing any more (net/netfilter/nfnetlink.c: nfnetlink_rcv_batch, fatal_signal_pending).
//
//   SL_CHECK(in_child([&] { return uninstall(table); },
//                     Deadline::after_milliseconds(500)));
//   SL_CHECK(in_program(SL_TRY(path_beside("socklid-hook-load")), {hash, directory}));
#pragma once

#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "system/lock.hpp"

namespace socklid {

/// Does `work` in a child, which has copies of all our descriptors and ends with us, and returns
/// what it returned. Exit::busy if it has not ended by `deadline`: it is killed, and nobody waits
/// for its end. Exit::internal if there is no child, or it died.
[[nodiscard]] Result<> in_child(const std::function<Result<>()>& work,
                                const std::optional<Deadline>& deadline = std::nullopt);

/// The same of work that is another program of ours: its arguments come after its path, its
/// environment is empty, and what in_child() has through a pipe it has on its standard output,
/// which is its standard error too: a message, and as exit status an Exit. Exit::internal if it
/// does not run, with what it said of that.
[[nodiscard]] Result<> in_program(const std::string& path,
                                  std::initializer_list<std::string_view> arguments);

/// Of a program that is installed beside this one, even if an upgrade has replaced this one's file
/// since it began.
[[nodiscard]] Result<std::string> path_beside(std::string_view program);

}  // namespace socklid
