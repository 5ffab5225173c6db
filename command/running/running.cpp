// SPDX-License-Identifier: Apache-2.0
#include "command/running/running.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>

#include "base/text.hpp"
#include "command/files.hpp"
#include "command/running/nspawn.hpp"
#include "command/running/runtime_files.hpp"
#include "node/cgroup.hpp"
#include "node/engine.hpp"
#include "system/files.hpp"
#include "system/process.hpp"

namespace socklid::command {
namespace {

struct Process {
  std::uint64_t start_time{0};
  std::string cgroup;
};

/// Nothing if it does not live.
std::optional<Process> look_at(const std::string& root, pid_t pid) {
  const std::string directory = root + "/proc/" + std::to_string(pid);
  const auto stat = read_file(AT_FDCWD, directory + "/stat", Exit::process);
  if (!stat) return std::nullopt;
  const std::size_t name_end = stat->rfind(')');
  const char state =
      name_end != std::string::npos && name_end + 2 < stat->size() ? (*stat)[name_end + 2] : 'X';
  const auto start = parse_start_time(*stat);
  // A process whose first thread has ended goes on with the others.
  const bool others_live = state == 'Z' && names_in(directory + "/task").size() > 1;
  if ((state == 'Z' && !others_live) || state == 'X' || !start) return std::nullopt;
  Process process{.start_time = *start, .cgroup = {}};
  if (const auto text = read_file(AT_FDCWD, directory + "/cgroup", Exit::cgroup)) {
    if (auto path = parse_unified_path(*text)) process.cgroup = std::move(*path);
  }
  return process;
}

/// Whether a part of the cgroup's path is named after `id`, as "libpod-ID.scope" is, or as youki
/// does it, ":youki:ID".
bool has_part_named_after(std::string_view cgroup, std::string_view id) {
  const std::string youkis = concat(":", id);
  for (const std::string_view part : split(cgroup, '/')) {
    if (is_named_after(part, id)) return true;
    if (part.ends_with(youkis) || part.ends_with(youkis + ".scope")) return true;
  }
  return false;
}

class Surveyor {
 public:
  explicit Surveyor(std::string root) : root_(std::move(root)) {}

  void states(const std::string& parent) {
    for (const std::string& id : names_in(root_ + parent)) {
      const std::string directory = parent + "/" + id;
      add(directory, id, read_state_directory(root_, root_ + directory));
    }
  }

  /// Of each namespace below `parent`.
  void states_by_namespace(const std::string& parent) {
    for (const std::string& name : names_in(root_ + parent)) states(parent + "/" + name);
  }

  /// `below` the directory of each container.
  void bundles(const std::string& parent, const std::string& pids, const std::string& below,
               const std::string& pid_file) {
    for (const std::string& id : names_in(root_ + parent)) {
      const std::string inside = "/" + id + below;
      add(parent + inside, id,
          read_bundle(root_ + parent + inside + "/config.json",
                      root_ + pids + inside + "/" + pid_file));
    }
  }

  void bundles_by_namespace(const std::string& parent, const std::string& pid_file) {
    for (const std::string& name : names_in(root_ + parent)) {
      const std::string inside = parent + "/" + name;
      bundles(inside, inside, "", pid_file);
    }
  }

  void of_nspawn() {
    for (NspawnContainer& one : nspawn_containers(root_)) {
      add(one.bundle, one.machine, std::move(one.answer));
    }
  }

  Survey finish() {
    std::sort(survey_.containers.begin(), survey_.containers.end(),
              [](const auto& a, const auto& b) { return a.pid < b.pid; });
    return std::move(survey_);
  }

 private:
  void add(const std::string& directory, const std::string& id, const MaybeAnswer& maybe) {
    if (!maybe) return survey_.unread.push_back(maybe.error().message);
    if (!*maybe || (*maybe)->pid == 0) return;
    const RuntimeAnswer& answer = **maybe;
    const auto known = [&](const RunningContainer& one) { return one.pid == answer.pid; };
    if (std::any_of(survey_.containers.begin(), survey_.containers.end(), known)) return;
    auto process = look_at(root_, answer.pid);
    if (!process) return;
    // A file that outlived its process may name the number of another one by now. A runtime says
    // when its process began; an engine calls the cgroup after the container.
    const bool same = answer.start_time != 0 ? answer.start_time == process->start_time
                                             : has_part_named_after(process->cgroup, id);
    if (!same) return;
    RunningContainer running{.source = directory,
                             .id = id,
                             .pid = answer.pid,
                             .cgroup = std::move(process->cgroup),
                             .annotations = {}};
    auto annotations = annotations_of(answer);
    if (!annotations) {
      if (look_at(root_, running.pid)) survey_.unread.push_back(annotations.error().message);
      return;
    }
    if (!annotations::any(*annotations)) return;
    running.annotations = std::move(*annotations);
    survey_.containers.push_back(std::move(running));
  }

  std::string root_;
  Survey survey_;
};

}  // namespace

Survey running_containers(const std::string& root) {
  Surveyor surveyor(root);
  surveyor.states("/run/crun");
  surveyor.states("/run/runc");
  surveyor.states("/run/youki");
  surveyor.states_by_namespace("/run/containerd/runc");
  surveyor.states_by_namespace("/run/docker/runtime-runc");
  const std::string run = "/run/containers/storage/overlay-containers";
  const std::string var = "/var/lib/containers/storage/overlay-containers";
  surveyor.bundles(run, run, "/userdata", "pidfile");  // CRI-O
  surveyor.bundles(var, run, "/userdata", "pidfile");  // podman
  surveyor.bundles_by_namespace("/run/containerd/io.containerd.runtime.v2.task", "init.pid");
  surveyor.of_nspawn();
  return surveyor.finish();
}

}  // namespace socklid::command
