// SPDX-License-Identifier: Apache-2.0
#include "command/unload.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "command/builds.hpp"
#include "command/output.hpp"
#include "hook/cgroup.hpp"
#include "hook/hook.hpp"
#include "hook/linux_kernel.hpp"
#include "hook/socket_guard.hpp"

namespace socklid::command {
namespace {

void report(const std::string& message) {
  std::fprintf(stderr, "socklid: %s\n", printable(message).c_str());
}

/// By looking again: what ends a container is the removal of its cgroup, which nobody announces to
/// those who hold no file of it. Without the lock, which others need meanwhile.
Result<> wait_for_containers(const Paths& paths) {
  constexpr unsigned seconds = 2;
  while (true) {
    LinuxKernel kernel(paths, Deadline::after_seconds(run_seconds));
    const std::vector<Container> all = SL_TRY(containers(kernel));
    const auto waited_for = [](const Container& one) { return runs(one); };
    if (std::none_of(all.begin(), all.end(), waited_for)) return {};
    ::sleep(seconds);
  }
}

}  // namespace

std::string refusal(const std::vector<Container>& left) {
  if (left.empty()) return {};
  std::vector<std::string> ids;
  for (const Container& one : left) ids.push_back(id_of(one));
  return "unload: containers are under policy: " + joined(ids, ", ") + "; stop them first";
}

Result<int> unload(const UnloadOptions& options) {
  SL_CHECK(check_root("unload"));
  const Paths paths;
  if (options.wait) SL_CHECK(wait_for_containers(paths));
  LinuxKernel kernel(paths, Deadline::after_seconds(run_seconds));
  SL_CHECK(kernel.begin());  // holds the lock until we are done
  for (const Error& error : collect_garbage(kernel)) report(error.message);
  if (const std::string why = refusal(SL_TRY(containers(kernel))); !why.empty()) {
    report(why);
    return 1;
  }
  const std::string mount = SL_TRY(find_cgroup_mount()).point;
  const std::vector<std::string> builds = SL_TRY(loaded_builds(paths));
  for (const std::string& hash : builds) SL_CHECK(SocketGuard::unload(hash, mount));
  // What is left are empty directories; one that is not stays.
  (void)::rmdir((paths.bpffs + "/programs").c_str());
  (void)::rmdir((paths.bpffs + "/containers").c_str());
  (void)::rmdir(paths.bpffs.c_str());
  print(builds.empty() ? "nothing was loaded\n" : "unloaded\n");
  return 0;
}

}  // namespace socklid::command
