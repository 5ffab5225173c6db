// SPDX-License-Identifier: Apache-2.0
#include "command/node/unload.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "command/output.hpp"
#include "command/running/builds.hpp"
#include "guard/guard.hpp"
#include "hook/hook.hpp"
#include "hook/linux_node.hpp"
#include "node/cgroup.hpp"
#include "system/files.hpp"

namespace socklid::command {
namespace {

/// Seconds between two looks: what ends a container is the removal of its cgroup, which nobody
/// announces to those who hold no file of it.
constexpr unsigned patience = 2;

/// A cgroup without processes, whose container's first one has ended, is nobody's: it is never
/// started again. Whatever else is left of a container is waited for while its cgroup lives.
bool is_over(Node& node, const StoreEntry& entry) {
  if (node.liveness(entry.parts.cgroup_id) != Liveness::empty) return false;
  return !entry.record || node.has_ended(*entry.record);
}

void remove_what_is_over(Node& node) {
  const auto entries = node.entries();
  if (!entries) return print_error(entries.error().message);
  for (const StoreEntry& entry : *entries) {
    if (!is_over(node, entry)) continue;
    for (const Error& error : remove_entry(node, entry)) print_error(error.message);
  }
}

/// All of <run>, the lock last: a run that waits for it finds it unlinked and takes a new one
/// (NodeLock::acquire).
Result<> remove_run_directory(const Paths& paths) {
  const UniqueFd run(::open(paths.run.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
  if (!run) return errno == ENOENT ? Result<>{} : fail_errno(Exit::store, "open " + paths.run);
  for (const std::string& name : SL_TRY(list_directory(run.get()))) {
    if (name != "lock") SL_CHECK(remove_tree(run.get(), name));
  }
  SL_CHECK(remove_file(run.get(), "lock"));
  // Another run may have begun in it since.
  if (::rmdir(paths.run.c_str()) != 0 && errno != ENOENT && errno != ENOTEMPTY) {
    return fail_errno(Exit::store, "remove " + paths.run);
  }
  return {};
}

/// Whether this program's file was replaced while it waited: the package that it was left behind by
/// is here again, and with it a reason to keep what is loaded.
bool is_installed_again() {
  std::array<char, 4096> buffer{};
  const ssize_t length = ::readlink("/proc/self/exe", buffer.data(), buffer.size());
  const std::string_view path(buffer.data(), length > 0 ? static_cast<std::size_t>(length) : 0);
  constexpr std::string_view deleted = " (deleted)";
  if (!path.ends_with(deleted)) return false;
  return ::access(std::string(path.substr(0, path.size() - deleted.size())).c_str(), F_OK) == 0;
}

/// 1 and `why` while a container is under policy.
Result<int> unload_once(bool purge, std::string& why) {
  const Paths paths;
  LinuxNode node(paths, Deadline::after_seconds(run_seconds));
  SL_CHECK(node.begin());  // holds the lock until we are done
  if (is_installed_again()) {
    print("socklid was installed again: nothing is unloaded\n");
    return 0;
  }
  for (const Error& error : collect_garbage(node).errors) print_error(error.message);
  remove_what_is_over(node);
  why = refusal(SL_TRY(containers(node)));
  if (!why.empty()) return 1;
  const std::string mount = SL_TRY(find_cgroup_mount()).point;
  const std::vector<std::string> builds = SL_TRY(loaded_builds(paths));
  for (const std::string& hash : builds) SL_CHECK(SocketGuard::unload(hash, mount));
  // What is left are empty directories; one that is not stays.
  (void)::rmdir((paths.bpffs + "/programs").c_str());
  (void)::rmdir((paths.bpffs + "/containers").c_str());
  (void)::rmdir(paths.bpffs.c_str());
  if (purge) SL_CHECK(remove_run_directory(paths));
  print(builds.empty() ? "nothing was loaded\n" : "unloaded\n");
  return 0;
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
  std::string said;
  while (true) {
    std::string why;
    const auto done = unload_once(options.purge, why);
    if (!options.wait && !done) return done;
    if (done && *done == 0) return 0;
    if (!done) why = done.error().message;
    // A waiter outlives its package and has nobody to give up to: what hinders it may pass.
    if (why != said) print_error(why);
    said = why;
    if (!options.wait) return 1;
    ::sleep(patience);
  }
}

}  // namespace socklid::command
