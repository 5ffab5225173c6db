// SPDX-License-Identifier: Apache-2.0
//
// RunningContainer: a container that asks for a policy and runs on this node, as the files of its
// runtime or engine tell. No daemon is asked, and our own state is not looked at: what is found
// here and not there has never met the hook (command/running/unguarded.hpp).
//
//   const Survey survey = running_containers("");
//   for (const RunningContainer& one : survey.containers) use(one.id, one.annotations);
//
// Two kinds of directories are read, one per container:
//
//   state    of a runtime: crun's `status`, with a copy of config.json beside it; runc's and
//            youki's `state.json`. Below /run/crun, /run/runc, /run/youki, containerd's and
//            Docker's runc roots. They are written after the createRuntime hooks have run
//            (crun: libcrun_container_run_internal; runc: initProcess.start), so a container
//            that is being made is not seen too early.
//   bundle   of an engine: config.json and a file with the process id, which the runtime writes
//            (`--pid-file`) after the hooks too. CRI-O and podman: /run/containers/storage,
//            /var/lib/containers/storage. containerd: its v2 tasks.
//
// systemd-nspawn keeps neither: its command line names the bundle (command/running/nspawn.hpp).
//
// Runtimes that were given another root (`--root`) and the directories of rootless users are not
// searched.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "annotations/parser.hpp"

namespace socklid::command {

struct RunningContainer {
  std::string source;  ///< the directory that names it, "/run/crun/ID"
  std::string id;
  pid_t pid{0};        ///< of its first process, which lives and is no zombie
  std::string cgroup;  ///< of that process, as in /proc/PID/cgroup; empty: none of cgroup v2
  annotations::Annotations annotations;  ///< all, at least one of them ours
  friend bool operator==(const RunningContainer&, const RunningContainer&) = default;
};

struct Survey {
  std::vector<RunningContainer> containers;  ///< each process once, by process id
  std::vector<std::string> unread;           ///< what could not be read, and why: one line each
};

/// Looks below the directory `root`, which is empty for the node itself and a tree of a test's own
/// else. What vanishes meanwhile was a container that ended.
[[nodiscard]] Survey running_containers(const std::string& root);

}  // namespace socklid::command
