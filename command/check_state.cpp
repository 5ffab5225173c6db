// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>

#include <algorithm>

#include "command/builds.hpp"
#include "command/check.hpp"
#include "command/container.hpp"
#include "command/output.hpp"
#include "hook/linux_kernel.hpp"
#include "hook/socket_guard.hpp"

namespace socklid::command {
namespace {

Result<std::vector<Container>> all_containers(const Paths& paths) {
  LinuxKernel kernel(paths, Deadline::after_seconds(run_seconds));
  return containers(kernel);
}

}  // namespace

Check check_builds(const Paths& paths) {
  const char* const name = "builds";
  const auto loaded = loaded_builds(paths);
  if (!loaded) return failed(name, loaded.error().message);
  const auto all = all_containers(paths);
  if (!all) return failed(name, all.error().message);
  std::vector<std::string> others;
  for (const std::string& hash : *loaded) {
    if (hash == object_hash()) continue;
    const auto users = std::count_if(all->begin(), all->end(), [&](const Container& one) {
      return one.entry.record && one.entry.record->object_hash == hash;
    });
    others.push_back(printable(hash) + " (" + std::to_string(users) + " containers)");
  }
  if (others.empty()) return passed(name, "no programs of another version are loaded");
  return passed(name, "programs of other versions are loaded: " + joined(others, ", ") +
                          "; socklid unload removes them once no container is under policy");
}

Check check_containers(const Paths& paths) {
  const char* const name = "containers";
  const auto all = all_containers(paths);
  if (!all) return failed(name, all.error().message);
  std::size_t active = 0;
  std::size_t gone = 0;
  std::vector<std::string> incomplete;
  for (const Container& one : *all) {
    if (one.state == State::active) ++active;
    if (one.state == State::gone) ++gone;
    if (one.state == State::incomplete) incomplete.push_back(printable(id_of(one)));
  }
  const std::string detail =
      std::to_string(active) + " under policy, " + std::to_string(gone) + " gone, not cleaned yet";
  if (incomplete.empty()) return passed(name, detail);
  return failed(name, detail + "; incomplete: " + joined(incomplete, ", "),
                "stop and start these containers: their policy may not be in force");
}

}  // namespace socklid::command
