// SPDX-License-Identifier: Apache-2.0
//
// NetnsIndex: network namespaces by inode number, for who asks for many: the mounts are read once,
// and the processes of the node once and only if a namespace is neither a process's that is named
// nor mounted.
//
//   NetnsIndex index;
//   if (const auto netns = SL_TRY(index.find(record.netns, record.pid))) look_inside(*netns);
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "base/result.hpp"
#include "hook/netns.hpp"

namespace socklid {

class NetnsIndex {
 public:
  /// `likely` is a process that was in it. Nothing if it is gone. Exit::netns.
  [[nodiscard]] Result<std::optional<NetnsRef>> find(std::uint64_t inode, pid_t likely);

 private:
  [[nodiscard]] Result<> read_mounts();
  [[nodiscard]] Result<> read_processes();

  bool mounts_read_{false};
  bool processes_read_{false};
  std::map<std::uint64_t, std::string> places_;  ///< paths, of mounts or below /proc
};

}  // namespace socklid
